#include "simulation/database.hpp"

#include "model/output_to_come.hpp"
#include "store/history.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace peercron::simulation {
namespace {

constexpr auto lately = 10s;             // mysql_ledger.cpp: how far ended_lately looks back
constexpr auto remembered_step = 10min;  // mysql_ledger.cpp: TermStart::set_back_from
constexpr auto cursor_overlap = 30s;     // mysql_store.cpp: overlap_seconds

}  // namespace

Job Database::add_job(Job draft, WallTime at)
{
    at = not_ahead(at);
    draft.id = ++last_job_;
    draft.effective_from = at;
    draft.counters = {};
    cron_[draft.id] = draft;
    changed_at_[draft.id] = world_.now();
    note_revision(draft.id, std::nullopt, draft, at);
    watcher_.job_written(draft.id, &draft, at);
    return draft;
}

std::optional<Job> Database::update_job(JobId id, const JobPatch& patch, WallTime at)
{
    const auto found = cron_.find(id);
    if (found == cron_.end()) return std::nullopt;
    const Job before = found->second;
    at = effective_moment(before, not_ahead(at));
    found->second = apply(before, patch);
    found->second.effective_from = at;
    changed_at_[id] = world_.now();
    note_revision(id, before, found->second, at);
    watcher_.job_written(id, &found->second, at);
    return found->second;
}

bool Database::delete_job(JobId id, WallTime at)
{
    const auto found = cron_.find(id);
    if (found == cron_.end()) return false;
    at = effective_moment(found->second, not_ahead(at));
    note_revision(id, found->second, std::nullopt, at);
    cron_.erase(found);
    changed_at_.erase(id);
    watcher_.job_written(id, nullptr, at);
    return true;
}

/// mysql_store.cpp: not_ahead().
WallTime Database::not_ahead(WallTime at) const
{
    const std::optional<WallTime> now = clock();
    return now && at > *now + 1s ? *now : at;
}

void Database::note_revision(JobId id, std::optional<Job> before, std::optional<Job> after,
                             WallTime at)
{
    Revision revision;
    revision.id = static_cast<std::int64_t>(revisions_.size()) + 1;
    revision.job = id;
    revision.effective_from = at;
    if (before) revision.before = definition_of(std::move(*before));
    if (after) revision.after = definition_of(std::move(*after));
    for (std::optional<Job>* job : {&revision.before, &revision.after}) {
        if (*job) (*job)->id = id;
    }
    revisions_.push_back(std::move(revision));
}

JobChanges Database::changes_since(const JobCursor& cursor) const
{
    World::Time since = World::Time::min();
    if (!cursor.changed_at.empty()) {
        since = World::Time(World::Time::duration(std::stoll(cursor.changed_at))) - cursor_overlap;
    }
    JobChanges changes;
    for (const auto& [id, job] : cron_) {
        if (changed_at_.at(id) >= since) changes.changed.push_back(job);
        ++changes.count;
        changes.id_sum += id;
    }
    changes.next.changed_at = std::to_string(world_.now().time_since_epoch().count());
    return changes;
}

std::vector<JobId> Database::job_ids() const
{
    std::vector<JobId> ids;
    for (const auto& [id, job] : cron_) ids.push_back(id);
    return ids;
}

std::vector<Job> Database::find_jobs(std::span<const JobId> ids) const
{
    std::vector<Job> jobs;
    for (const JobId id : ids) {
        const auto found = cron_.find(id);
        if (found != cron_.end()) jobs.push_back(found->second);
    }
    return jobs;
}

JobPast Database::find_past(const PastQuery& query) const
{
    JobPast past;
    past.job = *query.only;
    for (const Revision& revision : revisions_) {
        if (revision.job != past.job) continue;
        if (revision.effective_from < query.from) past.revisions.clear();
        past.revisions.push_back(revision);
        past.revisions.back().before.reset();
    }
    return past;
}

Pause Database::add_pause(Pause pause)
{
    pause.id = static_cast<std::int64_t>(pauses_.size()) + 1;
    pauses_.push_back(pause);
    watcher_.pause_written(pause);
    return pause;
}

