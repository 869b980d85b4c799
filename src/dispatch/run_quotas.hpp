#pragma once

#include "model/job.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace peercron {

/// How many runs the jobs with a quota have had (Job::run_limit, runs in all), and which of them
/// have none left.
///
/// Counted ones and open ones together are never more than the quota: a run counts when it has
/// ended and has run, and leaves its place to another when it has not. Only the first attempts of
/// first parts count.
/// What was counted here is set right by what the store has counted whenever that is read. Pure.
/// One thread.
class RunQuotas {
public:
    explicit RunQuotas(Epoch epoch) : epoch_(epoch) {}

    /// The ends of this job's runs are counted from here on, if it has a quota.
    void follow(const Job& job);
    /// They are not counted any more: the job is gone, or has no quota.
    void forget(JobId job);

    /// Whether there may be no further fire of the job beside the `open` ones.
    bool is_used_up(const Job& job, std::size_t open) const;

    /// Nothing is planned for the job until one of its runs leaves its place.
    void park(JobId job) { parked_.insert(job); }
    /// Says whether it was parked.
    bool unpark(JobId job) { return parked_.erase(job) != 0; }

    /// The run is over. `row_step`: the number of the step that has its row, 0 = of an earlier
    /// term. Says whether it leaves its place to another run.
    bool ended(const RunId& id, RunState state, std::uint64_t row_step);

    /// What the store has counted; a snapshot with the rows that are open there. `is_closed` says
    /// of such a row whether its run is known to have ended.
    void learn(const TermStart& found, const std::function<bool(const RunId&)>& is_closed);

private:
    const Epoch epoch_;
    bool has_learned_ = false;
    /// Without those that are open.
    std::unordered_map<JobId, std::int64_t> run_numbers_;
    std::unordered_set<JobId> parked_;
    /// Counted there, with the steps that have their rows: the store's newest counts may lack them.
    std::deque<std::pair<std::uint64_t, RunId>> counted_;
    /// Ended without having run, and perhaps open in the store.
    std::unordered_set<RunId> not_run_;
};

}  // namespace peercron
