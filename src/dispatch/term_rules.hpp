#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "dispatch/chains.hpp"
#include "dispatch/daemons.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/job_versions.hpp"
#include "dispatch/misfire_rules.hpp"
#include "dispatch/node_choice.hpp"
#include "dispatch/node_table.hpp"
#include "dispatch/open_runs.hpp"
#include "dispatch/order_writer.hpp"
#include "dispatch/outbox.hpp"
#include "dispatch/paused_fires.hpp"
#include "dispatch/placement.hpp"
#include "dispatch/planner.hpp"
#include "dispatch/recent_ends.hpp"
#include "dispatch/redelivery.hpp"
#include "dispatch/retry_rules.hpp"
#include "dispatch/run_doubts.hpp"
#include "dispatch/run_quotas.hpp"
#include "dispatch/step_draft.hpp"
#include "dispatch/waiting_runs.hpp"
#include "model/node_load.hpp"
#include "model/run.hpp"
#include "store/store.hpp"
#include "wire/message.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The longest time between two commits: it tells a deposed dispatcher, and moves planned-through.
inline constexpr std::chrono::seconds longest_plan_pause{1};

/// The rules of one term of one dispatcher, without I/O and without a clock: what is due, which
/// node runs it, which node holds a mutex, what happens to the runs of a node that is dead, silent
/// or gone. The Dispatcher carries it out.
///
/// The order of work is the pipeline of ARCHITECTURE.md. step() decides and puts everything that
/// the ledger must know into one PlanStep; only after that was committed may its messages(),
/// gathered meanwhile, be sent.
///
/// What is known about a node, from most to least:
///  - connected: it has given its account on this connection and was heard recently;
///  - silent: it is not heard, or its connection ended, was reset or refused, or cannot be made;
///    all of that happens to nodes that are alive. Nothing is handed to it, and it keeps the runs
///    that it has, since it may be running them (at most once);
///  - dead: reported by its own warden, or by a newer incarnation of it. The warden kills its
///    commands. Fires due after its death go to other nodes, those due before end as `lost`;
///  - gone: silent, and not passing in the registry, both for longer than lease and margin. Its
///    runs end as `lost`, which is replaced by the truth if it comes back.
///
/// What a rule says (where a run goes, which late fires run, what has to be looked up …) is in a
/// class of its own. Here is what happens to a run, and when: every function may open, move or end
/// one, which is why they are together.
class TermRules {
public:
    /// `jobs` is the node's warm copy; it must be up to date.
    TermRules(Epoch epoch, NodeName self, const DispatchSettings& settings, JobTable& jobs,
              Moment started);
    TermRules(const TermRules&) = delete;
    TermRules& operator=(const TermRules&) = delete;

    Epoch epoch() const { return epoch_; }
    WallTime planned_through() const { return planned_through_; }
    /// Whether begin() was called.
    bool has_begun() const { return begun_; }

    using Doubts = RunDoubts::Open;
    /// What was known when the store was about to be read: it does not settle what came later,
    /// though that was before the answer.
    struct BeforeRead {
        Doubts doubts;
        std::set<NodeName> accounted;
    };
    BeforeRead before_read() const;

    /// Take-over, once: `found` was read from the store after the nodes that answered gave their
    /// accounts; `before`: what was known then, not set: all of this. Returns the jobs that changed
    /// so recently that their runs may no longer be valid; they have to go through handed_out() and
    /// jobs_changed() before the first step.
    std::vector<JobId> begin(const TermStart& found, Moment now,
                             const std::optional<BeforeRead>& before = std::nullopt);

    /// How far the clocks of the nodes are from each other, as an earlier dispatcher told it.
    void learn_clocks(const Roster& told, Moment now) { nodes_.learn_clocks(told, now); }
    /// This node's clock is ahead, by so much, of the moments that are handed in: it is not planned
    /// by. Clocks that were not measured yet may be ahead as far.
    void own_clock_ahead(std::chrono::milliseconds by) { nodes_.own_clock_ahead(by); }
    /// By how much clocks of other nodes are ahead of the moments that are handed in: of those that
    /// are connected, and were measured on this connection or an earlier one of this term.
    std::vector<std::chrono::milliseconds> measured_clocks(Moment now) const
    {
        return nodes_.measured_clocks(now);
    }

