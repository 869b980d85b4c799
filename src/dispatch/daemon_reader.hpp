#pragma once

#include "base/event.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/term_rules.hpp"

#include <boost/asio/awaitable.hpp>

namespace peercron {

/// Reads in the store, beside the dispatch loop, how the newest starts of daemons have ended: of
/// all of them when a term begins, and of those whose node may have told the store alone. See
/// Daemons. Lives on the I/O thread.
class DaemonReader {
public:
    DaemonReader(const LedgerReads& ledger, TermRules& rules)
        : ledger_(ledger), rules_(rules), wanted_(ledger.executor())
    {}

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when the rules have questions about daemons.
    void notice() { wanted_.notify(); }

private:
    const LedgerReads& ledger_;
    TermRules& rules_;
    Event wanted_;
};

}  // namespace peercron
