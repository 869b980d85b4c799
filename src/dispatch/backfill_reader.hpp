#pragma once

#include "base/event.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/term_rules.hpp"
#include "store/backfill_store.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Has the runs planned that backfills want (model/backfill.hpp): the oldest fires first, and no
/// more at a time than each may have. What has begun is in the ledger, so the ledger is read only
/// when it has all steps that were planned; while it is away, nothing of this is planned. Lives on
/// the I/O thread.
class BackfillReader {
public:
    BackfillReader(const LedgerReads& ledger, TermRules& rules)
        : ledger_(ledger), rules_(rules), begun_(ledger.executor())
    {}

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// Somebody has changed something: without jobs, perhaps begun a backfill.
    void note(const JobChanged& change)
    {
        if (!change.jobs.empty()) return;
        is_noticed_ = true;
        begun_.notify();
    }
    /// Plans what was found; for the dispatch loop, before a step.
    void plan_runs();

private:
    /// A fire that is to run.
    struct Wanted {
        RunId fire;
        std::optional<LogRow> newest;  ///< its newest attempt; none: it has no row
        std::string requested_by;
    };
    struct Found {
        std::vector<Wanted> wanted;
        bool goes_on = false;  ///< there are backfills that are not over
    };

    asio::awaitable<void> look();
    static Found read(Store& store, WallTime now);

    const LedgerReads& ledger_;
    TermRules& rules_;
    Event begun_;
    bool is_noticed_ = false;
    Found found_;
};

}  // namespace peercron
