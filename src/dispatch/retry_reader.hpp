#pragma once

#include "base/event.hpp"
#include "dispatch/node_requests.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <deque>
#include <functional>
#include <vector>

namespace peercron {

/// Reads in the store, beside the dispatch loop, what retries need: the runs that failed and that
/// nobody has tried again, and the newest attempts of those that people want tried again. See
/// TermRules::found_failed() and retry_now(). Lives on the I/O thread.
class RetryReader {
public:
    /// @param wake has the loop look at what is here.
    RetryReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                StepWriter& writer, NodeRequests& requests, TermRules& rules,
                std::function<void()> wake);

    // Both end only by cancellation.

    /// Finds the runs that failed and were not tried again: because no dispatcher lived to hear of
    /// them, or they were taken for lost.
    asio::awaitable<void> read_failed();
    /// Reads what requests name, and goes on with NodeRequests.
    asio::awaitable<void> read_requested();

    /// To be called when the rules have hidden ends.
    void notice_hidden_ends() { hidden_ends_.notify(); }
    void read_for(NodeRequest<RetryRun> request);

private:
    asio::awaitable<void> look_for_failed();
    asio::awaitable<std::vector<FailedRun>> ask_for_failed();
    asio::awaitable<Result<LogRow>> newest_attempt(RunId run);

    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    NodeRequests& requests_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event hidden_ends_;
    Event wanted_;
    std::deque<NodeRequest<RetryRun>> to_read_;
};

}  // namespace peercron
