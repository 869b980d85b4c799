#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <optional>

namespace peercron {

/// Keeps strangers from filling the log: lets `lines` through in each period, and counts the rest.
class LogThrottle {
public:
    constexpr LogThrottle(std::size_t lines, SteadyTime::duration period)
        : lines_(lines), period_(period)
    {}

    /// nullopt: say nothing. Else write a line, which says how many were left out before it.
    std::optional<std::size_t> admit(SteadyTime now);

private:
    std::size_t lines_;
    SteadyTime::duration period_;
    SteadyTime period_end_ = SteadyTime::min();
    std::size_t written_ = 0;   // in this period
    std::size_t left_out_ = 0;  // since the last line
};

}  // namespace peercron