/// All that are not over.
std::vector<Pause> Database::end_pauses(WallTime at)
{
    std::vector<Pause> ended;
    for (Pause& pause : pauses_) {
        if (pause.end() <= at) continue;
        pause.ended_at = at;
        watcher_.pause_written(pause);
        ended.push_back(pause);
    }
    return ended;
}

std::vector<Pause> Database::pauses() const
{
    if (mutation_ == Mutation::forgets_pauses) return {};
    std::vector<Pause> pauses = pauses_;
    if (mutation_ == Mutation::knows_no_end_of_pauses) {
        for (Pause& pause : pauses) {
            pause.until.reset();
            pause.ended_at.reset();
        }
    }
    return pauses;
}

/// Of the one calendar that there is.
Calendar Database::put_calendar(Calendar calendar)
{
    calendar.id = static_cast<std::int64_t>(calendars_.size()) + 1;
    if (!calendars_.empty()) {
        calendar.set_at = std::max(calendar.set_at, calendars_.back().set_at);
        calendars_.back().ended_at = calendar.set_at;
    }
    calendars_.push_back(calendar);
    watcher_.calendar_written(calendar);
    return calendar;
}

std::vector<Calendar> Database::calendars() const
{
    if (mutation_ == Mutation::forgets_calendars) return {};
    std::vector<Calendar> calendars = calendars_;
    if (mutation_ == Mutation::knows_old_calendars && !calendars.empty()) {
        calendars.resize(1);
        calendars.front().ended_at.reset();
    }
    return calendars;
}

CalendarStamp Database::calendar_stamp() const
{
    return {static_cast<std::int64_t>(calendars_.size()), 0};
}

void Database::claim_term(Epoch epoch, const NodeName& dispatcher)
{
    if (epoch_ > epoch || (epoch_ == epoch && dispatcher_ != dispatcher)) {
        throw Deposed("the store has a newer epoch", epoch_);
    }
    epoch_ = epoch;
    dispatcher_ = dispatcher;
}

TermStart Database::read_term() const
{
    TermStart found;
    found.planned_through = planned_through_;
    found.last_step = last_step_;
    for (const ClockStep& step : clock_steps_) {
        if (step.at <= *planned_through_ - remembered_step) continue;
        found.set_back_from = std::max(found.set_back_from.value_or(step.from), step.from);
    }
    std::vector<const std::pair<const RunId, LedgerRow>*> open;
    for (const auto& entry : log_) {
        const auto& [id, row] = entry;
        if (!is_final(row.state)) {
            open.push_back(&entry);
        } else if (planned_through_ && id.scheduled_at > *planned_through_ - lately &&
                   row.state != RunState::revoked) {
            found.ended_lately.push_back(id);
        }
    }
    const auto older = [](const auto* a, const auto* b) {
        return a->second.serial < b->second.serial;
    };
    std::sort(open.begin(), open.end(), older);
    for (const auto* entry : open) {
        const LedgerRow& row = entry->second;
        RunId id = entry->first;
        if (mutation_ == Mutation::forgets_parts && id.part > 0) continue;
        if (mutation_ == Mutation::forgets_nodes) id.node.clear();
        std::optional<WallTime> failed_at;
        if (row.retry_at) {
            const LedgerRow* const earlier = find_row(previous_attempt(id));
            failed_at = from_unix_seconds(to_unix_seconds(row.dispatched_at));
            if (earlier != nullptr && earlier->ended_at) failed_at = earlier->ended_at;
        }
        const bool is_retry = row.retry_at && id.attempt > 1;
        if (is_retry && row.state == RunState::planned && row.run_server.empty()) {
            if (mutation_ == Mutation::forgets_waiting) continue;
            found.waiting.push_back({id, *row.retry_at, *failed_at, row.requested_by});
            continue;
        }
        OpenRun run;
        run.planned.id = id;
        run.planned.state = row.state;
        run.planned.reason = row.reason;
        run.planned.run_server = row.run_server;
        run.planned.dispatched_at = from_unix_seconds(to_unix_seconds(row.dispatched_at));
        run.planned.fires = row.fires;
        run.planned.gap_end = row.gap_end;
        run.planned.requested_by = row.requested_by;
        run.planned.retry_at = row.retry_at;
        if (mutation_ == Mutation::forgets_required) run.planned.reason = {};
        if (mutation_ == Mutation::forgets_starts && id.attempt == 1) run.planned.retry_at.reset();
        run.failed_at = failed_at;
        run.epoch = row.epoch;
        run.superseded = log_.contains(next_attempt(id));
        found.open_runs.push_back(std::move(run));
    }
    for (const Revision& revision : revisions_) {
        if (planned_through_ && revision.effective_from > changes_wanted_after(found)) {
            found.changes.push_back(revision);
        }
    }
    if (planned_through_ && mutation_ != Mutation::forgets_skipped) {
        found.skipped_lately = skipped_spans(*planned_through_ - lately);
    }
    for (const auto& [id, job] : cron_) {
        if (job.run_limit > 0) found.run_numbers.emplace_back(id, job.counters.run_num);
    }
    return found;
}