    // What nodes say.

    /// `account` is the answer to this connection's TermHello.
    void connected(const NodeName& node, const Account& account, Moment now);
    void beat(const NodeName& node, const NodeBeat& beat, Moment now)
    {
        nodes_.take_beat(node, beat, now);
    }
    void report(const NodeName& node, const RunReport& report, Moment now);
    /// The connection ended, which proves nothing.
    void disconnected(const NodeName& node, Moment now) { nodes_.note_disconnected(node, now); }
    /// The node's warden reports that it is dead. May be called again.
    void died(const NodeName& node, const Death& death, Moment now);
    /// What the registry says: the nodes whose checks pass.
    void registry(const std::set<NodeName>& passing, Moment now)
    {
        nodes_.take_registry(passing, now);
    }
    /// When the registry last answered: what it said was true until then.
    void registry_seen(SteadyTime at) { nodes_.note_registry_seen(at); }
    /// Whether the node has given its account on the present connection: before that, it may be
    /// another process than the one that was given runs.
    bool accounted(const NodeName& node) const { return nodes_.has_account(node); }
    /// Whether the node was heard so lately that a beat may renew its lease: well within the
    /// lease's margin, because the node counts from the beat and the dispatcher from what it heard.
    bool hears(const NodeName& node, Moment now) const { return nodes_.hears(node, now); }
    /// DispatcherBeat::stops_known for the node: when it reads that, it must have been sent all of
    /// take_revocations() before.
    std::uint64_t stops_known(const NodeName& node) const
    {
        return begun_ ? nodes_.stops(node) : 0;
    }

    // Changes of jobs.

    /// The runs of these jobs that were handed out and have not started, as far as is known,
    /// to be asked back from their nodes: node → runs.
    std::map<NodeName, std::vector<RunId>> handed_out(std::span<const JobId> jobs) const;
    /// Adds those that a pause keeps from starting.
    void add_paused(std::map<NodeName, std::vector<RunId>>& handed, Moment now) const;
    /// Whether the pauses have changed since jobs_changed().
    bool has_new_pauses() const { return paused_.has_news(); }
    /// All changes that the store had then were given to jobs_changed(). A later one is planned
    /// from its moment on, however late it becomes known, up to five minutes; this dispatcher may
    /// have been cut off from the store.
    void changes_are_known_until(WallTime time) { changes_known_until_ = time; }
    /// The jobs were changed in the table (or taken out of it); `revoked` are the runs that their
    /// nodes have given back.
    void jobs_changed(std::span<const JobId> jobs, std::span<const RunId> revoked, Moment now);
    /// What to read of the past of a job (usually nothing) before the table gets `row`: versions
    /// between the table's and this one may have taken back fires that have not started.
    std::optional<PastQuery> wanted_past(const Job& row) const
    {
        return versions_.query_before(row, planned_through_);
    }
    /// These were read for wanted_past(), and the table has the rows. Before handed_out().
    void learn_unwanted(std::span<const JobPast> pasts);
    /// `node` gave these runs back after the revocation had timed out, and has forgotten them:
    /// those that are due by the job's present definition go to a node again, the others end as
    /// revoked.
    void given_back_late(const NodeName& node, std::span<const RunId> given_back);
    /// `node` drains: the runs that it has given back go to others.
    void evacuated(const NodeName& node, std::span<const RunId> given_back);
    /// Held by a draining node, to be asked back.
    std::vector<RunId> held_by(const NodeName& node) const;

    // What a clock left behind that was ahead: see Store::step_back().

