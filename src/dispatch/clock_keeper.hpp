#pragma once

#include "dispatch/dispatcher.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace peercron {

/// Compares this node's clock with the database's and the nodes', and cleans up behind one that was
/// ahead (see ClockGuard, Store::step_back()). Lives on the I/O thread.
class ClockKeeper {
public:
    /// @param store for background work.
    ClockKeeper(PlanClock& clock, StorePool& store, const StoreCalls& calls,
                const StepWriter& writer, Dispatcher::Metrics& metrics, TermRules& rules,
                const DispatchSettings& settings);

    /// Before anything is planned: compares the clocks, and tells ClockGuard how far earlier
    /// dispatchers have come. Tried until the database answers.
    asio::awaitable<void> begin(const TermStart& before);

    /// During the take-over, before the rules begin: when the ledger, or an inherited step
    /// (`reach`) goes on behind what any clock says, the plan is set back to now.
    asio::awaitable<void> set_plan_back_from(WallTime reach);

    /// Ends by cancellation, or with Deposed: when the clock was set back under this term, the next
    /// one sets the plan back.
    asio::awaitable<void> run();

private:
    enum class Plan : std::uint8_t { stays, goes_back };

    SteadyTime::duration until_next_look() const;
    asio::awaitable<bool> compare();
    asio::awaitable<void> read_clock();
    void count_clocks();
    void tell();
    bool is_too_far(WallTime planned) const;
    asio::awaitable<void> check();
    asio::awaitable<std::optional<ClockStep>> step_back(Plan plan);
    std::chrono::milliseconds great_step() const { return 2 * settings_.lookahead; }

    PlanClock& clock_;
    StorePool& store_;
    const StoreCalls& calls_;
    const StepWriter& writer_;
    Dispatcher::Metrics& metrics_;
    TermRules& rules_;
    const DispatchSettings& settings_;
    ClockGuard::Basis said_basis_ = ClockGuard::Basis::own;
    bool has_other_clock_ = true;  ///< than this machine's: the database's
};

}  // namespace peercron
