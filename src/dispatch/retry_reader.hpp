#pragma once

#include "base/event.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/node_requests.hpp"
#include "dispatch/term_rules.hpp"

#include <boost/asio/awaitable.hpp>

#include <deque>

namespace peercron {

/// Reads in the store, beside the dispatch loop, what retries need: the runs that failed and that
/// nobody has tried again, and the newest attempts of those that people want tried again. See
/// TermRules::found_failed() and retry_now(). Lives on the I/O thread.
class RetryReader {
public:
    RetryReader(const LedgerReads& ledger, NodeRequests& requests, TermRules& rules)
        : ledger_(ledger),
          requests_(requests),
          rules_(rules),
          hidden_ends_(ledger.executor()),
          wanted_(ledger.executor())
    {}

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
    asio::awaitable<Result<LogRow>> newest_attempt(RunId run);

    const LedgerReads& ledger_;
    NodeRequests& requests_;
    TermRules& rules_;
    Event hidden_ends_;
    Event wanted_;
    std::deque<NodeRequest<RetryRun>> to_read_;
};

}  // namespace peercron
