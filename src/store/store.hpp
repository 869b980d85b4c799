#pragma once

#include "model/daemon.hpp"
#include "model/goal_record.hpp"
#include "model/job_fields.hpp"
#include "model/job_statistics.hpp"
#include "model/plan_step.hpp"
#include "model/revision.hpp"
#include "model/run.hpp"
#include "model/unusual.hpp"
#include "store/lists.hpp"

#include <boost/container/deque.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The store did not carry out the request: it is away, too slow, or refuses. It is not known
/// whether a change was made; every change below may be tried again.
class StoreError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The database ended a statement at its time limit. It is reachable, and the same request is
/// likely to fail again.
class TookTooLong : public StoreError {
public:
    using StoreError::StoreError;
};

/// A guarded change found another epoch in the store: this dispatcher is deposed and must stop.
class Deposed : public std::runtime_error {
public:
    explicit Deposed(const std::string& what, Epoch newest = 0)
        : std::runtime_error(what), newest_(newest)
    {}

    /// The epoch that the store has; 0 when it is not known.
    Epoch newest() const { return newest_; }

private:
    Epoch newest_;
};

/// Another job has this name already.
class NameTaken : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class AccountStore;
class NoticeStore;
class PauseStore;
class LockStore;
class BackfillStore;
class CalendarStore;

struct JobCounts {
    std::int64_t total = 0;
    std::int64_t stopped = 0;
};

/// A page of the history of one job, newest first; with `deleted_name`, of the deletions of all
/// jobs that had this name then.
struct RevisionQuery {
    JobId job = 0;
    std::optional<std::string> deleted_name = {};
    std::size_t offset = 0;
    std::size_t limit = 50;
};
struct RevisionPage {
    std::vector<Revision> revisions;
    std::int64_t total = 0;
};

/// How far a reader has followed table `cron`.
struct JobCursor {
    std::string changed_at;  ///< the store's own form; empty = nothing read yet
};
/// A million, perhaps: in pieces, so that a reader which takes them out of the front gives their
/// memory back meanwhile.
using ManyJobs =
    boost::container::deque<Job, void,
                            boost::container::deque_options_t<boost::container::block_size<512>>>;

/// The changes of table `cron` since a cursor.
struct JobChanges {
    ManyJobs changed;         ///< added or changed rows; a row may come more than once
    std::int64_t count = 0;   ///< how many rows there are now, and …
    std::int64_t id_sum = 0;  ///< … the sum of their ids: when these differ from the reader's
                              ///  own after applying `changed`, rows were deleted; ask job_ids()
    JobCursor next;
};

/// One ledger row as it is shown.
struct LogRow {
    std::int64_t id = 0;
    std::int64_t time = 0;           ///< Unix seconds of the scheduled time
    std::int64_t dispatch_time = 0;  ///< Unix seconds
    RunReport run;
    bool legacy = false;       ///< older than the ledger: id.scheduled_at is `time`
    bool output_cut = false;   ///< run.output is only its beginning: see log_page()
    std::string requested_by;  ///< see PlannedRun
    std::int64_t fires = 1;    ///< see PlannedRun
    std::optional<WallTime> gap_end;
    std::optional<WallTime> retry_at = {};  ///< see PlannedRun
    Oddities oddities = {};                 ///< in what it was not as usual

    friend bool operator==(const LogRow&, const LogRow&) = default;
};

/// A row that was not final when a term began.
struct OpenRun {
    PlannedRun planned;
    Epoch epoch = 0;
    bool superseded = false;                 ///< the same fire's next attempt has a row, too
    std::optional<WallTime> failed_at = {};  ///< of a retry: see WaitingRun
};

/// A retry that waits for its time: its row is planned, and at no node.
struct WaitingRun {
    RunId id;
    WallTime retry_at{};
    WallTime failed_at{};  ///< when the attempt before it ended
    std::string requested_by;

    friend bool operator==(const WaitingRun&, const WaitingRun&) = default;
};

/// A run that failed, or reached its timeout.
struct FailedRun {
    RunId id;
    RunState state = RunState::failed;
    std::optional<int> exit_code;
    WallTime ended_at{};
    std::string requested_by;

    friend bool operator==(const FailedRun&, const FailedRun&) = default;
};

/// `child` runs after `parent` (Job::run_after).
struct ChainEdge {
    JobId parent = 0;
    JobId child = 0;

    friend auto operator<=>(const ChainEdge&, const ChainEdge&) = default;
};

