#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "model/job.hpp"
#include "store/store_pool.hpp"

#include <set>
#include <span>
#include <utility>

namespace peercron {

/// Adds changes made in the database itself to the histories of the jobs: a change by hand writes
/// no revision. Lives on the I/O thread.
class Historian {
public:
    Historian(asio::any_io_executor executor, const Clock& clock, StorePool& store)
        : clock_(clock), store_(store), wake_(std::move(executor))
    {}

    /// These jobs are different than they were when they were last read.
    void notice(std::span<const JobId> jobs);

    /// First looks at all jobs, some at a time, then at those that are noticed. If the store fails,
    /// it tries again later. Ends only by cancellation.
    asio::awaitable<void> run();

private:
    asio::awaitable<void> notice_all();
    asio::awaitable<void> note_some();

    const Clock& clock_;
    StorePool& store_;
    std::set<JobId> noticed_;
    Event wake_;
};

}  // namespace peercron
