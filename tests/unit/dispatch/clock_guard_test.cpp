#include "dispatch/clock_guard.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

const WallTime t0 = from_unix_millis(1'795'219'200'000);
const SteadyTime s0{1000s};

class ClockGuardTest : public ::testing::Test {
protected:
    /// The own clock is ahead by `ahead`, `later` after the beginning.
    static Moment own(std::chrono::milliseconds ahead, std::chrono::milliseconds later = 0ms)
    {
        return {t0 + later + ahead, s0 + later};
    }

    ClockGuard guard_{1s};
};

TEST_F(ClockGuardTest, WithoutAnotherClockItBelievesTheOwnOne)
{
    EXPECT_FALSE(guard_.offset(own(24h)));
    EXPECT_FALSE(guard_.distrusts(own(24h)));
    EXPECT_EQ(guard_.trusted(own(24h)).wall, t0 + 24h);
    EXPECT_EQ(guard_.latest(own(24h)), t0 + 24h);
}

TEST_F(ClockGuardTest, AClockThatIsAheadIsNotPlannedBy)
{
    guard_.read(s0, t0, s0);
    EXPECT_EQ(guard_.offset(own(1h)), 1h);
    EXPECT_TRUE(guard_.distrusts(own(1h)));
    EXPECT_EQ(guard_.trusted(own(1h, 5s)).wall, t0 + 5s) << "the database's goes on";
    EXPECT_EQ(guard_.latest(own(1h)), t0 + 1h);
    EXPECT_EQ(guard_.trusted(own(1h)).steady, s0);
}

TEST_F(ClockGuardTest, AClockThatIsSetAheadIsNoticedWithoutAnotherReading)
{
    guard_.read(s0, t0, s0);
    EXPECT_FALSE(guard_.distrusts(own(0ms, 1s)));
    EXPECT_TRUE(guard_.distrusts(own(1h, 2s)));
    EXPECT_EQ(guard_.trusted(own(1h, 2s)).wall, t0 + 2s);
}

TEST_F(ClockGuardTest, WhatNtpLeavesAndTheRoundTripAreAllowed)
{
    guard_.read(s0, t0 + 400ms, s0 + 800ms);
    EXPECT_EQ(guard_.offset(own(0ms)), 0ms);
    EXPECT_FALSE(guard_.distrusts(own(1400ms)));
    EXPECT_TRUE(guard_.distrusts(own(1402ms)));
    guard_.read(s0, t0 - 24h, s0 + 10s);
    EXPECT_FALSE(guard_.distrusts(own(0ms))) << "a call of ten seconds says too little";
}

TEST_F(ClockGuardTest, AClockThatIsBehindIsPlannedByAndTheLatestIsTheDatabases)
{
    guard_.read(s0, t0, s0);
    EXPECT_FALSE(guard_.distrusts(own(-1h)));
    EXPECT_EQ(guard_.trusted(own(-1h)).wall, t0 - 1h);
    EXPECT_EQ(guard_.latest(own(-1h, 3s)), t0 + 3s);
}

TEST_F(ClockGuardTest, MoreNodesThanOneOutvoteTheDatabase)
{
    guard_.read(s0, t0, s0);
    guard_.votes(3, 1);
    EXPECT_TRUE(guard_.is_ahead(own(1h)));
    EXPECT_FALSE(guard_.distrusts(own(1h)));
    EXPECT_EQ(guard_.trusted(own(1h)).wall, t0 + 1h);
    guard_.votes(2, 2);
    EXPECT_TRUE(guard_.distrusts(own(1h)));
}

}  // namespace
}  // namespace peercron