    /// Runs that wait at nodes for moments further ahead than anybody plans, to be asked back.
    std::map<NodeName, std::vector<RunId>> held_early(Moment now) const;
    /// They end as revoked, and are planned again when their moments come; so do those that are at
    /// no node yet. What was due, and to start later by a clock that was ahead, goes to a node
    /// again.
    void take_back_early(std::span<const RunId> given_back, Moment now);
    /// Whether runs have ended whose moments are still to come. While this remembers them no fire
    /// is planned in their stead.
    bool remembers_early(Moment now) const { return ended_lately_.has_after(early_from(now)); }
    /// What has ended, and is due later than the plan reaches: the rows that the store may move.
    std::vector<RunId> ended_beyond_plan() const { return ended_lately_.after(planned_through_); }
    /// Their rows stand elsewhere now: the fires of those moments are others. They are planned,
    /// also if the plan has passed their moments until this was known.
    void moved(std::span<const RunId> runs);
    /// The same of those of `ended` that the store has no longer, when it did not answer which it
    /// has moved.
    void moved_unless_found(std::span<const RunId> ended, const TermStart& found);

    // What people ask for.

    /// Plans a run of the job for now, whatever its schedule, window and stop flag say; its mutex
    /// counts. The row is in the next step(). A daemon is only started when it is down, and could
    /// be up. The error: why not.
    Result<RunId> run_now(JobId job, std::string requested_by, Moment now);
    /// Tries a fire again now: the attempt that waits for its time, or, if none does, the one after
    /// `newest`, whatever the job's retries say. The row is in the next step(). The error: why
    /// not.
    /// @param newest the row of the fire's newest attempt, as the store has just said.
    Result<RunId> retry_now(const LogRow& newest, std::string requested_by, Moment now);
    /// Runs a fire of the past, as its next attempt, whatever became of it; its first one if it has
    /// no row. Not while it, or as many runs of its job as there may be, are under way. The row is
    /// in the next step(). The error: why not now.
    /// @param newest the row of the fire's newest attempt, as the store has just said.
    Result<RunId> run_again(const RunId& fire, const std::optional<LogRow>& newest,
                            std::string requested_by, Moment now);

    enum class Whereabouts : std::uint8_t {
        unknown,  ///< it has ended, or never was
        here,     ///< no node knows of it yet; a retry that waits is here, too
        held,     ///< its node holds it; it may be asked back
        running,  ///< or about to start, or its node has not said
    };
    struct RunPlace {
        Whereabouts whereabouts = Whereabouts::unknown;
        NodeName node;
    };
    RunPlace find_run(const RunId& run) const;
    /// Runs that, according to the store, ended long ago without a result of the command: those of
    /// jobs that want each fire at least once run again.
    void deliver_again(std::span<const RunId> runs);
    /// What to read of the past before that (usually nothing): a version since replaced may have
    /// taken back their fires.
    std::vector<PastQuery> pasts_of(std::span<const RunId> runs) const
    {
        return versions_.queries_for(runs);
    }
    /// Those of `runs` whose fires belong to the version that was valid when they were due; `pasts`
    /// is what pasts_of() asked for.
    std::vector<RunId> still_wanted(std::vector<RunId> runs, std::span<const JobPast> pasts) const
    {
        return versions_.still_wanted(std::move(runs), pasts);
    }
    // Daemons: see there.

    bool has_daemon_questions() const { return daemons_.has_questions(); }
    std::vector<JobId> take_daemon_questions(std::size_t most)
    {
        return daemons_.take_questions(most);
    }
    void found_daemon_starts(std::span<const JobId> jobs, std::vector<DaemonStart> starts,
                             WallTime now)
    {
        daemons_.found(jobs, std::move(starts), now);
    }
    /// What is to be ended because its job says so. Needs no commit.
    std::vector<Outgoing> daemons_to_end(Moment now);

    // Jobs that run after others: see Chains.

    /// Whether a fire may be due because of what was said since the last step().
    bool has_chain_news() const { return chains_.has_news(); }
    bool has_chain_questions() const { return chains_.has_questions(); }
    std::vector<JobId> chains_in_question() const { return chains_.in_question(); }
    void ask_chains(const std::set<JobId>& children) { chains_.ask_again(children); }
    std::vector<ChainEdge> take_chain_questions(std::size_t most)
    {
        return chains_.take_questions(most);
    }
    void found_chain_rows(std::vector<ChainRow> rows, SteadyTime hold)
    {
        chains_.found(std::move(rows), hold);
    }

