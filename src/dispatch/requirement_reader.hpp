#pragma once

#include "base/event.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <vector>

namespace peercron {

/// Reads in the store, beside the dispatch loop, how the last fires of jobs ended that others
/// require. See Requirements. Lives on the I/O thread.
class RequirementReader {
public:
    /// @param wake has the loop look at what is here.
    RequirementReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                      StepWriter& writer, TermRules& rules, std::function<void()> wake);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when a fire waits, or when what one waits for may have come.
    void notice() { wanted_.notify(); }

private:
    asio::awaitable<void> wait_for_question();
    asio::awaitable<std::vector<RequiredFinding>> ask(std::vector<RequiredQuestion> questions);

    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event wanted_;
};

}  // namespace peercron
