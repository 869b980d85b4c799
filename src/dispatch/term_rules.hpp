#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "dispatch/asked_runs.hpp"
#include "dispatch/chained_fires.hpp"
#include "dispatch/daemon_starts.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/due_fires.hpp"
#include "dispatch/early_runs.hpp"
#include "dispatch/further_attempts.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/lost_runs.hpp"
#include "dispatch/outbox.hpp"
#include "dispatch/required_fires.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
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
#include <utility>
#include <vector>

namespace peercron {

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
/// Here is the order in which things happen. What a rule says (where a run goes, which late fires
/// run, what has to be looked up …) is in a class of its own, all of which TermBook holds; what
/// happens to a run is in RunLife; and what makes runs, or ends them, in DueFires,
/// FurtherAttempts, ChainedFires, RequiredFires, DaemonStarts, AskedRuns, EarlyRuns and LostRuns.
class TermRules {
public:
    /// `jobs` is the node's warm copy; it must be up to date.
    TermRules(Epoch epoch, NodeName self, const DispatchSettings& settings, JobTable& jobs,
              Moment started);
    TermRules(const TermRules&) = delete;
    TermRules& operator=(const TermRules&) = delete;

    Epoch epoch() const { return epoch_; }
    WallTime planned_through() const { return book_.planned_through; }
    /// Whether begin() was called.
    bool has_begun() const { return book_.has_begun; }

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
    void learn_clocks(const Roster& told, Moment now) { book_.nodes.learn_clocks(told, now); }
    /// This node's clock is ahead, by so much, of the moments that are handed in: it is not planned
    /// by. Clocks that were not measured yet may be ahead as far.
    void own_clock_ahead(std::chrono::milliseconds by) { book_.nodes.own_clock_ahead(by); }
    /// By how much clocks of other nodes are ahead of the moments that are handed in: of those that
    /// are connected, and were measured on this connection or an earlier one of this term.
    std::vector<std::chrono::milliseconds> measured_clocks(Moment now) const
    {
        return book_.nodes.measured_clocks(now);
    }

    // What nodes say.

    /// `account` is the answer to this connection's TermHello.
    void connected(const NodeName& node, const Account& account, Moment now);
    void beat(const NodeName& node, const NodeBeat& beat, Moment now)
    {
        book_.nodes.take_beat(node, beat, now);
    }
    void report(const NodeName& node, const RunReport& report, Moment now);
    /// The connection ended, which proves nothing.
    void disconnected(const NodeName& node, Moment now)
    {
        book_.nodes.note_disconnected(node, now);
    }
    /// The node's warden reports that it is dead. May be called again.
    void died(const NodeName& node, const Death& death, Moment now);
    /// What the registry says: the nodes whose checks pass.
    void registry(const std::set<NodeName>& passing, Moment now)
    {
        book_.nodes.take_registry(passing, now);
    }
    /// When the registry last answered: what it said was true until then.
    void registry_seen(SteadyTime at) { book_.nodes.note_registry_seen(at); }
    /// Whether the node has given its account on the present connection: before that, it may be
    /// another process than the one that was given runs.
    bool accounted(const NodeName& node) const { return book_.nodes.has_account(node); }
    /// Whether the node was heard so lately that a beat may renew its lease: well within the
    /// lease's margin, because the node counts from the beat and the dispatcher from what it heard.
    bool hears(const NodeName& node, Moment now) const { return book_.nodes.hears(node, now); }
    /// Whether its clock differs by so much from the time that is planned by that it would start
    /// fires at wrong moments.
    bool has_wrong_clock(const NodeName& node) const
    {
        return !book_.nodes.at(node).clock.is_usable();
    }
    /// DispatcherBeat::stops_known for the node: when it reads that, it must have been sent all of
    /// take_revocations() before.
    std::uint64_t stops_known(const NodeName& node) const
    {
        return book_.has_begun ? book_.nodes.stops(node) : 0;
    }

    // Changes of jobs.