/// pause_tables.hpp: skipped_spans().
std::vector<SkippedSpan> Database::skipped_spans(WallTime since) const
{
    std::vector<SkippedSpan> spans;
    std::map<JobId, WallTime> reaches;  // of the newest row that begins before
    for (const auto& [id, row] : log_) {
        if (id.scheduled_at > since) {
            if (row.fires > 1) spans.push_back({id.job, id.scheduled_at, row.gap_end});
        } else if (row.requested_by.empty()) {
            reaches[id.job] = row.gap_end;
        }
    }
    for (const auto& [job, end] : reaches) {
        const auto found = cron_.find(job);
        if (end <= since || found == cron_.end()) continue;
        const bool was_changed =
            !found->second.calendar.empty() || found->second.effective_from > since;
        if (was_changed || may_be_paused(found->second, since)) spans.push_back({job, since, end});
    }
    return spans;
}

/// Or was since then; of pauses of a tag all jobs are that have any.
bool Database::may_be_paused(const Job& job, WallTime since) const
{
    return std::ranges::any_of(pauses_, [&](const Pause& pause) {
        const bool is_of_job =
            pause.job != 0 ? pause.job == job.id : pause.tag.empty() || !job.tags.empty();
        return is_of_job && pause.end() > since;
    });
}

std::vector<RunId> Database::runs_to_repeat(WallTime since) const
{
    std::vector<RunId> runs;
    for (const auto& [id, row] : log_) {
        const auto job = cron_.find(id.job);
        const bool is_wanted = job != cron_.end() && !job->second.stop &&
                               job->second.delivery == Delivery::at_least_once;
        const bool ended_badly =
            row.state == RunState::lost || row.state == RunState::fenced ||
            (row.state == RunState::killed && row.reason.cause == Cause::node_stopped);
        const bool is_last = !log_.contains(next_attempt(id));
        if (is_wanted && ended_badly && is_last && id.scheduled_at >= since) runs.push_back(id);
    }
    return runs;
}

std::vector<FailedRun> Database::failed(WallTime since) const
{
    std::vector<FailedRun> runs;
    for (const auto& [id, row] : log_) {
        const auto job = cron_.find(id.job);
        const bool is_wanted =
            job != cron_.end() && !job->second.stop && id.attempt <= job->second.retries;
        const bool has_failed = row.state == RunState::failed || row.state == RunState::timeout;
        const bool is_last =
            !log_.contains(next_attempt(id)) || mutation_ == Mutation::retries_twice;
        if (!is_wanted || !has_failed || !is_last || id.scheduled_at < since) continue;
        runs.push_back(
            {id, row.state, row.exit_code, row.ended_at.value_or(WallTime()), row.requested_by});
    }
    return runs;
}

std::vector<DaemonStart> Database::daemon_starts(std::span<const JobId> jobs) const
{
    std::vector<DaemonStart> starts;
    for (const auto& [id, row] : log_) {
        if (std::ranges::find(jobs, id.job) == jobs.end()) continue;
        if (row.state == RunState::revoked) continue;
        starts.push_back({id, row.state, row.reason.cause, !row.requested_by.empty(),
                          row.started_at, row.ended_at, row.run_server});
    }
    return starts;
}

