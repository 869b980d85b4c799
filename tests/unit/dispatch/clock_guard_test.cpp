#include "dispatch/clock_guard.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using Basis = ClockGuard::Basis;
using std::chrono::milliseconds;

const WallTime t0 = from_unix_millis(1'795'219'200'000);
const SteadyTime s0{1000s};

/// The true time goes on from t0; both clocks are ahead of it by what a test says.
class ClockGuardTest : public ::testing::Test {
protected:
    Moment own(milliseconds time) const { return {t0 + time + own_ahead_, s0 + time}; }
    /// Asked at `sent`, read by the database at `read`, received at `received`.
    bool reads(milliseconds sent, milliseconds read, milliseconds received)
    {
        return guard_.read(own(sent), t0 + read + database_ahead_, own(received));
    }
    /// As it is when nothing is slow.
    void compare(milliseconds time)
    {
        for (int i = 0; i < 3; ++i) {
            if (reads(time, time, time + 1ms)) return;
        }
        FAIL() << "not settled";
    }
    Basis basis(milliseconds time) const { return guard_.basis(own(time)); }
    milliseconds planned_by(milliseconds time) const
    {
        return guard_.trusted(own(time)).wall - (t0 + time);
    }

    milliseconds own_ahead_{0};
    milliseconds database_ahead_{0};
    ClockGuard guard_{1s};
};

TEST_F(ClockGuardTest, WithoutAnotherClockItBelievesTheOwnOne)
{
    own_ahead_ = 24h;
    EXPECT_FALSE(guard_.offset(own(0ms)));
    EXPECT_EQ(basis(0ms), Basis::own);
    EXPECT_EQ(planned_by(0ms), 24h);
    EXPECT_EQ(guard_.latest(own(0ms)), t0 + 24h);
}

TEST_F(ClockGuardTest, AClockThatIsAheadIsNotPlannedByOnceASecondReadingConfirmsIt)
{
    own_ahead_ = 1h;
    EXPECT_FALSE(reads(0ms, 0ms, 1ms));
    EXPECT_EQ(basis(2ms), Basis::own) << "one reading proves nothing";
    EXPECT_TRUE(reads(2ms, 2ms, 3ms));
    EXPECT_EQ(basis(3ms), Basis::database);
    EXPECT_GE(planned_by(5s), -5ms) << "the database's goes on";
    EXPECT_LE(planned_by(5s), 0ms) << "never ahead of it";
    EXPECT_EQ(guard_.latest(own(5s)), t0 + 5s + 1h);
    EXPECT_EQ(guard_.trusted(own(5s)).steady, s0 + 5s);
}

TEST_F(ClockGuardTest, AClockThatIsSetAheadIsNoticedWithoutAnotherReading)
{
    compare(0ms);
    EXPECT_EQ(basis(1s), Basis::own);
    own_ahead_ = 1h;
    EXPECT_EQ(basis(2s), Basis::database);
    EXPECT_GE(planned_by(2s), -5ms);
    EXPECT_LE(planned_by(2s), 0ms);
    own_ahead_ = 0h;
    EXPECT_EQ(basis(3s), Basis::own);
}

TEST_F(ClockGuardTest, ALateAnswerIsNoProofWheneverTheDatabaseReadItsClock)
{
    for (const auto read : {0s, 15s, 30s}) {
        ClockGuard guard(1s);
        for (int i = 0; i < 3; ++i) guard.read(own(0ms), t0 + read, own(30s));
        EXPECT_EQ(guard.basis(own(30s)), Basis::own);
        EXPECT_EQ(guard.trusted(own(30s)).wall, t0 + 30s);
        EXPECT_GE(guard.latest(own(30s)), t0 + 30s);
    }
    own_ahead_ = 29s;
    for (int i = 0; i < 2; ++i) reads(0ms, 30s, 30s);
    EXPECT_EQ(basis(30s), Basis::own) << "it may have been read at the beginning";
    own_ahead_ = 40s;
    ClockGuard guard(1s);
    for (int i = 0; i < 2; ++i) guard.read(own(0ms), t0, own(30s));
    EXPECT_EQ(guard.basis(own(30s)), Basis::database) << "a clock can be further ahead than that";
}

TEST_F(ClockGuardTest, ALateAnswerDoesNotWidenWhatIsKnown)
{
    compare(0ms);
    EXPECT_TRUE(reads(1s, 1s, 60s));
    const auto offset = guard_.offset(own(60s));
    ASSERT_TRUE(offset);
    EXPECT_LE(offset->high - offset->low, 200ms);
    own_ahead_ = 2s;
    EXPECT_EQ(basis(61s), Basis::database);
}

TEST_F(ClockGuardTest, WhatNtpLeavesIsAllowed)
{
    own_ahead_ = 900ms;
    compare(0ms);
    EXPECT_EQ(basis(1s), Basis::own);
    own_ahead_ = 1100ms;
    EXPECT_EQ(basis(1s), Basis::database);
}

