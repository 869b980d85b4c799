#include "api/rows.hpp"

#include "api/job_rules.hpp"
#include "base/overloaded.hpp"
#include "model/job_fields.hpp"

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

void write_value(JsonWriter& json, const FieldValue& value)
{
    std::visit(Overloaded{
                   [&](std::monostate) { json.null(); },
                   [&](const std::vector<std::string>& words) {
                       json.begin_array();
                       for (const std::string& word : words) json.value(word);
                       json.end_array();
                   },
                   [&](const auto& one) { json.value(one); },
               },
               value);
}

void write_definition_fields(JsonWriter& json, const Job& job)
{
    json.field("id", job.id);
    for (const JobField& field : job_fields) {
        json.key(field.name);
        write_value(json, shown_value(field, job));
    }
}

}  // namespace

void field_millis(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time)
{
    json.key(name);
    if (time) {
        json.value(std::int64_t{to_unix_millis(*time)});
    } else {
        json.null();
    }
}

void write_texts(JsonWriter& json, std::string_view name, std::span<const std::string> texts)
{
    json.key(name);
    json.begin_array();
    for (const std::string& text : texts) json.value(text);
    json.end_array();
}

void write_definition(JsonWriter& json, const Job& job)
{
    json.begin_object();
    write_definition_fields(json, job);
    json.end_object();
}

void write_job_fields(JsonWriter& json, const Job& job, const JobView& view)
{
    write_definition_fields(json, job);
    json.field("run_num", job.counters.run_num);
    field_millis(json, "last_run_at", job.counters.last_run_at);
    const ScheduleFacts schedule =
        schedule_facts(job, view.default_time_zone, view.now, view.pauses, view.calendars);
    field_millis(json, "next_run_at", schedule.next);
    json.field("state", job.stop ? "stopped" : schedule.is_over ? "done" : "enabled");
    json.field("schedule_in_words", schedule.words);
    json.field("zone", schedule.zone);
    json.key("paused");
    if (const Pause* const pause = view.pauses.find(job, view.now)) {
        write_pause(json, *pause, view.now);
    } else {
        json.null();
    }
    const auto daemon = view.daemons.find(job.id);
    if (daemon == view.daemons.end()) return;
    json.key("daemon");
    write_daemon(json, daemon->second);
}

void write_pause(JsonWriter& json, const Pause& pause, WallTime now)
{
    json.begin_object();
    json.field("id", pause.id);
    json.field("cron_id", pause.job);
    json.field("tag", pause.tag);
    field_millis(json, "begins_at", pause.begins_at);
    field_millis(json, "until", pause.until);
    field_millis(json, "ended_at", pause.ended_at);
    json.field("reason", pause.reason);
    json.field("made_by", pause.made_by);
    json.field("ended_by", pause.ended_by);
    json.field("active", pause.covers(now));
    json.end_object();
}

void write_pauses(JsonWriter& json, std::span<const Pause> pauses, WallTime now)
{
    json.begin_array();
    for (const Pause& pause : pauses) write_pause(json, pause, now);
    json.end_array();
}

void write_oddities(JsonWriter& json, const Oddities& oddities)
{
    json.key("unusual");
    json.begin_array();
    for (std::size_t i = 0; i < oddity_words.size(); ++i) {
        if (oddities.test(i)) json.value(oddity_words[i]);
    }
    json.end_array();
}

namespace {

/// Of the last days; without a goal all is null.
void write_goal(JsonWriter& json, std::chrono::milliseconds goal, const GoalRecord& record,
                WallTime now)
{
    constexpr double thousandths = 1000;
    const bool has_goal = goal.count() > 0;
    // Until the first fire after a change the record is of the goal before.
    const GoalCount count = record.goal() == goal ? record.lately(now) : GoalCount();
    const auto if_goal = [has_goal](std::int64_t number) {
        return has_goal ? std::optional(number) : std::nullopt;
    };
    json.field("goal_fires", if_goal(count.fires));
    json.field("goal_met", if_goal(count.met));
    json.key("goal_percent");
    const auto share = count.share();
    if (has_goal && share) {
        json.value(static_cast<double>(*share) / thousandths);
    } else {
        json.null();
    }
}

}  // namespace