std::vector<ChainRow> Database::chain_rows(std::span<const ChainEdge> edges, WallTime since) const
{
    std::vector<ChainRow> rows;
    for (const ChainEdge& edge : edges) {
        for (const auto& [id, row] : log_) {
            if (id.job != edge.parent || id.scheduled_at < since) continue;
            const auto own = log_.lower_bound(RunId{edge.child, id.scheduled_at, 0, 0});
            const bool has_own = own != log_.end() && own->first.job == edge.child &&
                                 own->first.scheduled_at == id.scheduled_at;
            if (has_own || row.state == RunState::revoked) continue;
            ChainRow found;
            found.edge = edge;
            found.id = id;
            found.state = row.state;
            found.cause = row.reason.cause;
            found.exit_code = row.exit_code;
            found.ended_at = row.ended_at;
            found.requested_by = row.requested_by;
            found.fires = row.fires;
            if (row.fires > 1) found.gap_end = row.gap_end;
            rows.push_back(std::move(found));
        }
    }
    return rows;
}

std::optional<LogRow> Database::newest_attempt(const RunId& id) const
{
    std::optional<LogRow> newest;
    auto row = log_.lower_bound(before_all_of_fire(id));
    for (; row != log_.end() && is_same_fire(row->first, id); ++row) {
        if (row->first.part != id.part) continue;
        newest.emplace();
        newest->run.id = row->first;
        newest->run.state = row->second.state;
    }
    return newest;
}

std::optional<Job> Database::find_job_by_name(const std::string& name) const
{
    for (const auto& [id, job] : cron_) {
        if (job.name == name) return job;
    }
    return std::nullopt;
}

std::vector<LogRow> Database::job_rows_before(JobId job, WallTime before, std::size_t limit) const
{
    std::vector<LogRow> rows;
    if (mutation_ == Mutation::sees_nothing_required) return rows;
    auto row = log_.lower_bound(RunId{job, before, 0});
    while (row != log_.begin() && rows.size() < limit) {
        --row;
        const auto& [id, found] = *row;
        if (id.job != job) break;
        LogRow shown;
        shown.run.id = id;
        shown.run.state = found.state;
        shown.run.reason = found.reason;
        shown.run.exit_code = found.exit_code;
        shown.run.ended_at = found.ended_at;
        shown.requested_by = found.requested_by;
        if (mutation_ == Mutation::takes_for_success && has_run(found.state)) {
            shown.run.state = RunState::success;
        }
        rows.push_back(std::move(shown));
    }
    return rows;
}

void Database::commit_as(Epoch epoch, const PlanStep& step)
{
    if (epoch_ != epoch && mutation_ != Mutation::no_epoch_guard) {
        throw Deposed("the store has another epoch", epoch_);
    }
    const auto before = planned_through_;
    last_step_ = step.id();
    world_.trace("store: step {} of epoch {}: {} new, {} moved, {} ended, through {} ms",
                 step.number, step.epoch, step.runs.size(), step.moved.size(), step.ended.size(),
                 to_unix_millis(step.planned_through) % 100'000'000);
    planned_through_ = std::max(before.value_or(step.planned_through), step.planned_through);
    if (mutation_ == Mutation::plan_goes_back && world_.random.once_in(20)) {
        *planned_through_ -= 1s;
    }
    watcher_.step_written(step);
    watcher_.plan_moved(before, *planned_through_);
    std::vector<RunReport> ended = step.ended;
    if (mutation_ == Mutation::forgets_told_ends) {
        std::erase_if(ended, [](const RunReport& end) { return end.output == output_to_come; });
    }
    count(ended, GivesWay::only_open);
    for (const RunReport& end : ended) report(end, GivesWay::only_open);
    for (const PlannedRun& run : step.moved) move(run, step);
    for (const PlannedRun& run : step.runs) {
        if (mutation_ == Mutation::loses_a_row && world_.random.once_in(20)) continue;
        if (mutation_ == Mutation::plans_one_part && run.id.part > 0) continue;
        plan(run, step);
    }
}

std::optional<WallTime> Database::clock() const
{
    if (!clock_error) return std::nullopt;
    return world_.wall() + *clock_error;
}

