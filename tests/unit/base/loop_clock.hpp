#pragma once

#include "base/clock.hpp"
#include "base/virtual_loop.hpp"

#include <chrono>

namespace peercron::testing {

/// The time of a loop, which the wall follows.
class LoopClock final : public Clock {
public:
    explicit LoopClock(const VirtualLoop& loop) : loop_(loop) {}
    WallTime now() const override
    {
        return WallTime(
            std::chrono::floor<std::chrono::milliseconds>(loop_.now().time_since_epoch()));
    }
    SteadyTime steady_now() const override { return loop_.now(); }

private:
    const VirtualLoop& loop_;
};

}  // namespace peercron::testing
