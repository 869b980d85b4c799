#pragma once

#include "base/event.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>

namespace peercron {

/// Reads in the store, beside the dispatch loop, how the newest starts of daemons have ended: of
/// all of them when a term begins, and of those whose node may have told the store alone. See
/// Daemons. Lives on the I/O thread.
class DaemonReader {
public:
    /// @param wake has the loop look at what is here.
    DaemonReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                 StepWriter& writer, TermRules& rules, std::function<void()> wake);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when the rules have questions about daemons.
    void notice() { wanted_.notify(); }

private:
    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event wanted_;
};

}  // namespace peercron
