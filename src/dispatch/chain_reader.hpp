#pragma once

#include "base/event.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/term_rules.hpp"

#include <boost/asio/awaitable.hpp>

namespace peercron {

/// Reads in the store, beside the dispatch loop, which fires of jobs that run after others are
/// owed: of all of them when a term begins, and of those whose parents may have ended in the store
/// alone. See Chains. Lives on the I/O thread.
class ChainReader {
public:
    ChainReader(const LedgerReads& ledger, TermRules& rules)
        : ledger_(ledger), rules_(rules), wanted_(ledger.executor())
    {}

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when the rules have questions about chains.
    void notice() { wanted_.notify(); }

private:
    asio::awaitable<void> answer_questions();

    const LedgerReads& ledger_;
    TermRules& rules_;
    Event wanted_;
};

}  // namespace peercron