    /// The runs of these jobs that were handed out and have not started, as far as is known,
    /// to be asked back from their nodes: node → runs.
    std::map<NodeName, std::vector<RunId>> handed_out(std::span<const JobId> jobs) const;
    /// Adds those that a pause keeps from starting.
    void add_paused(std::map<NodeName, std::vector<RunId>>& handed, Moment now) const;
    /// Whether the pauses have changed since jobs_changed().
    bool has_new_pauses() const { return book_.paused.has_news(); }
    /// All changes that the store had then were given to jobs_changed(). A later one is planned
    /// from its moment on, however late it becomes known, up to five minutes; this dispatcher may
    /// have been cut off from the store.
    void changes_are_known_until(WallTime time) { book_.changes_known_until = time; }
    /// The jobs were changed in the table (or taken out of it); `revoked` are the runs that their
    /// nodes have given back.
    void jobs_changed(std::span<const JobId> jobs, std::span<const RunId> revoked, Moment now);
    /// What to read of the past of a job (usually nothing) before the table gets `row`: versions
    /// between the table's and this one may have taken back fires that have not started.
    std::optional<PastQuery> wanted_past(const Job& row) const
    {
        return book_.versions.query_before(row, book_.planned_through);
    }
    /// These were read for wanted_past(), and the table has the rows. Before handed_out().
    void learn_unwanted(std::span<const JobPast> pasts);
    /// `node` gave these runs back after the revocation had timed out, and has forgotten them:
    /// those that are due by the job's present definition go to a node again, the others end as
    /// revoked.
    void given_back_late(const NodeName& node, std::span<const RunId> given_back);
    /// `node` drains, or its clock is wrong: the runs that it has given back go to others.
    void evacuated(const NodeName& node, std::span<const RunId> given_back);
    /// What it holds, to be asked back.
    std::vector<RunId> held_by(const NodeName& node) const;

    // What a clock left behind that was ahead: see EarlyRuns.

    std::map<NodeName, std::vector<RunId>> held_early(Moment now) const
    {
        return early_runs_.held(now);
    }
    void take_back_early(std::span<const RunId> given_back, Moment now)
    {
        early_runs_.take_back(given_back, now);
    }
    /// Whether runs have ended whose moments are still to come. While this remembers them no fire
    /// is planned in their stead.
    bool remembers_early(Moment now) const
    {
        return book_.ended_lately.has_after(book_.early_from(now));
    }
    /// What has ended, and is due later than the plan reaches: the rows that the store may move.
    std::vector<RunId> ended_beyond_plan() const
    {
        return book_.ended_lately.after(book_.planned_through);
    }
    void moved(std::span<const RunId> runs) { early_runs_.moved(runs); }
    void moved_unless_found(std::span<const RunId> ended, const TermStart& found)
    {
        early_runs_.moved_unless_found(ended, found);
    }

    // What people ask for: see AskedRuns.

    Result<RunId> run_now(JobId job, std::string requested_by, Moment now)
    {
        return asked_runs_.run_now(job, std::move(requested_by), now);
    }
    Result<RunId> retry_now(const LogRow& newest, std::string requested_by, Moment now)
    {
        return asked_runs_.retry_now(newest, std::move(requested_by), now);
    }
    Result<RunId> run_again(const RunId& fire, const std::optional<LogRow>& newest,
                            std::string requested_by, Moment now)
    {
        return asked_runs_.run_again(fire, newest, std::move(requested_by), now);
    }

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
    /// The runs that, according to the store, ended before this term without a result of the
    /// command: those of jobs that want each fire at least once run again. Once in a term.
    void deliver_again(std::span<const RunId> runs);
    /// What to read of the past before that (usually nothing): a version since replaced may have
    /// taken back their fires.
    std::vector<PastQuery> pasts_of(std::span<const RunId> runs) const
    {
        return book_.versions.queries_for(runs);
    }
    /// Those of `runs` whose fires belong to the version that was valid when they were due; `pasts`
    /// is what pasts_of() asked for.
    std::vector<RunId> still_wanted(std::vector<RunId> runs, std::span<const JobPast> pasts) const
    {
        return book_.versions.still_wanted(std::move(runs), pasts);
    }
    // Daemons: see there.

    bool has_daemon_questions() const { return book_.daemons.has_questions(); }
    std::vector<JobId> take_daemon_questions(std::size_t most)
    {
        return book_.daemons.take_questions(most);
    }
    void found_daemon_starts(std::span<const JobId> jobs, std::vector<DaemonStart> starts,
                             WallTime now)
    {
        book_.daemons.found(jobs, std::move(starts), now);
    }
    /// What is to be ended because its job says so. Needs no commit.
    std::vector<Outgoing> daemons_to_end(Moment now) { return daemon_starts_.to_end(now); }

    // Jobs that run after others: see Chains.

    /// Whether a fire may be due because of what was said since the last step().
    bool has_chain_news() const { return book_.chains.has_news(); }
    bool has_chain_questions() const { return book_.chains.has_questions(); }
    std::vector<JobId> chains_in_question() const { return book_.chains.in_question(); }
    void ask_chains(const std::set<JobId>& children) { book_.chains.ask_again(children); }
    std::vector<ChainEdge> take_chain_questions(std::size_t most)
    {
        return book_.chains.take_questions(most);
    }
    void found_chain_rows(std::vector<ChainRow> rows, SteadyTime hold)
    {
        book_.chains.found(std::move(rows), hold);
    }

