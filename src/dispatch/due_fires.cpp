#include "dispatch/due_fires.hpp"

#include "model/jitter.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

/// More missed fires of one job are not counted one by one.
constexpr std::int64_t most_counted = 100'000;

}  // namespace

void DueFires::hold(bool is_held)
{
    is_held_ = is_held;
    if (is_held && !held_from_) held_from_ = book_.planned_through;
}

WallTime DueFires::plan(WallTime horizon, Moment now)
{
    const auto on_fire = [&](const PlannedJob& job, WallTime due) {
        return plan_fire(job, job.job, due, now);
    };
    const WallTime through = book_.planner.take(horizon, most_fires, on_fire);
    if (through >= horizon) held_from_.reset();
    return through;
}

/// @param version by which it is due.
Planner::Next DueFires::plan_fire(const PlannedJob& planned, const Job& version,
                                  WallTime scheduled_at, Moment now)
{
    const Job& job = planned.job;
    const RunId id{job.id, scheduled_at, 1};
    if (book_.has_row(id)) {
        book_.paused.forget(job.id);
        return Planner::Next::plan;
    }
    book_.quotas.follow(job);
    if (!book_.has_runs_left(job)) {
        book_.quotas.park(job.id);
        return Planner::Next::park;
    }

    const Pause* const pause = book_.paused.find(job, scheduled_at);
    const bool has_own_row = book_.taken_back.contains(id) || book_.chains.has_children(job.id);
    if (pause != nullptr && !has_own_row) {
        book_.paused.add(*pause, job.id, scheduled_at);
        book_.ended_lately.add(id);
        return Planner::Next::plan;
    }
    book_.paused.forget(job.id);

    const auto run = book_.runs.open(book_.writer.write(id, &planned, now.wall));
    run->second.retry_at = delayed_start(version, scheduled_at);
    book_.writer.set_times(run->second.order, now.wall, run->second.retry_at);
    if (const auto taken_back = book_.taken_back.extract(id)) {
        // Its row stands: the job was changed and still fires now.
        run->second.row_step = taken_back.mapped().row_step;
        book_.unplaced.insert(id);
    } else {
        // What is due behind an earlier dispatcher's plan starts when the orphans that it knew of
        // are gone; this one it has left out (its job was changed, or had no runs left).
        if (scheduled_at <= book_.inherited_through) {
            book_.placement.note_unknown_orphan(run->second);
        }
        life_.place_new(run, "", now);
    }
    return Planner::Next::plan;
}

void DueFires::plan_gaps(Moment now)
{
    const auto rule = [&](const Job& job) { return book_.misfires.late_rule(job, now.wall); };
    for (const Planner::Gap& gap : book_.planner.take_gaps(now.wall, most_counted, rule)) {
        const Job& job = book_.jobs.find(gap.job)->job;
        const Pause* const pause = book_.paused.find(job, gap.first);
        const bool is_paused = pause != nullptr && pause->covers(gap.last);
        const Reason why = is_paused ? reason_of(*pause)
                                     : book_.misfires.why_dropped(job, gap, held_from_, now.wall);
        plan_gap(job, gap, why, now);
    }
}

void DueFires::plan_gap(const Job& job, Planner::Gap gap, const Reason& why_not, Moment now)
{
    // The row stands at the first of them that has none.
    const PlannedJob planned = book_.jobs.compile(job);
    while (book_.has_row({job.id, gap.first, 1})) {
        if (--gap.fires == 0) return;
        gap.first = planned.next(gap.first).value_or(gap.last);
    }
    // How many is in `fires`: rows with the same reason are to be counted together.
    Reason reason{why_not.cause,
                  fmt::format("missed while no node was planning{}; {}",
                              gap.counted_all ? "" : ", too many to count", why_not.detail)};
    const RunId id{job.id, gap.first, 1};
    book_.draft.add_gap(id, gap.last, gap.fires, std::move(reason), now.wall);
    book_.note_planned(id, "");
    book_.chains.ended({id, RunState::skipped, why_not.cause, {}, now.wall, gap.fires, gap.last});
}

void DueFires::plan_old_versions(std::span<const Revision> changes, Moment now)
{
    // A node that changed it may have a clock that is ahead of this one.
    const WallTime latest = now.wall + book_.settings.lookahead;
    for (const auto& old : book_.versions.unplanned(changes, book_.planned_through, latest)) {
        plan_old_version(old.version, old.from, old.to, now);
    }
}

/// Its fires after `from`, up to `to`: as the job is now, if it is there and not stopped.
void DueFires::plan_old_version(const PlannedJob& old, WallTime from, WallTime to, Moment now)
{
    const PlannedJob* today = book_.jobs.find(old.job.id);
    const bool runs = today != nullptr && !today->job.stop;
    const WallTime oldest =
        runs ? book_.misfires.late_rule(today->job, now.wall).from : WallTime::max();
    Planner::Gap gap;
    for (auto fire = old.next(from); fire && *fire <= to && gap.fires < most_counted;
         fire = old.next(*fire)) {
        if (*fire >= oldest) {
            plan_fire(*today, old.job, *fire, now);
            continue;
        }
        if (gap.fires++ == 0) gap.first = *fire;
        gap.last = *fire;
    }
    if (gap.fires == 0) return;
    gap.counted_all = gap.fires < most_counted;
    Reason why_not{Cause::misfire, "the job was changed meanwhile"};
    if (today == nullptr) why_not.detail = "the job was deleted meanwhile";
    if (today != nullptr && !runs) why_not.detail = "the job was stopped meanwhile";
    plan_gap(old.job, gap, why_not, now);
}

}  // namespace peercron
