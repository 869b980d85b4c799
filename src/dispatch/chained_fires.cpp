#include "dispatch/chained_fires.hpp"

#include "dispatch/further_attempts.hpp"
#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

/// The parent that a person looks at to see why the job runs, or does not: the last of those that
/// ended as it wants them to, or does not want them to.
std::size_t decisive_parent(RunAfterOn on, const std::vector<FireEnd>& ends)
{
    const auto rank = [on](const FireEnd& end) {
        const bool has_succeeded = end.state == RunState::success;
        const bool is_wanted = on == RunAfterOn::success   ? !has_succeeded
                               : on == RunAfterOn::failure ? has_run(end.state) && !has_succeeded
                                                           : has_run(end.state);
        return std::pair(is_wanted, end.ended_at);
    };
    return static_cast<std::size_t>(std::ranges::max_element(ends, {}, rank) - ends.begin());
}

std::string how_it_ended(const FireEnd& end)
{
    if (end.state == RunState::skipped) {
        return end.cause == Cause::none ? "was skipped"
                                        : fmt::format("was skipped ({})", to_string(end.cause));
    }
    if (end.state == RunState::success) return "succeeded";
    return end.exit_code ? fmt::format("{}, exit code {}", to_string(end.state), *end.exit_code)
                         : fmt::format("ended as {}", to_string(end.state));
}

}  // namespace

void ChainedFires::plan(Moment now)
{
    const auto is_open = [this](const RunId& id) { return book_.is_fire_open(id); };
    const auto goes_on = [this, now](const FireEnd& end) {
        return attempts_.is_followed(end, now.wall);
    };
    do {
        for (const Chains::Due& due : book_.chains.take_due(now.steady, is_open, goes_on)) {
            plan_child(due, now);
        }
    } while (book_.chains.has_news());
}

void ChainedFires::plan_child(const Chains::Due& due, Moment now)
{
    const PlannedJob* const found = book_.jobs.find(due.child);
    if (found == nullptr) return;
    const PlannedJob& planned = *found;
    const Job& job = planned.job;
    const RunId id{due.child, due.at};
    const bool may_fire = is_asked_for(id) ? planned.enabled() : planned.may_fire_at(due.at);
    // By a clock that was ahead: the fire is still to come.
    if (book_.is_early(id, now)) return;
    if (!may_fire || book_.runs.contains(id) || book_.ended_lately.contains(id)) return;
    book_.quotas.follow(job);
    if (!book_.has_runs_left(job)) return;
    for (const FireEnd& end : due.parts) life_.write_end(end.run);
    if (!is_asked_for(id)) {
        for (const WaitingRun& wait : book_.waiting.of_job(due.child)) {
            if (is_asked_for(wait.id)) continue;
            book_.waiting.take(wait.id);
            life_.end_waiting(wait, RunState::skipped, next_fire_came(), now.wall);
        }
    }

    std::vector<RunState> states;
    for (const FireEnd& end : due.ends) states.push_back(end.state);
    const bool runs = runs_after(job.run_after_on, states);
    const std::size_t decisive = decisive_parent(job.run_after_on, due.ends);
    const FireEnd& end = due.ends[decisive];
    RunRequest request;
    request.parent =
        ParentEnd{job.run_after[decisive], end.run.job, end.run.attempt, end.state, end.exit_code};
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = to_string(request);
    const WallTime since = std::min(due.since, now.wall);  // told by such a clock
    row.retry_at = since;
    if (auto excluded = is_asked_for(id) ? std::nullopt : book_.jobs.why_excluded(job, due.at)) {
        skip_child(due, std::move(row), {Cause::calendar, *std::move(excluded)}, now);
        return;
    }
    if (!runs) {
        const Reason why{Cause::parent,
                         fmt::format("{} {}", job.run_after[decisive], how_it_ended(end))};
        skip_child(due, std::move(row), why, now);
        return;
    }
    if (book_.misfires.is_too_late(planned, since, now.wall)) {
        skip_child(due, std::move(row),
                   {Cause::misfire,
                    "the jobs that it runs after were over longer ago than the misfire window"},
                   now);
        return;
    }
    for (const RunId& part : book_.cut(id, job, now)) {
        const auto run = book_.runs.open(book_.writer.write(part, &planned, now.wall));
        run->second.retry_at = since;
        book_.writer.set_times(run->second.order, now.wall, since);
        life_.place_new(run, row.requested_by, now);
    }
}

void ChainedFires::skip_child(const Chains::Due& due, PlannedRun row, Reason why, Moment now)
{
    const RunId id = row.id;
    FireEnd end{id, RunState::skipped, why.cause, {}, now.wall};
    // Its parents' missed fires are one row, and so are its own.
    for (const FireEnd& parent : due.ends) {
        if (parent.fires <= end.fires) continue;
        end.fires = parent.fires;
        end.gap_end = parent.gap_end;
    }
    row.fires = end.fires;
    row.gap_end = end.gap_end;
    book_.note_planned(id, row.requested_by);
    book_.draft.end(id, {}, RunState::skipped, std::move(why), now.wall);
    book_.draft.add_ended(std::move(row));
    life_.note_end(id, RunState::skipped, book_.draft.number());
    book_.chains.ended(std::move(end));
}

}  // namespace peercron
