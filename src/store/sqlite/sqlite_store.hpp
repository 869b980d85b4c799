#pragma once

#include "model/notice_defaults.hpp"
#include "store/sqlite/sqlite_accounts.hpp"
#include "store/sqlite/sqlite_backfills.hpp"
#include "store/sqlite/sqlite_calendars.hpp"
#include "store/sqlite/sqlite_locks.hpp"
#include "store/sqlite/sqlite_notices.hpp"
#include "store/sqlite/sqlite_pauses.hpp"
#include "store/sqlite/sqlite_session.hpp"
#include "store/store.hpp"

namespace peercron {

/// The store in a file of SQLite (3.38 or later). The tables are those of sql/sqlite; migrate()
/// makes them. Any number of sessions of one process share a file; the node sees to it with
/// SqliteLock that no other one dispatches from it.
class SqliteStore final : public Store {
public:
    /// Opens the file at the first call.
    /// @param inherited what jobs inherit, for their statistics.
    explicit SqliteStore(SqliteSettings settings, NoticeDefaults inherited = {})
        : inherited_(std::move(inherited)), session_(std::move(settings))
    {}

    void ping() override;

    std::vector<Job> job_page(const JobFilter& filter, const Slice& slice,
                              const PageHint& hint) override;
    ListCount count_jobs(const JobFilter& filter) override;
    std::vector<Job> jobs_after(JobId after, std::size_t limit) override;
    std::optional<Job> find_job(JobId id) override;
    std::vector<Job> find_jobs_by_id(std::span<const JobId> ids) override;
    std::optional<Job> find_job_by_name(const std::string& name) override;
    JobCounts job_counts() override;
    Job add_job(const Job& draft, const Edit& edit) override;
    std::vector<Job> update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                 const Edit& edit) override;
    std::optional<Job> delete_job(JobId id, const Edit& edit) override;
    std::int64_t delete_jobs(std::span<const JobId> ids, const Edit& edit) override;
    JobChanges changes_since(const JobCursor& cursor) override;
    std::vector<JobId> job_ids() override;

    RevisionPage find_revisions(const RevisionQuery& query) override;
    std::vector<JobId> known_jobs() override;
    std::size_t note_changes(std::span<const JobId> ids, WallTime now) override;

    Epoch newest_epoch() override;
    TermStart begin_term(Epoch epoch, const NodeName& dispatcher) override;
    void commit_as(Epoch epoch, const PlanStep& step) override;
    std::optional<WallTime> clock() override;
    SteppedBack step_back(Epoch epoch, const StepBack& order) override;
    std::vector<RunId> runs_to_repeat(WallTime since) override;
    std::vector<FailedRun> runs_to_retry(WallTime since) override;
    std::vector<DaemonStart> daemon_starts(std::span<const JobId> jobs) override;
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge> edges, WallTime since) override;
    std::vector<DoubledRun> record(std::span<const RunReport> reports) override;
    std::vector<DoubledRun> find_doubled(const DoubledQuery& query) override;
    std::vector<LogRow> log_page(const LogFilter& filter, const Slice& slice, const PageHint& hint,
                                 std::size_t most_output) override;
    ListCount count_log(const LogFilter& filter, const PageHint& hint,
                        const std::optional<CountRest>& from) override;
    std::optional<LogRow> find_log_row(std::int64_t id) override;
    std::optional<LogRow> find_log_row(const RunId& run) override;
    std::optional<LogRow> find_newest_attempt(const RunId& run) override;

    std::size_t delete_expired(std::chrono::seconds keep, WallTime now, std::size_t limit) override;
    LedgerExtent ledger_extent() override;
    std::vector<JobPast> find_pasts(const PastQuery& query) override;
    std::vector<LedgerEntry> find_entries(const EntryQuery& query) override;
    std::optional<LedgerEntry> newest_entry_before(JobId job, WallTime time) override;

    std::vector<JobInsight> find_insights(std::span<const JobId> ids) override;
    StateCounts count_states() override;
    std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() override;
    std::vector<TallyRow> find_tallies(std::chrono::sys_seconds from,
                                       std::chrono::sys_seconds to) override;
    std::vector<BegunTerm> terms_since(WallTime since, std::size_t limit) override;
    std::vector<LogRow> job_rows_before(JobId job, WallTime before, std::size_t limit) override;
    NoticeStore& notices() override { return notices_; }
    PauseStore& pauses() override { return pauses_; }
    AccountStore& accounts() override { return accounts_; }
    LockStore& locks() override { return locks_; }
    CalendarStore& calendars() override { return calendars_; }
    BackfillStore& backfills() override { return backfills_; }

private:
    const NoticeDefaults inherited_;
    SqliteSession session_;
    SqliteNotices notices_{session_};
    SqlitePauses pauses_{session_};
    SqliteAccounts accounts_{session_};
    SqliteLocks locks_{session_};
    SqliteCalendars calendars_{session_};
    SqliteBackfills backfills_{session_};
};

}  // namespace peercron
