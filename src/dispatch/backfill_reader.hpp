#pragma once

#include "base/event.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "store/backfill_store.hpp"
#include "store/store_pool.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
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
    /// @param wake has the dispatch loop look at the rules.
    BackfillReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                   StepWriter& writer, TermRules& rules, std::function<void()> wake);

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
    asio::awaitable<Found> ask();
    static Found read(Store& store, WallTime now);

    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event begun_;
    bool is_noticed_ = false;
    Found found_;
};

}  // namespace peercron