SteppedBack Database::step_back(Epoch epoch, const StepBack& order)
{
    if (epoch_ != epoch) throw Deposed("the store has another epoch", epoch_);
    StepBackFacts facts;
    facts.planned_through = planned_through_;
    facts.now = order.own_clock();
    const bool trusts_caller = mutation_ == Mutation::steps_back_late;
    if (!trusts_caller) facts.now = std::max(facts.now, clock().value_or(facts.now));
    std::vector<RunId> early;
    for (const auto& [id, row] : log_) {
        const bool is_early = is_final(row.state) &&
                              (row.state != RunState::revoked || id.attempt > 1) &&
                              id.scheduled_at > facts.now + order.margin;
        if (is_early && !has_open_attempt(id)) early.push_back(id);
    }
    std::ranges::sort(early, {}, [](const RunId& id) { return id.scheduled_at; });
    if (!early.empty()) facts.newest = early.back().scheduled_at;
    if (early.size() > order.limit) early.resize(order.limit);
    for (const RunId& id : early) facts.early.push_back({0, id});

    const StepBackPlan plan = plan_step_back(order, facts);
    SteppedBack done;
    done.step = plan.step;
    if (plan.step) clock_steps_.push_back(*plan.step);
    for (const StepBackPlan::Move& move : plan.moves) {
        const RunId& from = move.row.run;
        if (log_.contains(RunId{from.job, move.to, from.attempt, from.part})) continue;
        move_back(from, plan, move.to);
        done.moved.push_back(from);
    }
    if (plan.sets_plan) set_plan_back(plan.step->at);
    return done;
}

bool Database::has_open_attempt(const RunId& id) const
{
    auto row = log_.lower_bound(before_all_of_fire(id));
    for (; row != log_.end() && row->first.job == id.job; ++row) {
        if (row->first.scheduled_at != id.scheduled_at) break;
        if (!is_final(row->second.state)) return true;
    }
    return false;
}

void Database::move_back(const RunId& from, const StepBackPlan& plan, WallTime to)
{
    auto row = log_.extract(from);
    row.key().scheduled_at = to;
    if (row.mapped().fires > 1) row.mapped().gap_end -= plan.ahead;
    for (std::optional<WallTime>* time :
         {&row.mapped().retry_at, &row.mapped().started_at, &row.mapped().ended_at}) {
        if (*time && **time > plan.step->at) **time -= plan.ahead;
    }
    const RunId moved = row.key();
    log_.insert(std::move(row));
    world_.trace("store: {} moves to {}", to_string(from), to_string(moved));
    watcher_.row_moved(from, moved);
}

void Database::set_plan_back(WallTime at)
{
    world_.trace("store: the plan goes back by {}", *planned_through_ - at);
    const WallTime before = std::exchange(*planned_through_, at);
    for (auto& [id, row] : log_) {
        const bool goes_on = row.state == RunState::skipped && row.fires > 1 && row.gap_end > at;
        if (goes_on && id.scheduled_at <= at) row.gap_end = at;
    }
    for (auto& [id, job] : cron_) {
        if (job.effective_from <= at) continue;
        job.effective_from = at;
        changed_at_[id] = world_.now();
    }
    for (Revision& revision : revisions_) {
        revision.effective_from = std::min(revision.effective_from, at);
    }
    watcher_.plan_set_back(before, at);
}

void Database::record(std::span<const RunReport> reports)
{
    count(reports, GivesWay::unsure_too);
    for (const RunReport& ended : reports) report(ended, GivesWay::unsure_too);
}

const LedgerRow* Database::find_row(const RunId& id) const
{
    const auto found = log_.find(id);
    return found == log_.end() ? nullptr : &found->second;
}

