#pragma once

#include "model/lock.hpp"
#include "model/node_fields.hpp"
#include "model/node_load.hpp"
#include "model/output_part.hpp"
#include "model/plan_step.hpp"
#include "model/policy.hpp"
#include "model/run.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace peercron {

// What nodes say to each other. A dispatcher connects to every node; on that one connection both
// speak. Plain values: Protocol Buffers stay inside wire/.

/// One run for a node to hold and to start at its time.
struct RunOrder {
    RunId id;
    std::string command;
    std::chrono::seconds timeout{0};  ///< 0 = none
    Concurrency concurrency;
    NodeFields fields;
    std::vector<std::int64_t> lock_limits;  ///< of its locks, in their order: see locks_of()
    std::vector<std::string> inputs;  ///< of the job's, what a person has set: NAME=value each
    std::string parent;               ///< what it runs after, as to_string(ParentEnd); empty: none
    WallTime start_at{};  ///< not before; the scheduled time, or now for a fire that is late
    WallTime start_by{};  ///< not after; later it ends as skipped
    /// From here on a start is late; not set: from its scheduled time.
    std::optional<WallTime> due_at = {};
    Epoch epoch = 0;
    NodeName dispatch_server;
    /// The number of the last attempt that the job's retries allow; 0: it has none.
    std::int32_t last_attempt = 0;
    bool rehearsal = false;  ///< see model/run_request.hpp

    friend bool operator==(const RunOrder&, const RunOrder&) = default;
};

/// The word by which a node says in Account::known_fields that it knows rehearsals: another one
/// would take it for any run.
inline constexpr std::string_view rehearsal_need = "rehearsal";
/// The same of fires that have several parts, and of parts that belong to nodes: another one would
/// take them for the same run.
inline constexpr std::string_view parts_need = "parts";

/// All that Account::known_fields must have for a node to carry the order out rightly.
std::vector<std::string> needs_of(const RunOrder& order);

/// Whether it is to be kept alive.
inline bool is_daemon(const RunOrder& order)
{
    return order.fields.job().kind == JobKind::daemon;
}

/// A lock that a run holds from its start to its end.
struct OrderedLock {
    LockClaim claim;
    std::int64_t limit = usual_lock_limit;
};
/// Those of its job, with the limits that they had when the order was written; none when these are
/// not known.
std::vector<OrderedLock> locks_of(const RunOrder& order);

/// Whether other runs may have to end before it starts: all those are at one node.
inline bool is_limited(const RunOrder& order)
{
    return order.concurrency.limit > 0 || !order.lock_limits.empty();
}

/// Dispatcher → node, first on a connection: I dispatch in this epoch; account for what you have.
struct TermHello {
    Epoch epoch = 0;
    NodeName dispatcher;
    bool knows_rehearsals = false;  ///< an older one would have them run as any other run
    friend bool operator==(const TermHello&, const TermHello&) = default;
};

/// Node → dispatcher, the answer to TermHello.
struct Account {
    NodeName node;
    std::uint64_t incarnation = 0;  ///< random, new with each start of the process
    /// How long the process has been up, by the steady clock: runs that were handed out before
    /// belong to an earlier process.
    std::chrono::milliseconds uptime{0};
    Epoch first_epoch = 0;  ///< of the first dispatcher that the process heard; 0: not said
    bool draining = false;
    Epoch newest_epoch = 0;  ///< greater than the hello's: the hello is refused
    std::uint32_t slots = 0;
    std::vector<RunOrder> held;  ///< not started yet
    std::vector<RunReport> running;
    std::vector<RunReport> ended;  ///< ended, but not yet in the store; without output
    /// Of those that are running, and are daemons or hold locks: what was started.
    std::vector<RunOrder> started;
    bool has_journal = false;  ///< copies of steps outlive this process
    /// What needs_of() may name for it to run a job rightly.
    std::vector<std::string> known_fields;
    std::vector<std::string> labels;  ///< that it tells, see model/labels.hpp
    friend bool operator==(const Account&, const Account&) = default;
};

/// Dispatcher → node: hold these. A run that the node already knows is ignored.
struct RunOrders {
    std::vector<RunOrder> orders;
    friend bool operator==(const RunOrders&, const RunOrders&) = default;
};

/// Dispatcher → node: give these back if they have not started.
struct Revoke {
    std::uint64_t request = 0;
    std::vector<RunId> runs;
    friend bool operator==(const Revoke&, const Revoke&) = default;
};
/// Node → dispatcher: the answer, or unasked for (request 0) from a node that drains.
struct Revoked {
    std::uint64_t request = 0;
    std::vector<RunId> revoked;  ///< will not start here; those not named have started or ended
    friend bool operator==(const Revoked&, const Revoked&) = default;
};

/// Node → dispatcher: the present state of runs (running or final), without output.
struct RunReports {
    std::vector<RunReport> reports;
    friend bool operator==(const RunReports&, const RunReports&) = default;
};

/// Dispatcher → node: end this run (SIGTERM, grace, SIGKILL).
struct KillRun {
    RunId run;
    Reason reason;  ///< who asked, for the row
    friend bool operator==(const KillRun&, const KillRun&) = default;
};

