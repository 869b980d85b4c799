#pragma once

#include "base/clock.hpp"
#include "integration/store/store_fixture.hpp"

#include <chrono>

namespace peercron::testing {

/// Both of its times are what the test says, from t0 on. The steady one has passed on any machine,
/// so that nobody waits for it; unless it is moved by hours.
class MovedClock final : public Clock {
public:
    void move(std::chrono::milliseconds time) { moved_ += time; }
    WallTime now() const override { return t0 + moved_; }
    SteadyTime steady_now() const override { return SteadyTime(std::chrono::seconds(1)) + moved_; }

private:
    std::chrono::milliseconds moved_{0};
};

}  // namespace peercron::testing
