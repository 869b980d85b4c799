#pragma once

#include "model/calendar.hpp"
#include "model/job.hpp"
#include "model/lock.hpp"
#include "model/pause.hpp"
#include "model/run.hpp"
#include "simulation/mutation.hpp"
#include "simulation/world.hpp"
#include "store/calendar_store.hpp"
#include "store/doubled_run.hpp"
#include "store/step_back.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace peercron::simulation {

/// A row of table `log`, as far as rules look at it.
struct LedgerRow {
    std::uint64_t serial = 0;  ///< column id
    RunState state = RunState::planned;
    Reason reason;
    NodeName run_server;
    NodeName dispatch_server;
    WallTime dispatched_at{};
    Epoch epoch = 0;
    std::string requested_by;
    std::int64_t fires = 1;
    WallTime gap_end{};
    std::optional<WallTime> retry_at = {};
    std::optional<WallTime> started_at = {};
    std::optional<WallTime> ended_at = {};
    std::optional<int> exit_code = {};
};

/// Who wants to know what the database does.
class DatabaseWatcher {
public:
    virtual ~DatabaseWatcher() = default;
    virtual void row_written(const RunId& id, const LedgerRow* before, const LedgerRow& after) = 0;
    /// Before its rows are written.
    virtual void step_written(const PlanStep& step) = 0;
    virtual void plan_moved(std::optional<WallTime> before, WallTime after) = 0;
    /// Because a clock had been ahead: planned-through goes back, and what is effective from later
    /// is so from then.
    virtual void plan_set_back(WallTime before, WallTime after) = 0;
    /// The row of a run by that clock stands at another moment now.
    virtual void row_moved(const RunId& from, const RunId& to) = 0;
    /// A job was added, changed, or deleted (no `after`).
    virtual void job_written(JobId id, const Job* after, WallTime effective_from) = 0;
    /// A pause was made, or a person has ended it.
    virtual void pause_written(const Pause& pause) = 0;
    /// A calendar says this from now on.
    virtual void calendar_written(const Calendar& calendar) = 0;
};

/// The calendar that jobs may name.
inline constexpr std::string_view calendar_name = "quiet";

/// The tables cron, log, term, pause and calendar, with the meaning of sql/mysql and
/// store/mysql/mysql_ledger.cpp, ledger_rows.cpp and mysql_store.cpp: what is one transaction there
/// is one call here. It never fails; what may go wrong on the way to it is StoreLine's.
class Database {
public:
    Database(World& world, Mutation mutation, DatabaseWatcher& watcher)
        : world_(world), mutation_(mutation), watcher_(watcher)
    {}

    Job add_job(Job draft, WallTime at);
    std::optional<Job> update_job(JobId id, const JobPatch& patch, WallTime at);
    bool delete_job(JobId id, WallTime at);
    JobChanges changes_since(const JobCursor& cursor) const;
    std::vector<JobId> job_ids() const;
    std::vector<Job> find_jobs(std::span<const JobId> ids) const;
    /// Of query.only.
    JobPast find_past(const PastQuery& query) const;

    Pause add_pause(Pause pause);
    std::vector<Pause> end_pauses(WallTime at);
    std::vector<Pause> pauses() const;

    Calendar put_calendar(Calendar calendar);
    std::vector<Calendar> calendars() const;
    CalendarStamp calendar_stamp() const;

    /// The two statements of begin_term(): the first claims the term, the second is a snapshot.
    void claim_term(Epoch epoch, const NodeName& dispatcher);
    TermStart read_term() const;
    void commit_as(Epoch epoch, const PlanStep& step);
    std::optional<WallTime> clock() const;
    SteppedBack step_back(Epoch epoch, const StepBack& order);
    std::vector<RunId> runs_to_repeat(WallTime since) const;
    std::vector<FailedRun> failed(WallTime since) const;
    std::vector<DaemonStart> daemon_starts(std::span<const JobId> jobs) const;
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge> edges, WallTime since) const;
    std::optional<LogRow> newest_attempt(const RunId& id) const;
    std::optional<Job> find_job_by_name(const std::string& name) const;
    std::vector<LogRow> job_rows_before(JobId job, WallTime before, std::size_t limit) const;
    void record(std::span<const RunReport> reports);

    const StepId& last_step() const { return last_step_; }
    const LedgerRow* find_row(const RunId& id) const;
    const std::map<RunId, LedgerRow>& rows() const { return log_; }
    const std::map<JobId, Job>& jobs() const { return cron_; }

    /// How wrong the server's clock is; none: it has no clock of its own.
    std::optional<std::chrono::milliseconds> clock_error = 0ms;

    std::vector<LockLimit> lock_limits;

    /// Until when a step that is under way, and whose caller may have given up, has the row of
    /// table term locked: what else needs it comes later.
    World::Time term_locked_until{};

private:
    void count(std::span<const RunReport> reports, GivesWay rule);
    WallTime not_ahead(WallTime at) const;
    bool has_open_attempt(const RunId& id) const;
    std::vector<SkippedSpan> skipped_spans(WallTime since) const;
    bool may_be_paused(const Job& job, WallTime since) const;
    void set_plan_back(WallTime at);
    void move_back(const RunId& from, const StepBackPlan& plan, WallTime to);
    void note_revision(JobId id, std::optional<Job> before, std::optional<Job> after, WallTime at);
    void report(const RunReport& report, GivesWay rule);
    void plan(const PlannedRun& run, const PlanStep& step);
    void move(const PlannedRun& run, const PlanStep& step);
    void set_parts(const RunId& id);
    void write(const RunId& id, const LedgerRow& row);

    World& world_;
    const Mutation mutation_;
    DatabaseWatcher& watcher_;

    std::map<JobId, Job> cron_;
    std::map<JobId, World::Time> changed_at_;
    JobId last_job_ = 0;
    std::map<RunId, LedgerRow> log_;
    std::uint64_t last_row_ = 0;
    Epoch epoch_ = 0;
    NodeName dispatcher_;
    std::optional<WallTime> planned_through_;
    std::vector<ClockStep> clock_steps_;
    StepId last_step_;
    std::vector<Revision> revisions_;
    std::vector<Pause> pauses_;
    std::vector<Calendar> calendars_;
};

}  // namespace peercron::simulation
