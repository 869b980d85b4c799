#pragma once

#include "model/job.hpp"
#include "model/revision.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peercron {

/// The content of a store in numbers: two stores with the same numbers hold the same.
struct StoreTotals {
    std::int64_t jobs = 0;
    JobId last_job = 0;
    JobId job_id_sum = 0;
    std::int64_t runs_counted = 0;                      ///< the sum of run_num
    std::map<std::string, std::int64_t> rows_by_state;  ///< of the ledger
    std::int64_t last_row = 0;
    std::int64_t row_id_sum = 0;
    std::int64_t revisions = 0;
    std::int64_t last_revision = 0;
    std::int64_t other_accounts = 0;
    std::int64_t last_other_account = 0;

    friend bool operator==(const StoreTotals&, const StoreTotals&) = default;
};

/// The newest term, how far its plan is, from when on the ledger is complete, and which clocks had
/// been ahead (the newest hundred).
struct StoredTerm {
    Epoch epoch = 0;
    std::optional<WallTime> planned_through;
    std::optional<WallTime> expired_through;
    std::vector<ClockStep> clock_steps;
};

/// A store as a whole, for copying it. No node works with it meanwhile. Blocks; throws StoreError.
class StoreImage {
public:
    StoreImage() = default;
    StoreImage(const StoreImage&) = delete;
    StoreImage& operator=(const StoreImage&) = delete;
    virtual ~StoreImage() = default;

    virtual StoreTotals totals() = 0;
    /// Up to `limit` of those with a greater id, by id.
    virtual std::vector<Job> jobs_after(JobId after, std::size_t limit) = 0;
    /// The same of the ledger, and not many more than 8 MiB of output.
    virtual std::vector<LogRow> rows_after(std::int64_t after, std::size_t limit) = 0;
    virtual std::vector<Revision> revisions_after(std::int64_t after, std::size_t limit) = 0;
    /// Without the ids of their runs.
    virtual std::vector<OtherAccount> other_accounts_after(std::int64_t after,
                                                           std::size_t limit) = 0;
    virtual StoredTerm term() = 0;
    /// The part about notices, whose channels are copied.
    virtual NoticeStore& notices() = 0;
    /// The same about pauses, which are all copied.
    virtual PauseStore& pauses() = 0;
    /// Who may call the API: accounts and tokens are copied, sessions are not.
    virtual AccountStore& accounts() = 0;
    /// The part about locks, whose limits are copied.
    virtual LockStore& locks() = 0;
    /// The part about calendars, which are all copied.
    virtual CalendarStore& calendars() = 0;

    // Each is one transaction.
    /// With their ids, moments and counters.
    virtual void append_jobs(std::span<const Job> jobs) = 0;
    virtual void append_revisions(std::span<const Revision> revisions) = 0;
    virtual void append_rows(std::span<const LogRow> rows) = 0;
    virtual void append_other_accounts(std::span<const OtherAccount> accounts) = 0;
    /// A greater epoch that is there already stays. No later job gets an id that the ledger knows.
    virtual void finish(const StoredTerm& term) = 0;
};

}  // namespace peercron
