#include "store/ended_fires.hpp"

#include "model/backfill.hpp"
#include "model/job_fields.hpp"
#include "model/run_request.hpp"

#include <algorithm>
#include <ranges>

namespace peercron {
namespace {

/// Whether a report that ends a run is the first word on its end, or the truth about it.
bool counts(RunState before, RunState reported, GivesWay rule)
{
    return reported != before && gives_way(before, reported, rule);
}

void add(EndedFire& fire, KeptPast& past)
{
    if (did_run(fire.run.outcome) && !past.is_daemon) {
        const UsualRun usual = past.is_made ? UsualRun() : usual_run_of(past.statistics);
        fire.oddities = oddities_of(fire.run, usual, past.slow_after);
        past.oddities = fire.oddities;
    }
    if (!past.is_made) past.statistics.add(fire.run);
    if (past.late_goal.count() > 0) past.goal.add(fire.run, past.late_goal);
}

}  // namespace

void set_job_rules(KeptPast& past, const NoticeDefaults& defaults, const RunLimits& own,
                   bool is_daemon, std::string_view tags)
{
    const JobKind kind = is_daemon ? JobKind::daemon : JobKind::command;
    const RunLimits limits = run_limits(defaults, own, split_words(tags), kind);
    past.slow_after = limits.slow_after;
    past.late_goal = limits.late_goal;
    past.is_daemon = is_daemon;
}

std::optional<EndedFire> ended_fire(const RunReport& report, RunState before, GivesWay rule,
                                    const FireOrigin& origin)
{
    const auto outcome = outcome_of(report.state, report.reason.cause);
    if (report.rehearsal || !outcome || !counts(before, report.state, rule)) return std::nullopt;
    EndedFire fire;
    fire.job = report.id.job;
    fire.run_server = report.run_server;
    EndedRun& run = fire.run;
    run.scheduled_at = report.id.scheduled_at;
    run.attempt = report.id.attempt;
    run.part = report.id.part;
    run.parts = report.id.parts;
    run.outcome = *outcome;
    run.was_lost = before == RunState::lost;
    run.started_at = report.started_at;
    run.retry_at = origin.retry_at;
    run.of_backfill = origin.of_backfill;
    run.use_time = report.use_time;
    run.output_bytes = report.output_bytes;
    run.max_rss = report.max_rss;
    return fire;
}

std::optional<EndedFire> ended_fire(const PlannedRun& planned)
{
    const auto outcome = outcome_of(planned.state, planned.reason.cause);
    if (!outcome || is_rehearsal(planned.requested_by)) return std::nullopt;
    EndedFire fire;
    fire.job = planned.id.job;
    fire.run.scheduled_at = planned.id.scheduled_at;
    fire.run.attempt = planned.id.attempt;
    fire.run.part = planned.id.part;
    fire.run.parts = planned.id.parts;
    fire.run.outcome = *outcome;
    fire.run.fires = planned.fires;
    return fire;
}

std::optional<EndedFire> grown_fires(const PlannedRun& run, std::int64_t before)
{
    if (run.fires <= before) return std::nullopt;
    auto fire = ended_fire(run);
    if (!fire) return std::nullopt;
    fire->run.scheduled_at = run.gap_end;
    fire->run.fires = run.fires - before;
    return fire;
}

std::optional<EndedFire> ended_fire(const LogRow& row)
{
    auto fire = ended_fire(row.run, RunState::planned, GivesWay::only_open,
                           {row.retry_at, is_of_backfill(row.requested_by)});
    if (fire) fire->run.fires = row.fires;
    return fire;
}

std::size_t rows_for_statistics(std::span<const LogRow> newest)
{
    constexpr std::size_t least_fires = 10;
    std::size_t parts = 1;
    for (const LogRow& row : newest) {
        parts = std::max(parts, static_cast<std::size_t>(row.run.id.parts));
    }
    return std::max(rows_of_statistics, least_fires * parts);
}

JobStatistics statistics_of(std::span<const LogRow> rows)
{
    JobStatistics statistics;
    for (const LogRow& row : std::views::reverse(rows)) {
        if (const auto fire = ended_fire(row)) statistics.add(fire->run);
    }
    return statistics;
}

std::set<JobId> jobs_of(std::span<const EndedFire> fires)
{
    std::set<JobId> jobs;
    for (const EndedFire& fire : fires) jobs.insert(fire.job);
    return jobs;
}

std::set<TallyKey> tallies_of(std::span<const EndedFire> fires)
{
    std::set<TallyKey> keys;
    for (const EndedFire& fire : fires) {
        keys.insert({tally_of(fire.run.scheduled_at), fire.run_server});
    }
    return keys;
}

void add(std::span<EndedFire> fires, std::map<JobId, KeptPast>& pasts,
         std::map<TallyKey, RunTally>& tallies)
{
    for (EndedFire& fire : fires) {
        const auto past = pasts.find(fire.job);
        if (past != pasts.end()) add(fire, past->second);
        const auto tally = tallies.find({tally_of(fire.run.scheduled_at), fire.run_server});
        if (tally != tallies.end()) tally->second.add(fire.run);
    }
}

StatisticsColumns columns_of(const KeptPast& past)
{
    const JobStatistics& statistics = past.statistics;
    StatisticsColumns columns;
    columns.statistics = statistics.to_text();
    if (const auto last = statistics.last_outcome()) columns.last_state = to_string(*last);
    if (const auto usual = statistics.usual_time()) columns.usual_time = usual->count();
    columns.late_p99 = statistics.lateness().quantile(0.99);
    if (past.late_goal.count() > 0) columns.goal = past.goal.to_text();
    if (past.oddities.any()) columns.oddities = to_string(past.oddities);
    return columns;
}

}  // namespace peercron
