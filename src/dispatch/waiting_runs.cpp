#include "dispatch/waiting_runs.hpp"

#include <utility>

namespace peercron {

void WaitingRuns::add(WaitingRun run)
{
    const auto [place, is_new] = waits_.try_emplace(run.id, Wait{run.retry_at, run.failed_at});
    if (!is_new) return;
    by_time_.insert(&*place);
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
    return (*by_time_.begin())->second.retry_at;
}

std::optional<WaitingRun> WaitingRuns::take(const RunId& id)
{
    const auto found = waits_.find(id);
    return found == waits_.end() ? std::nullopt : std::optional(take(found));
}

std::vector<WaitingRun> WaitingRuns::take_due(WallTime until, std::size_t most)
{
    std::vector<WaitingRun> due;
    while (due.size() < most) {
        const auto next = next_due();
        if (!next || *next > until) break;
        due.push_back(take(waits_.find((*by_time_.begin())->first)));
    }
    return due;
}

WaitingRun WaitingRuns::take(Waits::iterator place)
{
    by_time_.erase(&*place);
    const auto taken = waits_.extract(place);
    WaitingRun run{taken.key(), taken.mapped().retry_at, taken.mapped().failed_at, {}};
    if (auto asked = requested_by_.extract(run.id)) run.requested_by = std::move(asked.mapped());
    return run;
}

}  // namespace peercron
