#include "dispatch/run_quotas.hpp"

namespace peercron {
namespace {

/// Ends that are remembered until the rows are read again: of runs, …
constexpr std::size_t most_counted_ends = 100'000;
/// … and of fires that did not run.
constexpr std::size_t most_not_run = 100'000;

}  // namespace

void RunQuotas::follow(const Job& job)
{
    if (job.run_limit != 0) run_numbers_.try_emplace(job.id, job.counters.run_num);
}

void RunQuotas::forget(JobId job)
{
    run_numbers_.erase(job);
}

bool RunQuotas::is_used_up(const Job& job, std::size_t open) const
{
    if (job.run_limit == 0) return false;
    const auto counted = run_numbers_.find(job.id);
    const std::int64_t ended =
        counted == run_numbers_.end() ? job.counters.run_num : counted->second;
    return ended + static_cast<std::int64_t>(open) >= job.run_limit;
}

bool RunQuotas::ended(const RunId& id, RunState state, std::uint64_t row_step)
{
    if (!stands_for_fire(id)) return false;
    const auto number = run_numbers_.find(id.job);
    if (has_run(state)) {
        if (number == run_numbers_.end()) return false;
        ++number->second;
        counted_.emplace_back(row_step, id);
        if (counted_.size() > most_counted_ends) counted_.pop_front();
        return false;
    }
    // Before the first snapshot nobody knows which jobs have a quota.
    const bool matters = !has_learned_ || number != run_numbers_.end();
    if (matters && not_run_.size() < most_not_run) not_run_.insert(id);
    return true;
}

/// The store's counts lack what a node has said to have ended and the store does not know yet: open
/// rows, that is, of runs that are closed here, and runs whose step is not stored. Which of the
/// ends that were counted here the store has counted could not be told otherwise.
void RunQuotas::learn(const TermStart& found, const std::function<bool(const RunId&)>& is_closed)
{
    has_learned_ = true;
    std::unordered_map<JobId, std::int64_t> unrecorded;
    std::unordered_set<RunId> not_run;
    for (const OpenRun& row : found.open_runs) {
        const RunId& id = row.planned.id;
        if (!stands_for_fire(id) || !is_closed(id)) continue;
        if (not_run_.contains(id)) {
            not_run.insert(id);
        } else {
            ++unrecorded[id.job];
        }
    }
    not_run_ = std::move(not_run);
    const std::uint64_t stored = found.last_step.epoch == epoch_ ? found.last_step.number : 0;
    std::erase_if(counted_, [&](const auto& end) { return end.first <= stored; });
    if (!counted_.empty()) {
        // The node that ran it may have been quicker than the step.
        const std::unordered_set<RunId> ended(found.ended_lately.begin(), found.ended_lately.end());
        for (const auto& [step, id] : counted_) {
            if (!ended.contains(id)) ++unrecorded[id.job];
        }
    }
    for (const auto& [job, number] : found.run_numbers) {
        run_numbers_[job] = number + unrecorded[job];
    }
}

}  // namespace peercron
