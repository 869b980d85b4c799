#pragma once

#include "base/event.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/term_rules.hpp"

#include <boost/asio/awaitable.hpp>

namespace peercron {

/// Reads in the store, beside the dispatch loop, how the last fires of jobs ended that others
/// require. See Requirements. Lives on the I/O thread.
class RequirementReader {
public:
    RequirementReader(const LedgerReads& ledger, TermRules& rules)
        : ledger_(ledger), rules_(rules), wanted_(ledger.executor())
    {}

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when a fire waits, or when what one waits for may have come.
    void notice() { wanted_.notify(); }

private:
    asio::awaitable<void> wait_for_question();

    const LedgerReads& ledger_;
    TermRules& rules_;
    Event wanted_;
};

}  // namespace peercron