TEST_F(ClockGuardTest, ACallDuringWhichTheClockWasSetOrTheMachineSleptSaysNothing)
{
    // Answered at once, and received an hour later by the wall clock alone.
    EXPECT_FALSE(guard_.read(own(0ms), t0, Moment{t0 + 1h, s0 + 1ms}));
    EXPECT_FALSE(guard_.offset(own(1ms)));
}

TEST_F(ClockGuardTest, AMachineThatSleptIsRightAgainWithTheNextReadings)
{
    compare(0ms);
    // The steady clock has slept, too.
    own_ahead_ = database_ahead_ = 1h;
    EXPECT_EQ(basis(1s), Basis::database);
    compare(2s);
    EXPECT_EQ(basis(2s), Basis::own);
    EXPECT_EQ(planned_by(2s), 1h);
}

TEST_F(ClockGuardTest, AClockThatIsBehindIsPlannedByAndTheLatestIsTheDatabases)
{
    own_ahead_ = -1h;
    compare(0ms);
    EXPECT_EQ(basis(0ms), Basis::own);
    EXPECT_EQ(planned_by(0ms), -1h);
    EXPECT_GE(guard_.latest(own(3s)), t0 + 3s);
    EXPECT_LE(guard_.latest(own(3s)), t0 + 3s + 5ms);
}

TEST_F(ClockGuardTest, ADatabaseThatIsSetBackIsNotFollowedByAClockThatHasRunOnEvenly)
{
    compare(0ms);
    database_ahead_ = -1h;  // another server, whose clock is wrong
    EXPECT_FALSE(reads(2s, 2s, 2001ms));
    EXPECT_EQ(basis(2s), Basis::own) << "one reading proves nothing";
    compare(2s);
    EXPECT_EQ(basis(3s), Basis::own_as_even);
    EXPECT_EQ(planned_by(3s), 0ms);
    own_ahead_ = 10s;
    EXPECT_EQ(basis(4s), Basis::database) << "now both were set";
    own_ahead_ = 0s;
    EXPECT_EQ(basis(5s), Basis::own_as_even);
    database_ahead_ = 0h;
    compare(6s);
    EXPECT_EQ(basis(6s), Basis::own);
}

TEST_F(ClockGuardTest, ADatabaseThatIsBehindWhatWasPlannedIsNotFollowedUnlessMostAgreeWithIt)
{
    database_ahead_ = -1h;
    compare(0ms);
    ASSERT_EQ(basis(0ms), Basis::database);
    guard_.reached(t0 - 1h, own(0ms));
    EXPECT_EQ(basis(0ms), Basis::database) << "it has come so far";
    guard_.reached(t0 + 1h, own(0ms));
    EXPECT_EQ(basis(0ms), Basis::database) << "this node's has not come so far either";
    guard_.reached(t0 - 5s, own(0ms));
    EXPECT_EQ(basis(0ms), Basis::own_as_even);
    EXPECT_EQ(basis(2h), Basis::own_as_even);
    guard_.votes(1, 2);
    EXPECT_EQ(basis(0ms), Basis::database);
}

TEST_F(ClockGuardTest, ADatabaseThatIsSetAheadChangesNothing)
{
    compare(0ms);
    database_ahead_ = 1h;
    compare(2s);
    EXPECT_EQ(basis(3s), Basis::own);
    EXPECT_EQ(planned_by(3s), 0ms);
}

TEST_F(ClockGuardTest, MoreNodesThanOneOutvoteTheDatabase)
{
    own_ahead_ = 1h;
    compare(0ms);
    guard_.votes(3, 1);
    EXPECT_TRUE(guard_.is_ahead(own(0ms)));
    EXPECT_EQ(basis(0ms), Basis::own_by_votes);
    EXPECT_EQ(planned_by(0ms), 1h);
    guard_.votes(2, 2);
    EXPECT_EQ(basis(0ms), Basis::database);
}

TEST_F(ClockGuardTest, TheTwoAgreeWhenTheTimeToPlanByIsTheDatabasesToo)
{
    const auto agrees = [this](milliseconds time) { return guard_.is_agreed(own(time)); };
    EXPECT_FALSE(agrees(0ms)) << "never compared";
    compare(0ms);
    EXPECT_TRUE(agrees(1s));
    own_ahead_ = 1h;
    EXPECT_TRUE(agrees(2s)) << "the database's is planned by";
    own_ahead_ = -1h;
    EXPECT_FALSE(agrees(3s)) << "the own one is, and is behind";
    own_ahead_ = 0ms;
    EXPECT_TRUE(agrees(4s));
    own_ahead_ = 1h;
    compare(5s);
    guard_.votes(2, 1);
    EXPECT_FALSE(agrees(6s)) << "more nodes have the own one";
}

}  // namespace
}  // namespace peercron
