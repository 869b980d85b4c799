#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/lock_table.hpp"
#include "dispatch/node_choice.hpp"
#include "dispatch/node_table.hpp"
#include "dispatch/open_runs.hpp"
#include "model/reason.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {

/// After the death of a node its warden lets its commands end, and then kills them
/// (exec/warden.hpp); until this is over they may be alive.
inline constexpr std::chrono::seconds orphan_time{2};

/// Which node gets a run. Any other than one of a job with a limit of runs at a time (Concurrency),
/// or with locks, goes where NodeChoice says. What no node can take waits, also when none is known
/// that fits its job: one may be about to start.
///
/// A job with such a limit has all its open runs at one node, its home, which counts them; so its
/// run goes there, or, when none is open, where NodeChoice says. Where its fires have several
/// parts, each of them has a home of its own: shard 3 of a fire waits for shard 3 of the one
/// before; and parts that belong to nodes have these for their homes, whatever is open there, so
/// that the limit holds at each node. The same goes for the runs of all jobs of one group of locks
/// (LockTable), where they may run at one node. While orphans of the job, or holders of its locks,
/// may be alive, commands of a node that has died, it goes nowhere. Decides, and changes nothing
/// else than what it knows of orphans. Pure; no clock of its own. One thread.
class Placement {
public:
    Placement(const DispatchSettings& settings, const NodeTable& nodes, const NodeChoice& choice,
              const OpenRuns& runs, const LockTable& locks)
        : settings_(settings), nodes_(nodes), choice_(choice), runs_(runs), locks_(locks)
    {}

    struct Decision {
        enum class Action : std::uint8_t {
            put,   ///< on `node`
            wait,  ///< and ask again later
            skip,  ///< because of `why`
        };
        Action action = Action::put;
        NodeName node;
        Reason why;
    };
    /// Where to put a run that is at no node.
    Decision decide(const TrackedRun& run, Moment now) const;

    /// Orphans of nodes that died under an earlier dispatcher may be alive until then.
    void expect_orphans_until(SteadyTime until) { unknown_until_ = until; }
    /// The run's node has died with it; until then it may be alive. Of several orphans of a job
    /// the one counts that may live longest.
    void note_orphan(const TrackedRun& run, SteadyTime until);
    /// It waits, or runs again, or was left out by an earlier dispatcher, which may have seen a
    /// node of its job die just before.
    void note_unknown_orphan(const TrackedRun& run);
    void forget_gone_orphans(SteadyTime now);

private:
    /// A node that died, and until when its commands may still be alive.
    struct Orphans {
        NodeName node;
        SteadyTime until{};
    };

    /// What the runs share that have to be at one node: of a job with a limit, or a lock.
    using PartOfJob = std::pair<JobId, std::int32_t>;
    using NodeOfJob = std::pair<JobId, NodeName>;
    using Shared = std::variant<PartOfJob, NodeOfJob, std::string>;

    static std::vector<Shared> shared_by(const RunOrder& order);
    void note(std::span<const Shared> all, const Orphans& orphans);
    const Orphans* orphans_of(const RunOrder& order, SteadyTime now) const;
    std::vector<OpenRuns::Holder> homes_of(const RunOrder& order) const;
    Decision decide_at_home(const TrackedRun& run, const std::vector<OpenRuns::Holder>& homes,
                            Moment now) const;
    Decision wait_or_skip(const TrackedRun& run, Reason why, Moment now) const;

    const DispatchSettings& settings_;
    const NodeTable& nodes_;
    const NodeChoice& choice_;
    const OpenRuns& runs_;
    const LockTable& locks_;
    std::map<Shared, Orphans> orphans_;
    SteadyTime unknown_until_{};
};

}  // namespace peercron
