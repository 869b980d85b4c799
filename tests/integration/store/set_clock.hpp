#pragma once

#include "base/clock.hpp"

#include <atomic>

namespace peercron::testing {

/// Stands still unless it is set; by any thread.
class SetClock final : public Clock {
public:
    explicit SetClock(WallTime time) : time_(time) {}

    void set(WallTime time) { time_ = time; }
    WallTime now() const override { return time_; }
    SteadyTime steady_now() const override { return {}; }

private:
    std::atomic<WallTime> time_;
};

}  // namespace peercron::testing