/// Dispatcher → node, several times a second: renews the node's lease, and tells the load of all.
struct DispatcherBeat {
    Epoch epoch = 0;
    WallTime sent_at{};
    std::vector<NodeLoad> nodes;
    /// Nothing was heard of the node lately: it must answer, but this beat renews nothing, because
    /// a node that hears but is not heard counts as silent.
    bool unheard = false;
    /// NodeBeat::stops of the node's newest beat on this connection; 0 while none has come, or the
    /// dispatcher does not know yet what it has to take back. Not set: by an older dispatcher.
    std::optional<std::uint64_t> stops_known;
    friend bool operator==(const DispatcherBeat&, const DispatcherBeat&) = default;
};
/// Node → dispatcher, the answer to each beat, and at once when draining begins.
struct NodeBeat {
    WallTime echo{};     ///< sent_at of the beat that is answered
    WallTime sent_at{};  ///< the node's clock
    NodeLoad load;
    std::uint64_t stops = 0;  ///< how often the node's process has stood still
    friend bool operator==(const NodeBeat&, const NodeBeat&) = default;
};

/// Node → dispatcher: my API changed these rows of table `cron`; without any, the pauses or
/// backfills.
struct JobChanged {
    std::uint64_t request = 0;
    std::vector<JobId> jobs;
    friend bool operator==(const JobChanged&, const JobChanged&) = default;
};
/// Node → dispatcher: run this job once, now, whatever its schedule says.
struct RunNow {
    std::uint64_t request = 0;
    JobId job = 0;
    std::string requested_by;  ///< for the row
    friend bool operator==(const RunNow&, const RunNow&) = default;
};
/// Node → dispatcher: end this run, or make sure that it does not start.
struct EndRun {
    std::uint64_t request = 0;
    RunId run;
    Reason reason;  ///< who asked, for the row
    friend bool operator==(const EndRun&, const EndRun&) = default;
};
/// Node → dispatcher: try the fire of this run again now, as its next attempt; or, if one waits for
/// its time, that one. A dispatcher of an older version does not answer.
struct RetryRun {
    std::uint64_t request = 0;
    RunId run;
    std::string requested_by;  ///< for the row
    friend bool operator==(const RetryRun&, const RetryRun&) = default;
};
/// Dispatcher → node, the answer to JobChanged (the change holds; what was handed out before is
/// revoked), RunNow and RetryRun (the run is in the ledger) or EndRun (its node is told).
struct Done {
    std::uint64_t request = 0;
    std::string error;         ///< empty = done
    std::optional<RunId> run;  ///< of RunNow and RetryRun
    friend bool operator==(const Done&, const Done&) = default;
};

// While the store is away the dispatcher goes on with copies of its steps at the nodes.

/// Dispatcher → node: keep this step, which the store does not have yet. Node → dispatcher, before
/// the Account: an earlier dispatcher had me keep this.
struct StepCopy {
    PlanStep step;
    friend bool operator==(const StepCopy&, const StepCopy&) = default;
};
/// Node → dispatcher: I have it, and all before it that you sent.
struct StepKept {
    StepId step;
    bool durable = false;  ///< it outlives this process
    friend bool operator==(const StepKept&, const StepKept&) = default;
};
/// Dispatcher → node: the store has this step and all before it, those of earlier terms included.
struct StepsStored {
    StepId through;
    friend bool operator==(const StepsStored&, const StepsStored&) = default;
};

// When a node has died its warden answers at its port for a moment.

/// Warden → dispatcher, first on a connection: the process that listened here is dead, I have
/// reaped it.
struct NodeDied {
    std::uint64_t incarnation = 0;       ///< see Account
    std::chrono::milliseconds ago{0};    ///< since it was reaped
    std::chrono::milliseconds lived{0};  ///< from when it listened here, and no other, to that
    friend bool operator==(const NodeDied&, const NodeDied&) = default;
};
/// Dispatcher → warden: I have learnt it.
struct DeathHeard {
    std::uint64_t incarnation = 0;
    friend bool operator==(const DeathHeard&, const DeathHeard&) = default;
};

/// Dispatcher → node: I no longer dispatch, but my process lives on. For nodes that speak only
/// version 1, which take the end of a connection for the end of the process.
struct TermOver {
    Epoch epoch = 0;
    friend bool operator==(const TermOver&, const TermOver&) = default;
};

// A node whose client watches a run asks the node that runs it, on a connection of its own. An ask
// is also the credit: nothing is sent without one, and there is one at a time.

/// Node → node: show me the output of this run.
struct OutputAsk {
    std::uint64_t request = 0;
    RunId run;
    std::int64_t from = 0;              ///< the first byte
    std::uint32_t most = 0;             ///< bytes at a time
    std::chrono::milliseconds wait{0};  ///< how long for output, if there is none yet
    friend bool operator==(const OutputAsk&, const OutputAsk&) = default;
};
/// The answer.
struct OutputPiece {
    std::uint64_t request = 0;
    OutputPart part;
    std::string error;  ///< why it cannot be shown now; empty = it is here
    friend bool operator==(const OutputPiece&, const OutputPiece&) = default;
};

using Message =
    std::variant<TermHello, Account, RunOrders, Revoke, Revoked, RunReports, KillRun,
                 DispatcherBeat, NodeBeat, JobChanged, RunNow, EndRun, Done, StepCopy, StepKept,
                 StepsStored, TermOver, NodeDied, DeathHeard, RetryRun, OutputAsk, OutputPiece>;

}  // namespace peercron