void Database::count(std::span<const RunReport> reports, GivesWay rule)
{
    if (mutation_ == Mutation::counts_nothing) return;
    std::map<RunId, RunState> states;
    for (const RunReport& report : reports) {
        if (!stands_for_fire(report.id) || !is_final(report.state)) continue;
        const LedgerRow* row = find_row(report.id);
        const RunState found = row == nullptr ? RunState::planned : row->state;
        RunState& state = states.try_emplace(report.id, found).first->second;
        const RunState before = std::exchange(state, report.state);
        const auto job = cron_.find(report.id.job);
        const bool applies = gives_way(before, report.state, rule);
        std::int64_t difference = 0;
        if (applies && has_run(report.state) && before != RunState::lost) {
            difference = 1;
        } else if (applies && report.state == RunState::skipped && before == RunState::lost) {
            difference = -1;
        } else if (!applies) {
            state = before;
        }
        if (job != cron_.end()) job->second.counters.run_num += difference;
    }
}

void Database::report(const RunReport& report, GivesWay rule)
{
    const LedgerRow* before = find_row(report.id);
    LedgerRow row;
    if (before != nullptr) {
        row = *before;
        const bool applies =
            gives_way(row.state, report.state, rule) || mutation_ == Mutation::final_is_overwritten;
        if (!applies) return;
    }
    row.state = report.state;
    row.reason = report.reason;
    if (!report.run_server.empty()) row.run_server = report.run_server;
    if (!report.dispatch_server.empty()) row.dispatch_server = report.dispatch_server;
    if (report.epoch > 0) row.epoch = report.epoch;
    if (report.started_at) row.started_at = report.started_at;
    if (report.ended_at) row.ended_at = report.ended_at;
    row.exit_code = report.exit_code;
    write(report.id, row);
}

void Database::plan(const PlannedRun& run, const PlanStep& step)
{
    const LedgerRow* before = find_row(run.id);
    LedgerRow row;
    row.state = run.state;
    row.reason = run.reason;
    row.run_server = run.run_server;
    row.dispatch_server = step.dispatch_server;
    row.dispatched_at = run.dispatched_at;
    row.epoch = step.epoch;
    row.requested_by = run.requested_by;
    row.fires = run.fires;
    row.gap_end = run.fires > 1 ? run.gap_end : WallTime();
    row.retry_at = run.retry_at;
    if (mutation_ == Mutation::ignores_superseded && run.reason.cause == Cause::superseded) {
        row.state = RunState::planned;
    }
    const bool replaces = before == nullptr || before->state == RunState::revoked ||
                          mutation_ == Mutation::repeats_reset;
    if (!replaces) {
        row = *before;
        if (row.dispatched_at == WallTime()) row.dispatched_at = run.dispatched_at;
        if (row.requested_by.empty()) row.requested_by = run.requested_by;
        if (!row.retry_at) row.retry_at = run.retry_at;
        const bool goes_on = row.state == RunState::skipped && run.state == RunState::skipped;
        if (goes_on && run.fires > row.fires && mutation_ != Mutation::keeps_rows_short) {
            row.fires = run.fires;
            row.gap_end = run.gap_end;
        }
    } else if (before != nullptr && !before->requested_by.empty()) {
        row.requested_by = before->requested_by;
    }
    const bool is_told = replaces || before->dispatched_at == WallTime();
    if (before != nullptr && is_told) set_parts(run.id);
    write(run.id, row);
}

void Database::move(const PlannedRun& run, const PlanStep& step)
{
    const LedgerRow* before = find_row(run.id);
    LedgerRow row;
    if (before != nullptr) {
        row = *before;
        if (row.state != RunState::planned) return;
    }
    row.reason = run.reason;
    row.run_server = run.run_server;
    row.dispatch_server = step.dispatch_server;
    row.dispatched_at = run.dispatched_at;
    row.epoch = step.epoch;
    if (run.retry_at) row.retry_at = run.retry_at;
    if (before != nullptr) set_parts(run.id);
    write(run.id, row);
}

/// Its fire is cut again: see RunId::parts, and RunId::node.
void Database::set_parts(const RunId& id)
{
    auto row = log_.extract(id);
    row.key().parts = id.parts;
    row.key().node = id.node;
    log_.insert(std::move(row));
}

void Database::write(const RunId& id, const LedgerRow& row)
{
    const auto [place, fresh] = log_.try_emplace(id);
    const LedgerRow before = place->second;
    place->second = row;
    place->second.serial = fresh ? ++last_row_ : before.serial;
    watcher_.row_written(place->first, fresh ? nullptr : &before, place->second);
}

}  // namespace peercron::simulation
