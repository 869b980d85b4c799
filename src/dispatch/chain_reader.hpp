#pragma once

#include "base/event.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <span>
#include <vector>

namespace peercron {

/// Reads in the store, beside the dispatch loop, which fires of jobs that run after others are
/// owed: of all of them when a term begins, and of those whose parents may have ended in the store
/// alone. See Chains. Lives on the I/O thread.
class ChainReader {
public:
    /// @param wake has the loop look at what is here.
    ChainReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                StepWriter& writer, TermRules& rules, std::function<void()> wake);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// To be called when the rules have questions about chains.
    void notice() { wanted_.notify(); }

private:
    asio::awaitable<void> answer_questions();
    asio::awaitable<std::vector<ChainRow>> ask(const std::vector<ChainEdge>& edges);

    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event wanted_;
};

}  // namespace peercron
