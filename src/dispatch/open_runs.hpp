#pragma once

#include "base/clock.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

/// How far an open run has come, as far as the dispatcher knows.
enum class RunPhase : std::uint8_t {
    placed,  ///< in the ledger or on its way there; its node does not know it
    handed,  ///< its node holds it
    running,
};

/// Whether a fire was asked for what its job requires (Job::required).
enum class Requirement : std::uint8_t {
    none,   ///< not asked yet, or there is nothing to ask
    waits,  ///< see Requirements
    met,    ///< it is let go; its row does not say so yet
    noted,  ///< it was let go, as its row says
};

/// A run that a dispatcher has planned, or found, and that has not ended.
class TrackedRun {
public:
    RunOrder order;
    RunPhase phase = RunPhase::placed;
    WallTime dispatched_at{};
    /// Once handed out: its node may have started it from this moment on. Not order.start_at,
    /// which a new dispatcher sets again for the next node.
    WallTime start_from{};
    std::optional<WallTime> retry_at;   ///< see PlannedRun
    std::optional<WallTime> failed_at;  ///< of a retry that nobody has asked for: see WaitingRun
    bool running_in_store = false;
    bool superseded = false;       ///< its next attempt exists
    bool unwanted = false;         ///< a version took it back, and its node was not asked
    std::string requested_by;      ///< see PlannedRun
    std::uint64_t sent_after = 0;  ///< the newest Revoke when it was handed out
    std::uint64_t row_step = 0;    ///< the number of the step of this term that has its row
    Requirement requirement = Requirement::none;
    bool has_left_node = false;  ///< its row still names one that no longer has it
    /// Nobody has said which locks its node gave it: it may hold any.
    bool may_hold_any_lock = false;

    /// Empty: no node could take it yet.
    const NodeName& node() const { return node_; }

private:
    friend class OpenRuns;
    NodeName node_;
    std::int64_t slots_ = 0;          // that it takes there
    std::vector<std::string> locks_;  ///< as they stand in the list of holders
};

/// The runs that have not ended, by identity and by job, and how many of them each node has. Plain
/// memory; one thread.
class OpenRuns {
public:
    using Runs = std::unordered_map<RunId, TrackedRun>;
    using Place = Runs::iterator;

    /// The part of one node.
    struct Share {
        std::uint32_t open = 0;
        std::int64_t slots = 0;  ///< that they take
        std::uint64_t turn = 0;  ///< when it was last given a run, counted in runs
    };

    /// Puts in a run at no node; there must be none of the same identity.
    Place open(RunOrder order);
    /// It is at `node` from now on; it was at none.
    void assign(Place run, const NodeName& node);
    /// It is at no node any more.
    void unassign(Place run);
    /// Its order, or what it may hold, has changed.
    void note_locks(Place run);
    /// Takes it out.
    void close(Place run);

    Place find(const RunId& id) { return runs_.find(id); }
    Runs::const_iterator find(const RunId& id) const { return runs_.find(id); }
    bool contains(const RunId& id) const { return runs_.contains(id); }
    const TrackedRun& at(const RunId& id) const { return runs_.at(id); }
    TrackedRun& at(const RunId& id) { return runs_.at(id); }
    std::size_t size() const { return runs_.size(); }
    Runs::const_iterator begin() const { return runs_.begin(); }
    Runs::const_iterator end() const { return runs_.end(); }
    Place begin() { return runs_.begin(); }
    Place end() { return runs_.end(); }

    /// The number of fires among them, by the runs that stand for them. Without rehearsals.
    std::size_t fires_of(JobId job) const;
    /// In order of time. Valid until a run of the job is opened or closed.
    const std::set<RunId>& of_job(JobId job) const;
    /// Looks at all runs.
    std::vector<RunId> of_node(const NodeName& node) const;
    /// What the node has now and later: valid as long as this object.
    const Share& share_of(const NodeName& node) { return shares_[node]; }
    std::vector<NodeName> busy_nodes() const;

    /// A run, and the node that it is at.
    struct Holder {
        NodeName node;
        RunId run;
        std::string lock;  ///< empty: none, or it may hold any
    };
    /// One of each node that has runs of this part of the job's fires.
    std::vector<Holder> runs_of(JobId job, std::int32_t part) const;
    /// One of each node that has runs with one of these locks, or with any for all that is known.
    std::vector<Holder> holders_of(const std::set<std::string>& locks) const;
    /// Whether an earlier run of the same part of the job's fires than this one (of the same node,
    /// where parts belong to nodes), that does not start later, and does not wait for what the job
    /// requires, is at no node yet.
    bool is_behind_another(const RunId& id) const;

private:
    void forget_locks(Place run);

    Runs runs_;
    std::unordered_map<JobId, std::set<RunId>> of_job_;
    std::map<NodeName, Share> shares_;
    /// By lock and node; "" is any lock.
    std::map<std::string, std::map<NodeName, std::set<RunId>>> holders_;
    std::uint64_t turns_ = 0;
};

}  // namespace peercron
