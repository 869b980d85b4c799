#pragma once

#include "dispatch/job_table.hpp"
#include "dispatch/plan_clock.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Keeps the table of jobs, and its pauses, in step with the store. Lives on the I/O thread.
///
/// Whoever plans by the table says when it may change. While a call waits for that, the table is
/// as it was; the rows that it is about to get are read already.
class JobFeed {
public:
    /// Who plans by the table.
    class User {
    public:
        virtual ~User() = default;
        /// Completes when the table may change; it does so before anything else runs.
        virtual asio::awaitable<void> may_change() = 0;
        /// What to read of the past of a job before the table gets `row`; nullopt: nothing. See
        /// TermRules::wanted_past().
        virtual std::optional<PastQuery> wanted_past(const Job& row) = 0;
        /// Was read for wanted_past(); the table has the rows. Before has_changed().
        virtual void learn_unwanted(const std::vector<JobPast>& pasts) = 0;
        /// Ends what may_change() began.
        virtual void has_changed(const std::vector<JobId>& jobs) = 0;
    };

    JobFeed(const PlanClock& clock, StorePool& store, JobTable& jobs)
        : clock_(clock), store_(store), jobs_(jobs)
    {}

    /// Reads what changed since the last time. Throws StoreError, and logs once that the table
    /// cannot be read, and once that it can again.
    asio::awaitable<void> refresh(User& user);
    /// Reads these rows again, and the pauses. Throws StoreError.
    asio::awaitable<void> reload(std::vector<JobId> ids, User& user);
    /// Throws StoreError.
    asio::awaitable<std::vector<JobPast>> read_pasts(std::vector<PastQuery> queries);

private:
    asio::awaitable<void> read_changes(User& user);
    void put_all(ManyJobs& rows, WallTime seen, std::vector<JobId>& changed);
    void tell(const std::string& trouble);

    const PlanClock& clock_;
    StorePool& store_;
    JobTable& jobs_;
    JobCursor cursor_;
    bool is_told_ = false;  ///< that the table cannot be read
};

}  // namespace peercron
