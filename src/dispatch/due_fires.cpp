#include "dispatch/due_fires.hpp"

#include "model/jitter.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

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
    book_.planner.expect_nodes(book_.nodes.all().size());
    const WallTime through = book_.planner.take(horizon, most_fires, on_fire);
    if (through >= horizon) held_from_.reset();
    return through;
}

/// @param version by which it is due.
Planner::Next DueFires::plan_fire(const PlannedJob& planned, const Job& version,
                                  WallTime scheduled_at, Moment now)
{
    const Job& job = planned.job;
    const RunId fire{job.id, scheduled_at};
    if (book_.has_row(fire)) {
        book_.paused.forget(job.id);
        plan_parts_again(planned, version, fire, now);
        return Planner::Next::plan;
    }
    book_.quotas.follow(job);
    if (!book_.has_runs_left(job)) {
        book_.quotas.park(job.id);
        return Planner::Next::park;
    }

    const Pause* const pause = book_.paused.find(job, scheduled_at);
    const bool has_own_row = book_.taken_back.contains(fire) || book_.chains.has_children(job.id);
    auto excluded =
        pause == nullptr ? book_.jobs.why_excluded(version, scheduled_at) : std::nullopt;
    if ((pause != nullptr || excluded) && !has_own_row) {
        if (pause != nullptr) {
            book_.paused.add(*pause, job.id, scheduled_at);
        } else {
            book_.paused.add_excluded(*std::move(excluded), job.id, scheduled_at);
        }
        book_.ended_lately.add(fire);
        return Planner::Next::plan;
    }
    book_.paused.forget(job.id);
    if (excluded && !book_.taken_back.contains(fire)) {
        const Gap alone{job.id, scheduled_at, scheduled_at, {}, 1};
        skip(fire, alone, {Cause::calendar, *std::move(excluded)}, now);
        book_.ended_lately.add(fire);
        return Planner::Next::plan;
    }

    for (const RunId& part : book_.cut(fire, version, now)) {
        if (part.part == 0 || !book_.has_row(part)) plan_part(planned, version, part, now);
    }
    return Planner::Next::plan;
}

/// Of a fire that has begun, the parts that a change took back.
void DueFires::plan_parts_again(const PlannedJob& planned, const Job& version, const RunId& fire,
                                Moment now)
{
    std::vector<RunId> parts;
    auto run = book_.taken_back.lower_bound(before_all_of_fire(fire));
    for (; run != book_.taken_back.end() && is_same_fire(run->first, fire); ++run) {
        if (run->first.attempt == 1) parts.push_back(run->first);
    }
    for (const RunId& part : parts) plan_part(planned, version, part, now);
}

/// @param id its first attempt, which has no row, or one that was taken back.
void DueFires::plan_part(const PlannedJob& planned, const Job& version, const RunId& id, Moment now)
{
    const auto run = book_.runs.open(book_.writer.write(id, &planned, now.wall));
    run->second.retry_at = delayed_start(version, id.scheduled_at);
    book_.writer.set_times(run->second.order, now.wall, run->second.retry_at);
    if (const auto taken_back = book_.taken_back.extract(id)) {
        // Its row stands: the job was changed and still fires now.
        run->second.row_step = taken_back.mapped().row_step;
        book_.unplaced.insert(id);
        // Its row may name a node that has it no longer.
        run->second.has_left_node =
            taken_back.mapped().has_left_node || !taken_back.mapped().node().empty();
        // Of how many it is, and of which node, its row has to say before any of the others starts.
        const RunId& before = taken_back.key();
        const bool is_cut_again = before.parts != id.parts || before.node != id.node;
        if (is_cut_again) book_.draft.move(id, {}, now.wall, run->second.retry_at);
        return;
    }
    // What is due behind an earlier dispatcher's plan starts when the orphans that it knew of are
    // gone; this one it has left out (its job was changed, or had no runs left).
    if (id.scheduled_at <= book_.inherited_through) {
        book_.placement.note_unknown_orphan(run->second);
    }
    life_.place_new(run, "", now);
}

void DueFires::plan_gaps(Moment now)
{
    const auto rule = [&](const Job& job) { return book_.misfires.late_rule(job, now.wall); };
    for (const Gap& gap : book_.planner.take_gaps(now.wall, most_counted, rule)) {
        const Job& job = book_.jobs.find(gap.job)->job;
        const Pause* const pause = book_.paused.find(job, gap.first);
        const bool is_paused = pause != nullptr && pause->covers(gap.last);
        const Reason why = is_paused ? reason_of(*pause)
                                     : book_.misfires.why_dropped(job, gap, held_from_, now.wall);
        plan_gap(job, gap, why, now);
    }
}

/// @param why_not what their row says, unless it is no pause and their calendars exclude them.
void DueFires::plan_gap(const Job& job, Gap gap, const Reason& why_not, Moment now)
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
    if (gap.excluded && why_not.cause != Cause::paused) reason = {Cause::calendar, *gap.excluded};
    skip({job.id, gap.first, 1}, gap, std::move(reason), now);
}

void DueFires::skip(const RunId& first, const Gap& gap, Reason why, Moment now)
{
    const Cause cause = why.cause;
    book_.draft.add_gap(first, gap.last, gap.fires, std::move(why), now.wall);
    book_.note_planned(first, "");
    book_.chains.ended({first, RunState::skipped, cause, {}, now.wall, gap.fires, gap.last});
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
    GapList gaps(old.job.id);
    std::int64_t fires = 0;
    for (auto fire = old.next(from); fire && *fire <= to && fires < most_counted;
         fire = old.next(*fire)) {
        if (*fire >= oldest) {
            plan_fire(*today, old.job, *fire, now);
            continue;
        }
        gaps.add(*fire, book_.jobs.why_excluded(old.job, *fire));
        ++fires;
    }
    Reason why_not{Cause::misfire, "the job was changed meanwhile"};
    if (today == nullptr) why_not.detail = "the job was deleted meanwhile";
    if (today != nullptr && !runs) why_not.detail = "the job was stopped meanwhile";
    std::vector<Gap> found = gaps.take();
    if (!found.empty()) found.back().counted_all = fires < most_counted;
    for (const Gap& gap : found) plan_gap(old.job, gap, why_not, now);
}

}  // namespace peercron
