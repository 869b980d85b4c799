#include "dispatch/waiting_runs.hpp"

namespace peercron {

void WaitingRuns::add(WaitingRun run)
{
    const bool is_new = waits_.try_emplace(run.id, Wait{run.retry_at, run.failed_at}).second;
    if (!is_new) return;
    by_time_.emplace(run.retry_at, run.id);
    if (!run.requested_by.empty()) requested_by_.emplace(run.id, std::move(run.requested_by));
}

std::optional<RunId> WaitingRuns::of_fire(const RunId& id) const
{
    const auto found = waits_.lower_bound(before_all_of_fire(id));
    const bool is_its = found != waits_.end() && is_same_fire(found->first, id);
    return is_its ? std::optional(found->first) : std::nullopt;
}

std::optional<RunId> WaitingRuns::of_part(const RunId& id) const
{
    auto found = waits_.lower_bound(before_all_of_fire(id));
    for (; found != waits_.end() && is_same_fire(found->first, id); ++found) {
        if (found->first.part == id.part) return found->first;
    }
    return std::nullopt;
}

std::vector<WaitingRun> WaitingRuns::of_job(JobId job) const
{
    std::vector<WaitingRun> runs;
    auto wait = waits_.lower_bound(RunId{job, WallTime::min(), 0, 0});
    for (; wait != waits_.end() && wait->first.job == job; ++wait) {
        runs.push_back({wait->first, wait->second.retry_at, wait->second.failed_at, {}});
        const auto asked = requested_by_.find(wait->first);
        if (asked != requested_by_.end()) runs.back().requested_by = asked->second;
    }
    return runs;
}

std::optional<WallTime> WaitingRuns::next_due() const
{
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
}

std::optional<WaitingRun> WaitingRuns::take(const RunId& id)
{
    const auto found = waits_.extract(id);
    if (!found) return std::nullopt;
    const Wait& wait = found.mapped();
    by_time_.erase({wait.retry_at, id});
    WaitingRun run{found.key(), wait.retry_at, wait.failed_at, {}};
    if (auto asked = requested_by_.extract(id)) run.requested_by = std::move(asked.mapped());
    return run;
}

std::vector<WaitingRun> WaitingRuns::take_due(WallTime until, std::size_t most)
{
    std::vector<WaitingRun> due;
    while (!by_time_.empty() && by_time_.begin()->first <= until && due.size() < most) {
        const RunId id = by_time_.begin()->second;
        due.push_back(*take(id));
    }
    return due;
}

}  // namespace peercron