/// A row of a parent's fire of which a child has no row yet.
struct ChainRow {
    ChainEdge edge;
    RunId id;
    RunState state = RunState::planned;
    Cause cause = Cause::none;
    std::optional<int> exit_code;
    std::optional<WallTime> ended_at;
    std::string requested_by;
    std::int64_t fires = 1;  ///< see PlannedRun
    std::optional<WallTime> gap_end;

    friend bool operator==(const ChainRow&, const ChainRow&) = default;
};

/// LogRow::requested_by of a run that a clock asked for that was ahead.
inline constexpr std::string_view clock_was_ahead = "a clock that was ahead";

/// What a new dispatcher finds.

/// The fires of a job that a row of skipped fires stands for.
struct SkippedSpan {
    JobId job = 0;
    WallTime from{};
    WallTime to{};  ///< this moment included

    friend bool operator==(const SkippedSpan&, const SkippedSpan&) = default;
};

struct TermStart {
    std::optional<WallTime> planned_through;  ///< not set: nothing was ever planned here
    /// When the plan was set back less than ten minutes before planned_through: how far a clock had
    /// come that was ahead. What nodes held up to there they may have started.
    std::optional<WallTime> set_back_from;
    std::vector<OpenRun> open_runs;  ///< without those that wait
    std::vector<WaitingRun> waiting;
    /// Runs in a final state, other than revoked, that were scheduled less than 10 s before
    /// planned_through, or after it: a job that is changed must not fire again at a moment when it
    /// has fired.
    std::vector<RunId> ended_lately;
    /// For the same, of jobs that are paused, or were since then, and of those that were changed
    /// since then: rows that stand for several fires and reach so far. One that begins earlier may
    /// be given from there on.
    std::vector<SkippedSpan> skipped_lately;
    /// run_num of every job that has a run_limit, as it belongs to open_runs.
    std::vector<std::pair<JobId, std::int64_t>> run_numbers;
    StepId last_step;  ///< the newest step that is stored; none = {0, 0}
    /// Changes of jobs that are effective later than planned_through, in the order in which they
    /// were made: until then the older versions are valid, and no node has planned them. Also the
    /// changes since the due time of the oldest open run that has not started, as far as is known:
    /// a version in between may have taken it back.
    std::vector<Revision> changes;
};

/// What was done about a clock that had been ahead: see Store::step_back().
struct ClockStep {
    WallTime at{};           ///< when; to there the plan went back, if it did
    WallTime from{};         ///< how far the plan, or the rows, had come by that clock
    std::int64_t moved = 0;  ///< rows

    friend bool operator==(const ClockStep&, const ClockStep&) = default;
};
/// What Store::step_back() is asked to do.
struct StepBack {
    /// The time by the caller's clock; called by the store, on its thread.
    std::function<WallTime()> own_clock;
    /// What stands no further ahead than this is left alone: the lookahead, and differences of
    /// clocks that work together.
    std::chrono::milliseconds margin{0};
    bool sets_plan = false;          ///< otherwise only rows behind the plan are moved
    std::optional<ClockStep> begun;  ///< when the step takes more than one call
    std::size_t limit = 0;           ///< rows that are moved in one call
};
struct SteppedBack {
    std::optional<ClockStep> step;  ///< none: there was nothing to be done; `moved` of this call
    std::vector<RunId> moved;       ///< by their old names
};

/// Which time the ledger covers.
struct LedgerExtent {
    /// From when on it is complete: the time of its oldest row, to the second, or the end of what
    /// was deleted by age. Not set: it is empty.
    std::optional<WallTime> first;
    std::optional<WallTime> planned_through;  ///< see TermStart
    std::vector<ClockStep> clock_steps;       ///< the newest 100, the oldest of them first
};

/// What is known of the past of one job that has, or had, a history or rows in the ledger.
struct JobPast {
    JobId job = 0;
    /// In the order in which they were made, beginning with the one that was effective at the
    /// requested moment, or with the first. Without `before`, and without the texts for people:
    /// name, command and remark.
    std::vector<Revision> revisions;
    bool whole = true;                    ///< false: there are more than can be kept
    std::optional<std::int64_t> run_num;  ///< as in JobCounters, now; not set: the job is gone
};
/// A page of them, by id.
struct PastQuery {
    JobId after = 0;                 ///< jobs with a greater id …
    std::optional<JobId> only = {};  ///< … or this one
    WallTime from{};                 ///< which revision comes first: the newest effective before it
    std::size_t limit = 200;
    std::size_t most_revisions = 5000;  ///< of the page; it may be shorter for their sake
};

/// A report of a run that contradicts what another one says: see Store::record().
struct OtherAccount {
    std::int64_t id = 0;      ///< grows with every one that is kept
    std::int64_t log_id = 0;  ///< the ledger's row of the run
    RunReport report;

