#include "dispatch/node_clocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const NodeName self = "127.0.0.1:9991";
const NodeName other = "127.0.0.1:9993";
const NodeName third = "127.0.0.1:9995";

class NodeClocksTest : public ::testing::Test {
protected:
    /// A beat of a node whose clock is off by `offset`, and that took `round_trip`.
    NodeClock::State measure(const NodeName& node, std::chrono::milliseconds offset,
                             std::chrono::milliseconds round_trip = 0ms)
    {
        const WallTime asked = now_.wall - round_trip;
        clocks_.measure(node, asked, asked + round_trip / 2 + offset, now_);
        return clocks_.of(node).state;
    }
    void set_own_clock(std::chrono::milliseconds by)
    {
        now_.wall += by;
        clocks_.follow_own_clock(now_);
    }
    static NodeLoad told(const NodeName& node, std::chrono::milliseconds offset)
    {
        NodeLoad load;
        load.node = node;
        load.clock_offset = offset;
        load.clock_known = true;
        return load;
    }
    std::chrono::milliseconds most_ahead(const NodeName& node)
    {
        return clocks_.most_ahead(clocks_.of(node));
    }

    DispatchSettings settings_;  // a warning from 100 ms on, a lookahead of 2 s
    NodeClocks clocks_{self, settings_};
    Moment now_{WallTime(1000h), SteadyTime(1h)};
};

TEST_F(NodeClocksTest, AClockIsJudgedByWhatAnAnswerProves)
{
    using State = NodeClock::State;
    EXPECT_EQ(measure(other, 90ms), State::good);
    EXPECT_EQ(measure(other, 110ms, 40ms), State::good) << "it may be off by 90 ms";
    EXPECT_EQ(measure(other, -121ms, 40ms), State::off);
    EXPECT_EQ(measure(other, 90ms, 40ms), State::off) << "it may be off by 110 ms";
    EXPECT_EQ(measure(other, 2010ms, 40ms), State::off);
    EXPECT_EQ(measure(other, -2021ms, 40ms), State::unusable);
    EXPECT_FALSE(clocks_.of(other).is_usable());
    EXPECT_EQ(measure(other, 1990ms, 40ms), State::unusable);
    EXPECT_EQ(measure(other, 79ms, 40ms), State::good);
    EXPECT_TRUE(clocks_.of(other).is_usable());
}

TEST_F(NodeClocksTest, ABeatThatWasAskedForAfterItsAnswerCameJudgesNoClock)
{
    EXPECT_EQ(measure(other, 5s, -1s), NodeClock::State::good);
}

TEST_F(NodeClocksTest, TheOffsetIsTakenFromTheMiddleOfTheRoundTrip)
{
    clocks_.measure(other, now_.wall - 400ms, now_.wall, now_);
    EXPECT_EQ(clocks_.of(other).offset, 200ms);
    EXPECT_TRUE(clocks_.of(other).is_known);
    EXPECT_TRUE(clocks_.of(other).is_measured);
}

TEST_F(NodeClocksTest, WhenTheOwnClockIsSetAllOthersAreOffByThatMuch)
{
    measure(self, 0ms);
    measure(other, 30ms);
    set_own_clock(10s);
    EXPECT_EQ(clocks_.of(self).offset, 0ms);
    EXPECT_EQ(clocks_.of(other).offset, 30ms - 10s);
    now_.wall += 5s;
    now_.steady += 5s;
    clocks_.follow_own_clock(now_);
    EXPECT_EQ(clocks_.of(other).offset, 30ms - 10s) << "time goes by";
    set_own_clock(-10s);
    EXPECT_EQ(clocks_.of(other).offset, 30ms);
}

TEST_F(NodeClocksTest, WhatAnEarlierDispatcherToldIsRelativeToThisClock)
{
    Roster roster;
    roster.by = third;
    roster.ahead = -40ms;
    roster.nodes = {told(self, 40ms), told(other, 100ms), told(third, 0ms), NodeLoad{}};
    EXPECT_THAT(clocks_.learn(roster, now_), ElementsAre(self, other, third));
    EXPECT_EQ(clocks_.of(self).offset, 0ms);
    EXPECT_EQ(clocks_.of(other).offset, 60ms);
    EXPECT_EQ(clocks_.of(third).offset, -40ms);
    EXPECT_TRUE(clocks_.of(other).is_known);
    EXPECT_FALSE(clocks_.of(other).is_measured);
}

TEST_F(NodeClocksTest, WithoutThisClockWhatWasToldSaysNothing)
{
    Roster roster;
    roster.by = third;
    roster.nodes = {told(other, 100ms), told(third, 0ms)};
    EXPECT_THAT(clocks_.learn(roster, now_), IsEmpty());
    EXPECT_FALSE(clocks_.of(other).is_known);
}

TEST_F(NodeClocksTest, AClockThatWasSetSinceTheRosterWasMadeMayBeAnybodys)
{
    Roster roster;
    roster.by = third;
    roster.ahead = 500ms;
    roster.nodes = {told(self, 0ms), told(other, 100ms), told(third, 200ms)};
    clocks_.learn(roster, now_);
    EXPECT_EQ(clocks_.of(self).offset, 0ms);
    EXPECT_EQ(clocks_.of(other).offset, 400ms);
    EXPECT_EQ(clocks_.of(third).offset, 500ms);
}

TEST_F(NodeClocksTest, AMeasuredClockMayBeAheadByALittleMoreThanItsOffset)
{
    measure(other, 70ms);
    EXPECT_EQ(most_ahead(other), 90ms);
    measure(other, -70ms);
    EXPECT_EQ(most_ahead(other), 0ms) << "it is behind";
}

TEST_F(NodeClocksTest, AClockThatWasMeasuredOnASlowNetworkMayBeAheadByHalfOfTheRoundTripMore)
{
    // The question took all of the time, or the answer did.
    const WallTime asked = now_.wall - 600ms;
    clocks_.measure(other, asked, asked + 70ms, now_);
    EXPECT_GE(most_ahead(other), 70ms);
    clocks_.measure(other, asked, now_.wall + 70ms, now_);
    EXPECT_GE(most_ahead(other), 70ms);
    measure(other, 70ms);
    EXPECT_EQ(most_ahead(other), 90ms) << "the next beat was quick";
    // The own clock was set back by 1 s while the beat was on its way.
    clocks_.measure(other, now_.wall + 1s, now_.wall + 70ms, now_);
    EXPECT_GE(most_ahead(other), 70ms);
}

TEST_F(NodeClocksTest, OfAClockThatNobodyKnowsTheWorstIsAssumed)
{
    EXPECT_EQ(most_ahead(other), settings_.lookahead);
    Roster roster;
    roster.nodes = {told(self, 0ms), told(other, 70ms)};
    clocks_.learn(roster, now_);
    EXPECT_EQ(most_ahead(other), 120ms);
}

TEST_F(NodeClocksTest, AClockThatWasNotMeasuredMayBeAheadAsFarAsTheOwnOne)
{
    measure(third, 0ms);
    clocks_.own_clock_ahead(1h);
    EXPECT_EQ(most_ahead(other), 1h + 50ms);
    EXPECT_EQ(most_ahead(third), 20ms);
}

}  // namespace
}  // namespace peercron
