#pragma once

#include "store/store.hpp"

#include <stdexcept>

namespace peercron::simulation {

/// A Store of which nothing may be called but what a derived class allows.
class UnusedStore : public Store {
public:
    void ping() override { unexpected(); }
    std::vector<Job> job_page(const JobFilter& /*filter*/, const Slice& /*slice*/,
                              const PageHint& /*hint*/) override
    {
        unexpected();
    }
    ListCount count_jobs(const JobFilter& /*filter*/) override { unexpected(); }
    std::vector<Job> jobs_after(JobId /*after*/, std::size_t /*limit*/) override { unexpected(); }
    std::optional<Job> find_job(JobId /*id*/) override { unexpected(); }
    std::vector<Job> find_jobs_by_id(std::span<const JobId> /*ids*/) override { unexpected(); }
    std::optional<Job> find_job_by_name(const std::string& /*name*/) override { unexpected(); }
    JobCounts job_counts() override { unexpected(); }
    Job add_job(const Job& /*draft*/, const Edit& /*edit*/) override { unexpected(); }
    std::vector<Job> update_jobs(std::span<const JobId> /*ids*/, const JobPatch& /*patch*/,
                                 const Edit& /*edit*/) override
    {
        unexpected();
    }
    std::optional<Job> delete_job(JobId /*id*/, const Edit& /*edit*/) override { unexpected(); }
    std::int64_t delete_jobs(std::span<const JobId> /*ids*/, const Edit& /*edit*/) override
    {
        unexpected();
    }
    JobChanges changes_since(const JobCursor& /*cursor*/) override { unexpected(); }
    std::vector<JobId> job_ids() override { unexpected(); }
    RevisionPage find_revisions(const RevisionQuery& /*query*/) override { unexpected(); }
    std::vector<JobId> known_jobs() override { unexpected(); }
    std::size_t note_changes(std::span<const JobId> /*ids*/, WallTime /*now*/) override
    {
        unexpected();
    }
    Epoch newest_epoch() override { unexpected(); }
    TermStart begin_term(Epoch /*epoch*/, const NodeName& /*dispatcher*/) override { unexpected(); }
    void commit_as(Epoch /*epoch*/, const PlanStep& /*step*/) override { unexpected(); }
    std::optional<WallTime> clock() override { unexpected(); }
    SteppedBack step_back(Epoch /*epoch*/, const StepBack& /*order*/) override { unexpected(); }
    std::vector<RunId> runs_to_repeat(WallTime /*since*/) override { unexpected(); }
    std::vector<FailedRun> runs_to_retry(WallTime /*since*/) override { unexpected(); }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge> /*edges*/,
                                     WallTime /*since*/) override
    {
        unexpected();
    }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId> /*jobs*/) override
    {
        unexpected();
    }
    std::vector<DoubledRun> record(std::span<const RunReport> /*reports*/) override
    {
        unexpected();
    }
    std::vector<DoubledRun> find_doubled(const DoubledQuery& /*query*/) override { unexpected(); }
    std::vector<LogRow> log_page(const LogFilter& /*filter*/, const Slice& /*slice*/,
                                 const PageHint& /*hint*/, std::size_t /*most_output*/) override
    {
        unexpected();
    }
    ListCount count_log(const LogFilter& /*filter*/, const PageHint& /*hint*/,
                        const std::optional<CountRest>& /*from*/) override
    {
        unexpected();
    }
    std::optional<LogRow> find_log_row(std::int64_t /*id*/) override { unexpected(); }
    std::optional<LogRow> find_log_row(const RunId& /*run*/) override { unexpected(); }
    std::optional<LogRow> find_newest_attempt(const RunId& /*run*/) override { unexpected(); }
    std::size_t delete_expired(std::chrono::seconds /*keep*/, WallTime /*now*/,
                               std::size_t /*limit*/) override
    {
        unexpected();
    }
    LedgerExtent ledger_extent() override { unexpected(); }
    std::vector<JobPast> find_pasts(const PastQuery& /*query*/) override { unexpected(); }
    std::vector<LedgerEntry> find_entries(const EntryQuery& /*query*/) override { unexpected(); }
    std::optional<LedgerEntry> newest_entry_before(JobId /*job*/, WallTime /*time*/) override
    {
        unexpected();
    }
    std::vector<JobInsight> find_insights(std::span<const JobId> /*ids*/) override { unexpected(); }
    StateCounts count_states() override { unexpected(); }
    std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() override
    {
        unexpected();
    }
    std::vector<TallyRow> find_tallies(std::chrono::sys_seconds /*from*/,
                                       std::chrono::sys_seconds /*to*/) override
    {
        unexpected();
    }
    std::vector<BegunTerm> terms_since(WallTime /*since*/, std::size_t /*limit*/) override
    {
        unexpected();
    }
    std::vector<LogRow> job_rows_before(JobId /*job*/, WallTime /*before*/,
                                        std::size_t /*limit*/) override
    {
        unexpected();
    }
    NoticeStore& notices() override { unexpected(); }
    PauseStore& pauses() override { unexpected(); }
    AccountStore& accounts() override { unexpected(); }
    LockStore& locks() override { unexpected(); }
    CalendarStore& calendars() override { unexpected(); }
    BackfillStore& backfills() override { unexpected(); }

private:
    [[noreturn]] static void unexpected()
    {
        throw std::logic_error("the simulation's database has no answer to this");
    }
};

}  // namespace peercron::simulation