    // Retries.

    /// Whether ends of runs may be in the store alone, so that Store::runs_to_retry() is to be
    /// asked: when the steps are stored that were made before begin_reading(), and then found().
    bool has_hidden_ends() const { return retries_.has_hidden_ends(); }
    void begin_reading_failed() { retries_.begin_reading(); }
    void found_failed(std::vector<FailedRun> runs) { retries_.found(std::move(runs)); }

    /// Ends a run that is here, or that its node has given back: it does not start.
    void cancel(const RunId& run, Reason why, Moment now);

    // Doubt: runs that a node should know of, and does not, and rows whose node died before it
    // could write what it had said of them.

    const Doubts& doubts() const { return doubts_.open(); }
    bool has_doubts() const { return !doubts_.empty(); }
    /// The store was read after `doubts` arose: a doubtful run that is no longer open there has
    /// ended; one that is still planned was never received, and is handed out again. Open rows of
    /// dead nodes that no other node accounts for end as lost. `to_repeat`: what the store says of
    /// that (Store::runs_to_repeat()); must be given when wants_runs_to_repeat().
    void resolve_doubts(const TermStart& found, Doubts doubts, Moment now,
                        std::span<const RunId> to_repeat = {});
    /// Whether a run of a job that wants each fire at least once is among them.
    bool wants_runs_to_repeat(const Doubts& doubts) const
    {
        return redelivery_.concerns(doubts.runs);
    }

    // The pipeline.

    /// Decides what is due up to now + lookahead. The step is to be committed, again and again
    /// until the store takes it.
    PlanStep step(Moment now);
    /// Whether a step would change the ledger, other than moving planned-through.
    bool has_news(Moment now);
    /// Whether step() plans fires. While it does not, because the ledger is too far behind,
    /// planned-through stands still. Fires that become due then are planned afterwards by the jobs'
    /// misfire rules; those that do not run late end as `overload`.
    void hold_plan(bool is_held);
    /// Whether the table of jobs may change, which somebody has asked for at `asked`: what was due
    /// until then by the jobs as they are is planned. `now` counts when the clock was set back
    /// since.
    bool may_change(WallTime asked, Moment now) const
    {
        return planned_through_ >= std::min(asked, now.wall) + settings_.lookahead / 2;
    }
    /// Whether the last step() left due fires unplanned, because there were too many.
    bool behind() const { return behind_; }
    /// What to send at once: the ledger already says, or will say, that these runs are lost or at
    /// other nodes.
    std::vector<Outgoing> take_revocations() { return outbox_.take_revocations(); }
    /// What to send after the last step() was committed. `last_revoke` is the number of the newest
    /// Revoke that was sent.
    std::vector<Outgoing> messages(Moment now, std::uint64_t last_revoke = 0);
    /// Takes out of `given_back`, the answer to the Revoke of that number, the runs that were
    /// ordered again after that was sent: the answer came late and is not about them.
    void drop_later_orders(std::uint64_t revoke, std::vector<RunId>& given_back) const;

    // For the display.
    std::vector<NodeLoad> loads(Moment now) const { return nodes_.loads(now); }
    std::size_t open_runs() const { return runs_.size(); }
    std::size_t waiting_runs() const { return waiting_.size(); }
    const Daemons& daemons() const { return daemons_; }
    /// The nodes that have open runs.
    std::vector<NodeName> busy_nodes() const { return runs_.busy_nodes(); }
    /// What the dispatcher itself ended since the last call.
    std::vector<EndedFires> take_ended() { return draft_.take_ended(); }

private:
    using Place = OpenRuns::Place;

