#include "wire/log_throttle.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

TEST(LogThrottleTest, AFewLinesPassAndTheRestIsCounted)
{
    LogThrottle throttle(2, 10s);
    const SteadyTime start{};
    EXPECT_EQ(throttle.admit(start), 0U);
    EXPECT_EQ(throttle.admit(start + 1s), 0U);
    EXPECT_FALSE(throttle.admit(start + 2s));
    EXPECT_FALSE(throttle.admit(start + 9s));
    EXPECT_EQ(throttle.admit(start + 10s), 2U);
    EXPECT_EQ(throttle.admit(start + 11s), 0U);
    EXPECT_FALSE(throttle.admit(start + 12s));
}

}  // namespace
}  // namespace peercron
