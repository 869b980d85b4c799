#include "api/insight_rows.hpp"

#include "api/rows.hpp"
#include "model/usual.hpp"

#include <algorithm>

namespace peercron {

void write_brief_fields(JsonWriter& json, const LogRow& row)
{
    const RunReport& run = row.run;
    json.field("id", row.id);
    json.field("cron_id", run.id.job);
    field_millis(json, "scheduled_at", run.id.scheduled_at);
    json.field("attempt", run.id.attempt);
    json.field("part", run.id.part);
    json.field("parts", run.id.parts);
    json.field("state", to_string(run.state));
    json.field("cause", to_string(run.reason.cause));
    json.field("reason", to_string(run.reason));
    json.field("run_server", run.run_server);
    field_millis(json, "started_at", run.started_at);
    field_millis(json, "ended_at", run.ended_at);
    json.field("use_time", std::int64_t{run.use_time.count()});
    json.field("exit_code", run.exit_code);
    json.field("term_signal", run.term_signal);
    json.field("http_status", run.http_status);
    field_millis(json, "retry_at", row.retry_at);
    json.field("requested_by", row.requested_by);
    json.field("rehearsal", run.rehearsal);
    json.field("fires", row.fires);
    field_millis(json, "gap_end", row.gap_end);
    write_oddities(json, row.oddities);
}

void write_brief(JsonWriter& json, const std::optional<LogRow>& row)
{
    if (!row) {
        json.null();
        return;
    }
    json.begin_object();
    write_brief_fields(json, *row);
    json.end_object();
}

void write_tally_fields(JsonWriter& json, const RunTally& tally)
{
    for (std::size_t i = 0; i < outcome_words.size(); ++i) {
        json.field(outcome_words[i], tally.fires[i]);
    }
    json.field("late_p50", tally.lateness.quantile(0.5));
    json.field("late_p99", tally.lateness.quantile(0.99));
}

void field_duration(JsonWriter& json, std::string_view name,
                    const std::optional<std::chrono::milliseconds>& time)
{
    json.key(name);
    if (time) {
        json.value(std::int64_t{time->count()});
    } else {
        json.null();
    }
}

std::chrono::milliseconds elapsed(const LogRow& row, WallTime now)
{
    const auto begun = row.run.started_at.value_or(now);
    return std::max(now - begun, std::chrono::milliseconds(0));
}

bool is_slow(const LogRow& row, std::chrono::seconds slow_after, const JobStatistics& statistics,
             WallTime now)
{
    if (slow_after.count() > 0) return elapsed(row, now) > slow_after;
    const UsualTime usual = usual_time_of(statistics);
    return usual.slow_after && elapsed(row, now) > *usual.slow_after;
}

}  // namespace peercron
