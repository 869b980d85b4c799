#pragma once

#include "base/event.hpp"
#include "dispatch/job_feed.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <vector>

namespace peercron {

/// Reads in the store, beside the dispatch loop, what became of runs that are in doubt, and which
/// runs have to be repeated. Lives on the I/O thread.
class DoubtReader {
public:
    /// @param wake has the loop call settle().
    DoubtReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                const StoreCalls& calls, StepWriter& writer, JobFeed& feed, TermRules& rules,
                std::function<void()> wake);

    /// Ends by cancellation, or with Deposed.
    asio::awaitable<void> run();
    /// Once in a term: what ended badly under an earlier dispatcher that did not live to hear of
    /// it is run again. Ends when that is known to the rules.
    asio::awaitable<void> read_runs_to_repeat();

    /// To be called when the rules have doubts.
    void notice() { doubts_.notify(); }
    /// Whether settle() has something to do.
    bool has_read() const { return read_.has_value(); }
    /// Tells the rules what was read.
    void settle();

private:
    struct Read {
        TermStart found;
        TermRules::Doubts doubts;  ///< as they were before that was read
        std::vector<RunId> runs_to_repeat;
    };

    asio::awaitable<std::vector<RunId>> runs_to_repeat();
    asio::awaitable<std::vector<RunId>> ask_for_runs_to_repeat();

    const PlanClock& clock_;
    StorePool& store_;
    const StoreCalls& calls_;
    StepWriter& writer_;
    JobFeed& feed_;
    TermRules& rules_;
    const std::function<void()> wake_;
    Event doubts_;
    std::optional<Read> read_;
};

}  // namespace peercron
