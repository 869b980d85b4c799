#include "cluster/blocking_query.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// Consul, HTTP API, "Blocking Queries", implementation details.

TEST(BlockingIndexTest, TheFirstQueryIsAnsweredAtOnce)
{
    EXPECT_EQ(BlockingIndex().next(), 0U);
}

TEST(BlockingIndexTest, WaitsAfterTheIndexOfTheLastAnswer)
{
    BlockingIndex index;
    index.answered(7);
    EXPECT_EQ(index.next(), 7U);
    index.answered(7);
    EXPECT_EQ(index.next(), 7U);
    index.answered(9);
    EXPECT_EQ(index.next(), 9U);
}

TEST(BlockingIndexTest, StartsAnewWhenTheIndexGoesBackwards)
{
    BlockingIndex index;
    index.answered(9);
    index.answered(8);
    EXPECT_EQ(index.next(), 0U);
    index.answered(8);
    EXPECT_EQ(index.next(), 8U);
}

TEST(BlockingIndexTest, BlocksAtOneWhenTheAnswerHasNoUsableIndex)
{
    BlockingIndex zero;
    zero.answered(0);
    EXPECT_EQ(zero.next(), 1U);
    BlockingIndex none;
    none.answered(std::nullopt);
    EXPECT_EQ(none.next(), 1U);
}

TEST(BlockingIndexTest, ANullIndexAfterAGoodOneCountsAsBackwards)
{
    BlockingIndex index;
    index.answered(9);
    index.answered(0);
    EXPECT_EQ(index.next(), 0U);
}

TEST(BlockingIndexTest, StartsAnewAfterAFailure)
{
    BlockingIndex index;
    index.answered(9);
    index.failed();
    EXPECT_EQ(index.next(), 0U);
}

TEST(QueryPaceTest, LetsABurstPass)
{
    QueryPace pace;
    const SteadyTime t0 = SteadyTime() + 1h;
    for (int i = 0; i < 20; ++i) EXPECT_EQ(pace.pause(t0), 0ns) << i;
}

TEST(QueryPaceTest, HoldsAFloodToTenASecond)
{
    QueryPace pace;
    SteadyTime now = SteadyTime() + 1h;
    for (int i = 0; i < 20; ++i) pace.pause(now);
    const SteadyTime flood = now;
    for (int i = 0; i < 50; ++i) now += pace.pause(now);
    EXPECT_EQ(now - flood, 5s);
}

TEST(QueryPaceTest, ForgetsAFloodThatIsOver)
{
    QueryPace pace;
    const SteadyTime t0 = SteadyTime() + 1h;
    for (int i = 0; i < 30; ++i) pace.pause(t0);
    EXPECT_GT(pace.pause(t0), 0ns);
    EXPECT_EQ(pace.pause(t0 + 1min), 0ns);
}

}  // namespace
}  // namespace peercron