    friend bool operator==(const OtherAccount&, const OtherAccount&) = default;
};
/// A run of which there are two reports.
struct DoubledRun {
    std::string job_name;  ///< empty: it has none, or there is no such job any more
    RunReport row;         ///< what the ledger says: id, state, run_server, started_at and ended_at
    OtherAccount other;
};
/// A page of them, in the order in which they were kept.
struct DoubledQuery {
    std::int64_t after = 0;  ///< those with a greater id
    std::optional<JobId> job = {};
    std::optional<std::int64_t> log_id = {};
    std::optional<WallTime> from = {};  ///< scheduled_at >= from
    std::optional<WallTime> to = {};    ///< scheduled_at < to
    std::size_t limit = 200;
    bool with_output = false;
};

/// A row of the ledger as an audit needs it.
struct LedgerEntry {
    RunId id;
    RunState state = RunState::planned;
    Reason reason;
    bool requested = false;  ///< somebody asked for it by hand
    bool rehearsal = false;  ///< see model/run_request.hpp
    bool of_backfill = false;
    WallTime dispatched_at{};  ///< to the second; zero when it is not known
    std::optional<WallTime> started_at;
    std::int64_t fires = 1;  ///< see PlannedRun
    std::optional<WallTime> gap_end;
    std::optional<int> exit_code = {};
    std::optional<WallTime> ended_at = {};
    std::optional<WallTime> retry_at = {};  ///< see PlannedRun

    friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};
/// A page of the ledger by job, scheduled time and attempt.
struct EntryQuery {
    std::vector<JobId> jobs;     ///< ascending; at most some hundreds
    WallTime from{};             ///< scheduled_at >= from
    WallTime to{};               ///< scheduled_at < to
    std::optional<RunId> after;  ///< rows behind this one; its job is among `jobs`
    std::size_t limit = 5000;
};

/// What a list shows of a job beside its definition.
struct JobInsight {
    JobId job = 0;
    JobStatistics statistics;
    std::int64_t running = 0;  ///< runs that run now
    GoalRecord goal = {};      ///< of a goal that the job has, or had until its next end
    Oddities oddities = {};    ///< of the run that ended last

    friend bool operator==(const JobInsight&, const JobInsight&) = default;
};

/// How many jobs there are in each state; `running` overlaps with the others.
struct StateCounts {
    std::int64_t total = 0;
    std::int64_t stopped = 0;
    std::int64_t failing = 0;
    std::int64_t missed = 0;
    std::int64_t ok = 0;
    std::int64_t fresh = 0;  ///< nothing is known of any fire
    std::int64_t running = 0;

    friend bool operator==(const StateCounts&, const StateCounts&) = default;
};

/// What ran on one node, or did not run (`run_server` is empty), of ten minutes.
struct TallyRow {
    std::chrono::sys_seconds at{};  ///< their beginning
    NodeName run_server;
    RunTally tally;

    friend bool operator==(const TallyRow&, const TallyRow&) = default;
};

/// A term that has begun.
struct BegunTerm {
    Epoch epoch = 0;
    NodeName dispatcher;
    WallTime at{};

    friend bool operator==(const BegunTerm&, const BegunTerm&) = default;
};

/// One session with the database. Calls block; one call at a time, from any thread.
///
/// Errors: StoreError, after the session has tried to reconnect; TookTooLong from a database that
/// limits the time of a statement. Times are written by the caller's clock, not by the database's;
/// but where the database has one, no change of a job counts from later than that says.
class Store {
public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    virtual ~Store() = default;

    /// Fails when the database does not answer.
    virtual void ping() = 0;

