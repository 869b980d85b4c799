#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/misfire_rules.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace peercron {

/// The runs that ended and may not have done their work, through no fault of their own. Those of
/// jobs that want each fire at least once (Delivery) run again, as the next attempt of their fire.
/// Pure. One thread.
class Redelivery {
public:
    Redelivery(const JobTable& jobs, const MisfireRules& misfires)
        : jobs_(jobs), misfires_(misfires)
    {}

    /// Whether a run that ended like that may have to run again: it is lost, or its node ended it
    /// because of itself.
    static bool is_wanted_after(RunState state, const Reason& why);

    /// It may have to run again; `requested_by`: see PlannedRun.
    void add(const RunId& id, std::string requested_by)
    {
        runs_.emplace(id, std::move(requested_by));
    }
    /// All are added that ended before this term. What ends in it is added as soon as it is known.
    void note_all_added() { are_all_added_ = true; }
    bool are_all_added() const { return are_all_added_; }
    /// The others have been seen to by somebody else.
    void keep(const std::function<bool(const RunId&)>& is_kept);
    bool is_empty() const { return runs_.empty(); }
    /// The runs, and who had asked for them.
    std::map<RunId, std::string> take() { return std::exchange(runs_, {}); }

    /// What runs in place of `id`; nullopt: nothing, because its job does not want that, it has had
    /// too many attempts, or it is too late.
    std::optional<RunId> next_attempt(const RunId& id, WallTime now) const;

    /// Whether a run of a job that wants each fire at least once is among them.
    bool concerns(const std::set<RunId>& runs) const;

private:
    const JobTable& jobs_;
    const MisfireRules& misfires_;
    std::map<RunId, std::string> runs_;
    bool are_all_added_ = false;
};

}  // namespace peercron