void write_past(JsonWriter& json, const RunLimits& limits, const JobInsight& insight, Strip strip,
                WallTime now)
{
    const JobStatistics& past = insight.statistics;
    const auto last = past.last_outcome();
    json.field("last_state", last ? std::optional(to_string(*last)) : std::nullopt);
    field_millis(json, "last_success_at", past.last_success_at());
    json.field("failures_in_row", past.failures_in_row());
    field_millis(json, "failing_since", past.failing_since());
    json.field("running", insight.running);
    json.field("usual_time", past.use_time().quantile(0.5));
    json.field("usual_p95", past.use_time().quantile(0.95));
    json.field("late_p99", past.lateness().quantile(0.99));
    write_goal(json, limits.late_goal, insight.goal, now);
    write_oddities(json, insight.oddities);
    if (strip == Strip::left_out) return;
    json.field("last_runs_by", past.is_by_minute() ? "minute" : "run");
    json.key("last_runs");
    json.begin_array();
    for (const RunTick& tick : past.ticks()) {
        json.begin_object();
        field_millis(json, "at", tick.at);
        json.field("state", to_string(tick.outcome));
        json.field("use_time", std::int64_t{tick.use_time.count()});
        json.field("runs", tick.runs);
        json.end_object();
    }
    json.end_array();
}

namespace {

void write_log_fields(JsonWriter& json, const LogRow& row, const NamesOfJobs& names)
{
    const RunReport& run = row.run;
    json.field("id", row.id);
    json.field("cron_id", run.id.job);
    json.field("time", row.time);
    json.field("output", run.output);
    json.field("use_time", std::int64_t{run.use_time.count()});
    json.field("dispatch_server", run.dispatch_server);
    json.field("run_server", run.run_server);
    json.field("dispatch_time", row.dispatch_time);
    field_millis(json, "scheduled_at", run.id.scheduled_at);
    field_millis(json, "started_at", run.started_at);
    field_millis(json, "ended_at", run.ended_at);
    json.field("state", to_string(run.state));
    json.field("reason", to_string(run.reason));
    json.field("cause", to_string(run.reason.cause));
    json.field("exit_code", run.exit_code);
    json.field("term_signal", run.term_signal);
    json.field("http_status", run.http_status);
    json.field("attempt", run.id.attempt);
    json.field("part", run.id.part);
    json.field("parts", run.id.parts);
    json.field("for_node", run.id.node);
    json.field("epoch", run.epoch);
    json.field("requested_by", row.requested_by);
    json.field("rehearsal", run.rehearsal);
    field_millis(json, "retry_at", row.retry_at);
    json.field("cpu_time", std::int64_t{run.cpu_time.count()});
    json.field("max_rss", run.max_rss);
    json.field("output_bytes", run.output_bytes);
    json.field("output_cut", row.output_cut);
    write_oddities(json, row.oddities);
    json.key("name");
    const auto name = names.find(run.id.job);
    if (name == names.end()) {
        json.null();
    } else {
        json.value(name->second);
    }
    if (row.gap_end) {
        json.field("fires", row.fires);
        field_millis(json, "gap_end", row.gap_end);
    }
}

void write_account(JsonWriter& json, const RunReport& run)
{
    json.begin_object();
    json.field("run_server", run.run_server);
    json.field("state", to_string(run.state));
    json.field("reason", to_string(run.reason));
    field_millis(json, "started_at", run.started_at);
    field_millis(json, "ended_at", run.ended_at);
    json.field("use_time", std::int64_t{run.use_time.count()});
    json.field("exit_code", run.exit_code);
    json.field("term_signal", run.term_signal);
    json.field("http_status", run.http_status);
    json.field("epoch", run.epoch);
    json.field("output", run.output);
    json.field("output_bytes", run.output_bytes);
    json.end_object();
}

}  // namespace

NamesOfJobs read_names(Store& store, std::span<const LogRow> rows)
{
    std::set<JobId> jobs;
    for (const LogRow& row : rows) jobs.insert(row.run.id.job);
    NamesOfJobs names;
    if (jobs.empty()) return names;
    const std::vector<JobId> ids(jobs.begin(), jobs.end());
    for (Job& job : store.find_jobs_by_id(ids)) names.emplace(job.id, std::move(job.name));
    return names;
}

void write_log_row(JsonWriter& json, const LogRow& row, const NamesOfJobs& names)
{
    json.begin_object();
    write_log_fields(json, row, names);
    json.end_object();
}

void write_whole_row(JsonWriter& json, const LogRow& row, const NamesOfJobs& names,
                     std::span<const DoubledRun> doubled)
{
    json.begin_object();
    write_log_fields(json, row, names);
    if (!doubled.empty()) {
        json.key("doubled");
        json.begin_array();
        for (const DoubledRun& run : doubled) write_account(json, run.other.report);
        json.end_array();
    }
    json.end_object();
}

}  // namespace peercron