    // Fires of jobs that require others: see Requirements.

    bool has_required_questions() const { return !book_.requirements.is_empty(); }
    std::optional<WallTime> next_required_question() const
    {
        return book_.requirements.next_question();
    }
    std::vector<RequiredQuestion> take_required_questions(Moment now, std::size_t most)
    {
        return book_.requirements.take_questions(now.wall, book_.planned_through, most);
    }
    void found_required(std::vector<RequiredFinding> findings, Moment now)
    {
        book_.requirements.found(std::move(findings), now.wall,
                                 [this](const RunId& id) { return book_.is_fire_open(id); });
    }
    bool has_decided_required() const { return book_.requirements.has_decided(); }

    // Retries.

    /// Whether ends of runs may be in the store alone, so that Store::runs_to_retry() is to be
    /// asked: when the steps are stored that were made before begin_reading(), and then found().
    bool has_hidden_ends() const { return book_.retries.has_hidden_ends(); }
    void begin_reading_failed() { book_.retries.begin_reading(); }
    void found_failed(std::vector<FailedRun> runs) { book_.retries.found(std::move(runs)); }

    /// Ends a run that is here, or that its node has given back: it does not start.
    void cancel(const RunId& run, Reason why, Moment now);

    // Doubt: runs that a node should know of, and does not, and rows whose node died before it
    // could write what it had said of them.

    const Doubts& doubts() const { return book_.doubts.open(); }
    bool has_doubts() const { return !book_.doubts.empty(); }
    /// The store was read after `doubts` arose: a doubtful run that is no longer open there has
    /// ended; one that is still planned was never received, and is handed out again. Open rows of
    /// dead nodes that no other node accounts for end as lost. `to_repeat`: what the store says of
    /// that (Store::runs_to_repeat()); must be given when wants_runs_to_repeat().
    void resolve_doubts(const TermStart& found, Doubts doubts, Moment now,
                        std::span<const RunId> to_repeat = {})
    {
        lost_runs_.resolve_doubts(found, std::move(doubts), now, to_repeat);
    }
    /// Whether a run of a job that wants each fire at least once is among them.
    bool wants_runs_to_repeat(const Doubts& doubts) const
    {
        return book_.redelivery.concerns(doubts.runs);
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
    void hold_plan(bool is_held) { due_fires_.hold(is_held); }
    /// Whether the table of jobs may change, which somebody has asked for at `asked`: what was due
    /// until then by the jobs as they are is planned. `now` counts when the clock was set back
    /// since.
    bool may_change(WallTime asked, Moment now) const
    {
        return book_.planned_through >= std::min(asked, now.wall) + book_.settings.lookahead / 2;
    }
    /// Whether the last step() left due fires unplanned, because there were too many.
    bool behind() const { return behind_; }
    /// What to send at once: the ledger already says, or will say, that these runs are lost or at
    /// other nodes.
    std::vector<Outgoing> take_revocations() { return book_.outbox.take_revocations(); }
    /// What to send after the last step() was committed. `last_revoke` is the number of the newest
    /// Revoke that was sent.
    std::vector<Outgoing> messages(Moment now, std::uint64_t last_revoke = 0);
    /// Takes out of `given_back`, the answer to the Revoke of that number, the runs that were
    /// ordered again after that was sent: the answer came late and is not about them.
    void drop_later_orders(std::uint64_t revoke, std::vector<RunId>& given_back) const;

    // For the display.
    std::vector<NodeLoad> loads(Moment now) const { return book_.nodes.loads(now); }
    std::size_t open_runs() const { return book_.runs.size(); }
    std::size_t waiting_runs() const { return book_.waiting.size(); }
    const Daemons& daemons() const { return book_.daemons; }
    /// The nodes that have open runs.
    std::vector<NodeName> busy_nodes() const { return book_.runs.busy_nodes(); }
    /// What the dispatcher itself ended since the last call.
    std::vector<EndedFires> take_ended() { return book_.draft.take_ended(); }

private:
    bool apply_change(const Revision& change, Moment now);
    void take_back_ended(const TermStart& found);
    void report_end(const NodeName& node, const RunReport& end, Moment now);
    void release_paused(Moment now);
    WallTime plans_from(const PlannedJob& job, WallTime now) const;

    const Epoch epoch_;
    TermBook book_;
    RunLife life_;
    FurtherAttempts attempts_;
    DueFires due_fires_;
    ChainedFires chained_fires_;
    RequiredFires required_fires_;
    DaemonStarts daemon_starts_;
    AskedRuns asked_runs_;
    EarlyRuns early_runs_;
    LostRuns lost_runs_;
    bool behind_ = false;
};

}  // namespace peercron
