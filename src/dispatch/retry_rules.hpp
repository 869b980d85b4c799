#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace peercron {

/// The runs that failed, and which of their fires are tried again, and when (model/retry.hpp).
///
/// What a retry is depends on the run that failed and on its job as it is in the table, so that it
/// does not matter which dispatcher hears of the end, or how late. A retry stands as long as the
/// definition by which the run failed: the job is there, is not stopped, and has not been changed
/// since. It starts before the end of the job's window, and before the job's next fire is due.
/// Pure. One thread.
class RetryRules {
public:
    explicit RetryRules(const JobTable& jobs) : jobs_(jobs) {}

    // The runs that ended since the last step.

    /// It ended by itself, in any way.
    void add(FailedRun run);
    /// Who had asked for it, if it is one of them.
    void learn(const RunId& id, const std::string& requested_by);
    /// The others have been seen to by somebody else.
    void keep(const std::function<bool(const RunId&)>& is_kept);
    bool is_empty() const { return failed_.empty(); }
    std::vector<FailedRun> take();

    // Those that only the store knows (Store::runs_to_retry()).

    /// Ends may have been told to the store alone.
    void note_hidden_ends() { has_hidden_ends_ = true; }
    bool has_hidden_ends() const { return has_hidden_ends_; }
    /// The store is to be asked: what it answers need not know of any step that is made from here
    /// on.
    void begin_reading();
    /// The run has its next attempt, whoever wanted that.
    void followed(const RunId& id);
    /// What it has answered: they are looked at in the next step, as if they had just ended.
    void found(std::vector<FailedRun> runs);

    // The rules.

    /// Whether the job may want the run tried again: not, when nothing that becomes known later
    /// can change it.
    bool may_concern(const RunId& id, RunState state) const;
    /// The attempt that follows, if its job still stands as it did (JobVersions::is_still_due());
    /// nullopt: none.
    /// @param now an end that was told by a clock that is ahead counts as now.
    std::optional<WaitingRun> next_attempt(const FailedRun& failed, WallTime now) const;
    /// Why an attempt that could not start before `start` does not start any more; nullopt: it
    /// does.
    /// @param has_next_fire false: the job has no run left (Job::run_limit).
    std::optional<Reason> why_over(const RunId& id, WallTime start, bool has_next_fire) const;
    /// When a retry starts that was to wait until `retry_at`: not longer than its delay from now,
    /// unless by as little as `margin`. Otherwise the end of the run before was told by a clock
    /// that was ahead.
    WallTime start_by_clock(const RunId& id, WallTime retry_at, WallTime now,
                            std::chrono::milliseconds margin) const;

private:
    const JobTable& jobs_;
    std::map<RunId, FailedRun> failed_;
    bool has_hidden_ends_ = false;
    /// Looked at while the store was being read.
    std::optional<std::unordered_set<RunId>> seen_meanwhile_;
};

}  // namespace peercron
