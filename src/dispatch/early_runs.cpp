#include "dispatch/early_runs.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>

namespace peercron {

using namespace std::chrono_literals;

std::map<NodeName, std::vector<RunId>> EarlyRuns::held(Moment now) const
{
    std::map<NodeName, std::vector<RunId>> held;
    for (const auto& [id, run] : book_.runs) {
        const bool is_held = run.phase != RunPhase::running && !run.node().empty();
        const bool waits = book_.is_early(id, now) || run.order.start_at > book_.early_from(now);
        if (is_held && waits) held[run.node()].push_back(id);
    }
    return held;
}

void EarlyRuns::take_back(std::span<const RunId> given_back, Moment now)
{
    std::vector<RunId> taken_back(given_back.begin(), given_back.end());
    const auto is_here = [&](const RunId& id) {
        const auto run = book_.runs.find(id);
        return run != book_.runs.end() && run->second.node().empty() && book_.is_early(id, now);
    };
    const std::vector<RunId> delayed = book_.delayed.all();
    std::ranges::copy_if(book_.unplaced, std::back_inserter(taken_back), is_here);
    std::ranges::copy_if(delayed, std::back_inserter(taken_back), is_here);
    for (const RunId& id : book_.unplaced) start_by_clock(id, now);
    for (const RunId& id : taken_back) {
        const auto run = book_.runs.find(id);
        if (run == book_.runs.end()) continue;
        start_by_clock(id, now);
        if (!book_.is_early(id, now)) {
            life_.release(run);  // it was due, and to start at once by that clock
            continue;
        }
        book_.unplaced.erase(id);
        life_.end_here(run, RunState::revoked,
                       Reason{Cause::job_changed, "it was planned by a clock that was ahead"},
                       now.wall);
        // It is planned again when its moment comes.
        book_.ended_lately.forget(id);
    }
}

/// What runs after others starts when those have ended, which that clock has told.
void EarlyRuns::start_by_clock(const RunId& id, Moment now)
{
    const auto run = book_.runs.find(id);
    if (run == book_.runs.end() || run->second.order.parent.empty()) return;
    std::optional<WallTime>& start = run->second.retry_at;
    if (id.attempt == 1 && start > book_.early_from(now)) start = now.wall;
}

void EarlyRuns::moved(std::span<const RunId> runs)
{
    std::map<JobId, WallTime> passed;
    for (const RunId& id : runs) {
        book_.ended_lately.forget(id);
        book_.told_ends.forget(id);
        book_.daemons.moved(id);
        book_.chains.moved(id);
        if (id.scheduled_at > book_.planned_through) continue;
        const auto [first, is_new] = passed.emplace(id.job, id.scheduled_at);
        if (!is_new) first->second = std::min(first->second, id.scheduled_at);
    }
    for (const auto& [id, first] : passed) {
        const PlannedJob* job = book_.jobs.find(id);
        if (job == nullptr || job->job.effective_from > first) continue;
        book_.planner.reset(id, first - 1ms);
    }
}

void EarlyRuns::moved_unless_found(std::span<const RunId> ended, const TermStart& found)
{
    std::unordered_set<RunId> there(found.ended_lately.begin(), found.ended_lately.end());
    for (const OpenRun& row : found.open_runs) there.insert(row.planned.id);
    std::vector<RunId> gone;
    std::copy_if(ended.begin(), ended.end(), std::back_inserter(gone),
                 [&](const RunId& id) { return !there.contains(id); });
    moved(gone);
}

}  // namespace peercron
