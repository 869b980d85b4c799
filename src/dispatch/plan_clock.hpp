#pragma once

#include "base/clock.hpp"
#include "dispatch/clock_guard.hpp"
#include "store/store.hpp"

#include <chrono>
#include <optional>

namespace peercron {

/// The time that a dispatcher plans by: this node's clock, or the database's when this one is ahead
/// of it (see ClockGuard). What was found out about the two outlives a term. Lives on the I/O
/// thread.
class PlanClock {
public:
    /// `tolerance`: see ClockGuard.
    PlanClock(const Clock& clock, std::chrono::milliseconds tolerance)
        : clock_(clock), guard_(tolerance)
    {}

    /// By this machine's clocks alone.
    Moment own() const { return Moment{clock_.now(), clock_.steady_now()}; }
    /// The time to plan by.
    Moment now() const { return guard_.trusted(own()); }

    const Clock& machine() const { return clock_; }
    ClockGuard& guard() { return guard_; }
    const ClockGuard& guard() const { return guard_; }

    /// The newest step back of the plan that this node made; nullopt: none.
    const std::optional<ClockStep>& last_step() const { return last_step_; }
    void note_step(const ClockStep& step) { last_step_ = step; }

private:
    const Clock& clock_;
    ClockGuard guard_;
    std::optional<ClockStep> last_step_;
};

}  // namespace peercron