    // Jobs.
    virtual std::vector<Job> job_page(const JobFilter& filter, const Slice& slice,
                                      const PageHint& hint) = 0;
    /// At once: `rest` is always none.
    virtual ListCount count_jobs(const JobFilter& filter) = 0;
    /// Up to `limit` jobs with an id above `after`, by id: a table is read in pieces.
    virtual std::vector<Job> jobs_after(JobId after, std::size_t limit) = 0;
    virtual std::optional<Job> find_job(JobId id) = 0;
    /// The rows of these ids that exist.
    virtual std::vector<Job> find_jobs_by_id(std::span<const JobId> ids) = 0;
    virtual std::optional<Job> find_job_by_name(const std::string& name) = 0;
    virtual JobCounts job_counts() = 0;
    // Each change adds to the history of its job, in one transaction with it.
    /// Adds `draft` under a new id, effective from `edit.at()`; returns the row. Throws NameTaken.
    virtual Job add_job(const Job& draft, const Edit& edit) = 0;
    /// Applies `patch` to those of them that exist, effective from `edit.at()`, in one transaction:
    /// to all of them or to none. Returns them as they are then, by id. Throws NameTaken.
    virtual std::vector<Job> update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                         const Edit& edit) = 0;
    /// The same for one; nullopt when there is no such job.
    std::optional<Job> update_job(JobId id, const JobPatch& patch, const Edit& edit)
    {
        std::vector<Job> changed = update_jobs({&id, 1}, patch, edit);
        if (changed.empty()) return std::nullopt;
        return std::move(changed.front());
    }
    /// Deletes the row (ledger and history stay) and returns it; nullopt when there is no such job.
    virtual std::optional<Job> delete_job(JobId id, const Edit& edit) = 0;
    /// Deletes those of them that exist; returns how many did.
    virtual std::int64_t delete_jobs(std::span<const JobId> ids, const Edit& edit) = 0;
    virtual JobChanges changes_since(const JobCursor& cursor) = 0;
    virtual std::vector<JobId> job_ids() = 0;

    // History.
    virtual RevisionPage find_revisions(const RevisionQuery& query) = 0;
    /// The jobs that exist, and those that the history does not show as deleted.
    virtual std::vector<JobId> known_jobs() = 0;
    /// Completes the histories of these jobs: a job that differs from its newest revision, or that
    /// is gone, was changed in the database itself and gets a revision. Returns the number of these
    /// jobs.
    /// @param now when a job that is gone is taken to be deleted.
    virtual std::size_t note_changes(std::span<const JobId> ids, WallTime now) = 0;

    // Ledger.
    /// The newest epoch that has begun; 0 when none has.
    virtual Epoch newest_epoch() = 0;
    /// Begins the term `epoch` unless the store has seen a newer one (then throws Deposed). From
    /// here on no step of an older epoch can be committed. May be called again in the same term, to
    /// read the present state of the open runs.
    virtual TermStart begin_term(Epoch epoch, const NodeName& dispatcher) = 0;
    /// One transaction, which also notes step.id() as the last one; throws Deposed when the
    /// store's epoch is not the step's.
    void commit(const PlanStep& step) { commit_as(step.epoch, step); }
    /// The same for a step that an earlier term planned and could not store, under `epoch`.
    virtual void commit_as(Epoch epoch, const PlanStep& step) = 0;
    /// The time by the database server's clock; nullopt: it has none but this machine's.
    virtual std::optional<WallTime> clock() = 0;
    /// Finds out whether a clock was ahead by which fires were planned, and takes back what came of
    /// it. Now is the later of the caller's clock and the database's, and both are read after all
    /// that is judged by them, in the same transaction: a call that takes effect late, or is
    /// repeated, finds nothing that was right when it took effect. Under `epoch`, as commit():
    /// - planned-through goes back to now, if it is further ahead than `margin`, and wanted;
    /// - rows that are final and stand for moments further ahead than `margin`, and than
    ///   planned-through, were runs all the same. So that they are not taken for the fires of those
    ///   moments when they come, each moves back by as much as the clock was ahead, to about when
    ///   it truly ran, and beside the whole second, where no schedule fires. As who asked for it
    ///   stands clock_was_ahead. Of these rows `limit`, those that are due first; what was revoked
    ///   stays, since it gives way by itself, and so does what has not ended;
    /// - when the plan goes back, a row of skipped fires that goes on behind now ends there, and
    /// the
    ///   number of its fires shrinks in proportion; jobs, and revisions, that are effective from
    ///   later are so from now;
    /// - all this is noted in table clock_step.
    /// When as many as `limit` were moved, call again, with the step as `begun`.
    virtual SteppedBack step_back(Epoch epoch, const StepBack& order) = 0;
    /// Runs of jobs with Delivery::at_least_once that were scheduled at or after `since`, ended in
    /// a way after which they run again (lost, fenced, killed by a stopping node), and have no
    /// further attempt.
    virtual std::vector<RunId> runs_to_repeat(WallTime since) = 0;
    /// Runs of jobs that want retries (Job::retries) and are not stopped, that failed or reached
    /// their timeout, and whose fire has no further attempt though its number would allow one. Of
    /// each job among its newest rows, and scheduled at or after `since`: a later fire ends the
    /// attempts of earlier ones. Whether they are retried their jobs say (model/retry.hpp).
    virtual std::vector<FailedRun> runs_to_retry(WallTime since) = 0;
    /// The newest rows of these jobs that were not revoked, of each no more than
    /// most_daemon_starts, by job and scheduled time.
    virtual std::vector<DaemonStart> daemon_starts(std::span<const JobId> jobs) = 0;
    /// Of each edge the rows of the parent's fires, all attempts, open ones as well, of which the
    /// child has no row of the same scheduled time; without those that were revoked. Of the
    /// parent's newest rows, some hundreds, and scheduled at or after `since`; of each edge by time
    /// and attempt.
    virtual std::vector<ChainRow> chain_rows(std::span<const ChainEdge> edges, WallTime since) = 0;
    /// Writes the reports of runs. A final state stays, except that `lost` gives way to what really
    /// happened, and `revoked` to the end of a run that was planned again by a step that comes
    /// later. Writing a report again changes nothing. A report that its row contradicts (both say
    /// that the run was started, but at other nodes or moments; or the row is final and says that
    /// it was not, after the order) is the trace of a run that ran twice. The row has one of the
    /// two reports, by the rule above; the other one is kept whole beside it. Returns those that
    /// are new.
    virtual std::vector<DoubledRun> record(std::span<const RunReport> reports) = 0;
    virtual std::vector<DoubledRun> find_doubled(const DoubledQuery& query) = 0;
    /// @param most_output bytes of each output, cut by the database; 0 = all.
    virtual std::vector<LogRow> log_page(const LogFilter& filter, const Slice& slice,
                                         const PageHint& hint, std::size_t most_output) = 0;
    /// A list may be too long to be counted by one statement. Then this is the count of its newest
    /// rows, and of the next ones when called with its `rest` as `from`, until that is none; each
    /// part takes some seconds at most. Rows that come after the first part are not counted.
    /// @param hint its `list` is not used.
    virtual ListCount count_log(const LogFilter& filter, const PageHint& hint,
                                const std::optional<CountRest>& from) = 0;
    virtual std::optional<LogRow> find_log_row(std::int64_t id) = 0;
    virtual std::optional<LogRow> find_log_row(const RunId& run) = 0;
    /// The newest attempt of the fire that `run` is an attempt of.
    virtual std::optional<LogRow> find_newest_attempt(const RunId& run) = 0;

    /// Deletes rows of the ledger that were due longer than `keep` ago and are final, the oldest
    /// first, and not more than `limit`, with their second reports; returns how many. By `now`, and
    /// by the clock of a database server as well: a clock that is wrong on one machine must not
    /// empty the ledger.
    virtual std::size_t delete_expired(std::chrono::seconds keep, WallTime now,
                                       std::size_t limit) = 0;

    // The past, in pieces, for an audit. Rows older than the ledger are left out.
    virtual LedgerExtent ledger_extent() = 0;
    /// Fewer than `limit` do not mean that it is the last page; an empty one does.
    virtual std::vector<JobPast> find_pasts(const PastQuery& query) = 0;
    virtual std::vector<LedgerEntry> find_entries(const EntryQuery& query) = 0;
    /// The newest row of the job that was planned by its schedule, is not revoked, and was due
    /// before that moment.
    virtual std::optional<LedgerEntry> newest_entry_before(JobId job, WallTime time) = 0;

    // The past in short: kept by commit() and record() in the transaction in which a row becomes
    // final. What was kept before there were statistics is made from the newest rows when the job
    // is asked for, or runs again.
    /// Of these jobs, in the same order; of an unknown one there is nothing in it.
    virtual std::vector<JobInsight> find_insights(std::span<const JobId> ids) = 0;
    virtual StateCounts count_states() = 0;
    /// How long the runs of each job usually take, as far as that is known; by id.
    virtual std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() = 0;
    /// Those of from <= at < to, by time.
    virtual std::vector<TallyRow> find_tallies(std::chrono::sys_seconds from,
                                               std::chrono::sys_seconds to) = 0;
    /// The newest ones since `since`, at most `limit`, oldest first.
    virtual std::vector<BegunTerm> terms_since(WallTime since, std::size_t limit) = 0;
    /// The job's newest rows that were due before `before`, newest first, without their outputs.
    virtual std::vector<LogRow> job_rows_before(JobId job, WallTime before, std::size_t limit) = 0;
    /// The part about notices; one call at a time of both.
    virtual NoticeStore& notices() = 0;
    /// The same about pauses.
    virtual PauseStore& pauses() = 0;
    /// The same about who may call the API.
    virtual AccountStore& accounts() = 0;
    /// The part about locks; likewise.
    virtual LockStore& locks() = 0;
    /// The part about calendars; likewise.
    virtual CalendarStore& calendars() = 0;
    /// The part about backfills; likewise.
    virtual BackfillStore& backfills() = 0;
};

}  // namespace peercron
