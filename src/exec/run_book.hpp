#pragma once

#include "exec/held_locks.hpp"
#include "model/counted_part.hpp"
#include "model/run.hpp"
#include "wire/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {

/// What the rules of a RunBook measure.
struct RunRules {
    std::size_t slots = 128;        ///< commands at the same time
    std::size_t http_slots = 1024;  ///< requests at the same time
    /// Fires handed to this node and not started, due or not: one more is skipped at once. Only
    /// memory limits them, so that many fires that are due in one second can wait for slots.
    std::size_t max_held = 200'000;
    std::size_t max_held_bytes = 24U
                                 << 20U;   ///< of their commands and requests: an account names all
    std::size_t max_remembered = 200'000;  ///< identities of runs that ended, and …
    std::chrono::milliseconds remember{std::chrono::minutes(10)};  ///< … for how long

    /// Until this long after its time a fire starts without asking who dispatches. No dispatcher
    /// may give such a fire to another node before this has passed.
    std::chrono::milliseconds on_time{1000};
    /// A fire that this node notices later than this after its time, because the node or its
    /// machine stood still, does not start any more, although its `start_by` may be later: that is
    /// for fires that wait.
    std::chrono::milliseconds wake_limit{30'000};
    /// How long after the last message of a dispatcher this node may still count as alive.
    std::chrono::milliseconds silence_limit{1500};
    /// How long this node may run jobs with a limit without having heard from a dispatcher or
    /// Consul.
    std::chrono::milliseconds lease{10'000};

    /// Twice the lookahead: what ended so long before its time was started by a clock that was
    /// ahead.
    std::chrono::milliseconds early{4000};

    std::chrono::milliseconds shortage_pause{100};  ///< see RunBook::put_back()

    /// From stop_signal to SIGKILL, if the job says nothing else.
    std::chrono::milliseconds kill_grace{5000};
    /// The same when the lease has run out: must be over before the lease's margin is.
    std::chrono::milliseconds fence_grace{500};
};

/// From the signal that asks the order's command to end to SIGKILL.
std::chrono::milliseconds kill_grace_of(const RunOrder& order, const RunRules& rules);

/// Whether it is for a request: it starts no process, and has slots of its own.
inline bool is_request(const RunOrder& order)
{
    return order.fields.job().kind == JobKind::http;
}

/// What this node holds, runs and remembers, and the rules by which fires start and end here.
///
/// Pure bookkeeping: no I/O and no clock; the caller hands in moments and carries out what due()
/// returns. Thread safety: none.
///
/// The rules:
///  1. An identity (RunId) starts at most once here, whatever the clocks do. (But a run that has
///     ended, and whose time is still to come by more than `early` when this clock is set back, was
///     not the fire of that time: see Store::step_back(). It is forgotten here.)
///  2. A fire starts at `start_at` by the wall clock, never earlier, when as many slots are free as
///     its job's weight says: commands and requests have slots of their own, and neither waits for
///     the other. Of those that wait the one with the highest priority is the first, then the
///     oldest; no other passes it, also when it needs more slots than are free.
///  3. Later than `on_time` it starts only while a dispatcher is heard: a process that was stopped,
///     or whose network was, may have been given up and its fires given to others. After a stop, or
///     a silence, nothing counts as heard for `silence_limit`, because what is read then may have
///     been in a buffer, with messages that take fires back behind it.
///  4. A fire that has not started by `start_by`, or that this node comes to only after
///     `wake_limit`, ends as skipped, and its reason says why.
///  5. A fire that finds its job at its limit of runs here (Concurrency, which counts each part of
///     fires with several by itself, unless they belong to nodes) ends as skipped; or waits as long
///     as it takes, one per part; or has the oldest run killed and starts when that has ended, and
///     while it waits for that, the next fire replaces it. A fire for which a lock is not free
///     (HeldLocks) ends as skipped, or waits, by the same policy; runs of other jobs are never
///     killed for it.
///  6. Isolated for `lease`, this node kills its runs of jobs with such a limit or with locks
///     (`fenced`) and gives up its fires of them: other nodes may have them by now, and the message
///     about that may still be on its way, whatever else is heard first.
///  7. After a stop of this process no fire of a job with such a limit, or with locks, starts until
///     a dispatcher has answered what this node said after the stop. The orders that it finds in
///     its connection may have been given up, and on a slow network the word about that needs
///     longer than `silence_limit`.
///  8. After the wall clock was set ahead no fire is due, neither to start nor to end as skipped,
///     until a dispatcher is heard `silence_limit` later, which has seen this clock by then. If
///     this node died before, fires that it had decided would be taken for not yet due, and be
///     given to another node.
class RunBook {
public:
    /// A fire that ends without a run.
    struct Skipped {
        RunOrder order;
        Reason reason;
    };
    /// What the caller must do now. `start` was counted as running; report how it went with
    /// started() and ended().
    struct Actions {
        std::vector<RunOrder> start;
        std::vector<Skipped> skipped;
        std::vector<RunId> terminate;  ///< the job's stop_signal to the group
        std::vector<RunId> kill;       ///< SIGKILL to the group
    };
    /// Why a run is being ended by us.
    struct Verdict {
        RunState state = RunState::killed;
        Reason reason;
    };

    RunBook(RunRules rules, SteadyTime now);

    /// Takes orders. Ignores runs that are running or have run here, and orders of a dispatcher
    /// older than the newest one seen; an order for a fire that is held replaces the old one (the
    /// dispatcher's last word). Returns those that will not start here because this node drains.
    std::vector<RunId> accept(std::vector<RunOrder> orders, const Moment& now);

    /// Takes back what has not started. Returns those that will not start here, unknown ones
    /// included; they may be ordered again.
    std::vector<RunId> revoke(std::span<const RunId> runs);

    /// Condemns a run: the first verdict stands. False when there is no such run.
    bool kill(const RunId& run, Verdict verdict, SteadyTime now);

    /// The process of this run exists: its timeout counts from here.
    void started(const RunId& run, const Moment& now);

    /// The process could not be started because something had run out (`why`) that may be available
    /// later: the fire waits again, and nothing starts for `shortage_pause`. Then one fire is
    /// tried, and the others start when that one has its process. False when the fire must end
    /// instead: it was condemned, or this node drains.
    bool put_back(const RunId& run, std::string why, SteadyTime now);

    /// The run is over; frees its slot, and leaves room for another run of its job. Returns the
    /// verdict if it was condemned; after the lease has run out it always was, whatever ended it.
    std::optional<Verdict> ended(const RunId& run, SteadyTime now);

    /// The dispatcher of `epoch` was heard. False when a newer one is known, or no dispatcher can
    /// have that epoch; then it changes nothing.
    bool dispatcher_heard(Epoch epoch, SteadyTime now);

    /// How often this process, or its machine, has stood still for so long that it was noticed.
    std::uint64_t stops(SteadyTime now);
    /// A dispatcher has heard this node say so after that many stops, and what it has taken back
    /// until then was read here. Says whether that was waited for.
    bool stops_known(std::uint64_t stops);

    /// Consul confirmed this node's session, in a request that was sent at `sent`.
    void session_confirmed(SteadyTime sent, SteadyTime now);

    /// From now on nothing starts and nothing is accepted, and daemons are told to end: others are
    /// waited for. Returns the fires that are given back.
    std::vector<RunId> drain();

    /// What is to be done at `now`. Call it at next_start() and next_deadline(), and at least
    /// every silence_limit / 3: a longer pause is taken for a stop of this process.
    Actions due(const Moment& now);

    std::optional<WallTime> next_start() const;
    std::optional<SteadyTime> next_deadline() const;

    bool is_isolated(SteadyTime now) const;
    /// When it will be, if nothing is heard any more.
    SteadyTime lease_end() const { return contact_ + rules_.lease; }
    bool is_draining() const { return draining_; }
    Epoch newest_epoch() const { return newest_epoch_; }
    std::size_t running() const { return running_.size(); }
    /// Of those that run.
    std::size_t requests() const { return static_cast<std::size_t>(line_of_requests_.taken); }
    std::size_t held() const { return fires_.size() - waiting_; }
    std::size_t waiting() const { return waiting_; }  ///< due, but not started
    /// Fires that have not started, including those whose end due() has not reported yet: a caller
    /// must not conclude that they never arrived.
    std::vector<RunOrder> held_orders() const;
    std::vector<RunId> running_ids() const;

private:
    /// A fire that has not started.
    struct Fire {
        RunOrder order;
        WallTime accepted_at{};
        std::optional<WallTime> first_seen_due;
        bool is_waiting = false;  // for a slot; or else in future_
        bool is_queued = false;   // waits for a run of its job to end, or for locks
        std::string trouble;      // why it could not start when it was to
    };
    struct Run {
        RunOrder order;
        WallTime since{};
        std::optional<SteadyTime> deadline;  // its place in deadlines_
        std::optional<Verdict> verdict;
    };
    using Fires = std::unordered_map<RunId, Fire>;
    using Running = std::unordered_map<RunId, Run>;
    /// What a limit of runs at a time counts: the fires of most jobs have one part.
    using PartOfJob = std::pair<JobId, std::int32_t>;
    static PartOfJob part_of(const RunId& id) { return {id.job, counted_part(id)}; }
    using ByTime = std::set<std::pair<WallTime, RunId>>;
    /// Fires that wait for slots of the same sort, and the runs that have some.
    struct Line {
        std::map<std::int64_t, ByTime, std::greater<>> waiting;  // by priority, then by start_at
        std::int64_t taken = 0;                                  // slots
        bool is_held_up = false;  // the first needs more slots than there are
    };

    void notice(SteadyTime now);
    void notice(const Moment& now);
    void note_stop(SteadyTime now);
    bool trusts_dispatcher(SteadyTime now) const;
    bool waits_for_answer(const RunOrder& order) const;
    bool is_clock_known() const;
    void fence(SteadyTime now);
    void set_deadline(Run& run, std::optional<SteadyTime> deadline);
    bool is_early(const RunId& run, SteadyTime now) const;
    void remember(const RunId& run, SteadyTime now);
    void forget_fire(const RunId& run);
    RunOrder take_fire(Fires::iterator fire);
    void wait_for_slot(Fire& fire);
    void forget_run(Running::iterator run);
    // By value: a reference may lead into the very sets that it takes the run from.
    void skip(RunId run, Reason why);
    void end_deadlines(SteadyTime now);
    void collect_due(const Moment& now);
    void expire(const Moment& now);
    void start(const Moment& now);
    void start_from(Line& line, std::size_t slots, std::size_t most, const Moment& now);
    void start_run(Line& line, const RunId& id, const Moment& now);
    Line& line_of(const RunOrder& order);
    bool has_free_slot(const RunOrder& order) const;
    /// Whether a fire may start as far as the runs of its job, and the holders of its locks, are
    /// concerned.
    bool has_room(const RunOrder& order) const;
    bool has_room_in_job(const RunOrder& order) const;
    std::optional<HeldLocks::Obstacle> lock_in_the_way(const RunOrder& order) const;
    bool is_at_limit(const RunOrder& order) const;
    Reason why_no_room(const Fire& fire) const;
    /// There is no room for `id`: it is queued or skipped, as the job's overlap policy says.
    void queue_or_skip(const RunId& id);
    void queue(const RunId& id);
    void replace_oldest(const RunOrder& order);
    WallTime latest_wake(const RunOrder& order) const;
    std::string runs_text(const PartOfJob& part) const;
    Reason expired_reason(const Fire& fire, const Moment& now) const;
    bool is_full_for(const RunOrder& order) const;

    RunRules rules_;
    Epoch newest_epoch_ = 0;
    bool draining_ = false;

    Fires fires_;
    std::size_t held_bytes_ = 0;  // of their commands and requests
    ByTime future_;               // fires by start_at
    std::size_t waiting_ = 0;     // due fires, all in one of the lines
    ByTime start_deadlines_;      // of those by start_by, the queued ones left out
    Line line_of_commands_;
    Line line_of_requests_;

    Running running_;
    std::map<PartOfJob, std::vector<RunId>> running_by_part_;  // oldest first
    std::map<PartOfJob, RunId> queued_;                        // of fires_, one per part
    HeldLocks locks_;
    std::set<std::pair<SteadyTime, RunId>> deadlines_;  // timeouts, and SIGKILL of the condemned

    std::unordered_map<RunId, SteadyTime> ended_;
    std::deque<std::pair<SteadyTime, RunId>> ended_in_order_;

    std::optional<SteadyTime> shortage_end_;  // then one may start, to see whether it is over
    Actions pending_;

    std::optional<SteadyTime> heard_;  // when a dispatcher last spoke
    SteadyTime contact_;               // when a dispatcher spoke or the session was confirmed
    SteadyTime last_noticed_;
    std::optional<Moment> last_due_;
    std::optional<SteadyTime> set_ahead_;  // when the wall clock was last seen to have been
    std::optional<SteadyTime> woke_;       // the end of the last stop of this process, or silence
    std::uint64_t stops_ = 0;
    std::uint64_t known_stops_ = 0;  // of those, to the dispatcher
};

}  // namespace peercron