    bool may_have_started(const TrackedRun& run, const OpenRun& row) const;
    Planner::Next plan_fire(const PlannedJob& job, WallTime scheduled_at, Moment now);
    void place_new(Place run, std::string requested_by, Moment now);
    void note_next_attempt(const RunId& next);
    void plan_gaps(Moment now);
    void plan_gap(const Job& job, Planner::Gap gap, const Reason& why_not, Moment now);
    bool apply_change(const Revision& change, Moment now);
    void plan_old_versions(const std::vector<Revision>& changes, Moment now);
    void plan_old_version(const PlannedJob& old, WallTime from, WallTime to, Moment now);
    void plan_next_attempt(const RunId& id, std::string requested_by, Moment now);
    void plan_retry(const FailedRun& failed, Moment now);
    void plan_chains(Moment now);
    void plan_child(const Chains::Due& due, Moment now);
    void skip_child(const Chains::Due& due, PlannedRun row, Reason why, Moment now);
    void start_daemons(Moment now);
    void give_up_daemon(JobId job, const DaemonNext& next, Moment now);
    RunId free_id(JobId job, WallTime at) const;
    void open_retry(WaitingRun wait, Moment now);
    void start_waiting(Moment now);
    void take_over_waiting(const TermStart& found, Moment now);
    void end_waiting(const WaitingRun& wait, RunState state, Reason why, WallTime at);
    void note_failure(const RunReport& end, std::string requested_by, WallTime now);
    void note_hidden_end(const RunId& id);
    Place open_again(const RunId& id, const PlannedJob& job, WallTime retry_at, Moment now);
    bool has_runs_left(const Job& job) const;
    bool is_fire_open(const RunId& id) const;
    bool is_followed(const FireEnd& end, WallTime now) const;
    void report_end(const NodeName& node, const RunReport& end, Moment now);
    void note_end(const RunId& id, RunState state, std::uint64_t row_step);
    void unpark(JobId job);
    void learn_quotas(const TermStart& found);
    WallTime early_from(Moment now) const;
    bool is_early(const RunId& id, Moment now) const;
    void take_back_ended(const TermStart& found);
    void place(Place run, Moment now);
    void put_on(Place run, const NodeName& node, Moment now);
    void adopt(const RunOrder& order, const NodeName& node, RunPhase phase, Moment now);
    void adopt_work(Place run, const RunOrder& order);
    void put_back(Place run);
    void drop(Place run);
    void close(Place run);
    void end_here(Place run, RunState state, Reason why, WallTime at);
    void release(Place run);
    void bury(const NodeName& node, std::optional<WallTime> since, std::string_view how,
              Moment now);
    void end_orphans(const TermStart& found, const std::map<NodeName, WallTime>& dead,
                     WallTime now);
    bool has_row(const RunId& fire) const;
    bool is_held(const TrackedRun& run) const;
    void release_paused(Moment now);
    WallTime plans_from(const PlannedJob& job, WallTime now) const;
    WallTime first_unread(WallTime now) const;

    const Epoch epoch_;
    const NodeName self_;
    const DispatchSettings& settings_;
    JobTable& jobs_;
    Planner planner_;
    const OrderWriter writer_;
    const MisfireRules misfires_;
    WallTime changes_known_until_{};
    WallTime planned_through_{};
    WallTime inherited_through_{};  ///< planned_through as it was found
    WallTime planned_before_{};     ///< planned_through as an earlier dispatcher has left it
    bool begun_ = false;

    OpenRuns runs_;
    const JobVersions versions_;
    RunQuotas quotas_;
    NodeTable nodes_;
    const NodeChoice choice_;
    Placement placement_;
    Redelivery redelivery_;
    RetryRules retries_;
    WaitingRuns waiting_;
    Daemons daemons_;
    Chains chains_;
    PausedFires paused_;

    RecentEnds ended_lately_;
    /// Given back because its job changed; becomes `revoked` unless the job still fires then.
    std::map<RunId, TrackedRun> taken_back_;
    /// Of a run that is among them a node's answer says only that it is not there now; its last
    /// process may have started it.
    RunDoubts doubts_;
    std::set<RunId> unplaced_;  ///< to be placed in the next step
    bool behind_ = false;

    bool is_held_ = false;
    /// Fires due after this could not be planned because of that; set until all of them are.
    std::optional<WallTime> held_from_;

    StepDraft draft_;
    std::vector<RunId> to_send_;  ///< to be handed out once the step is committed
    Outbox outbox_;
};

}  // namespace peercron
