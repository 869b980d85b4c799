#include "dispatch/recent_ends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;

RunId run(JobId job, std::chrono::seconds due)
{
    return RunId{job, WallTime(due), 1};
}

TEST(RecentEndsTest, KnowsWhatHasEndedUntilItIsForgotten)
{
    RecentEnds ends;
    ends.add(run(1, 5s));
    ends.add(run(2, 5s));
    EXPECT_TRUE(ends.contains(run(1, 5s)));
    EXPECT_FALSE(ends.contains(run(1, 6s)));
    EXPECT_FALSE(ends.contains(run(3, 5s)));
    ends.forget(run(1, 5s));
    ends.forget(run(1, 6s));
    EXPECT_FALSE(ends.contains(run(1, 5s)));
    EXPECT_TRUE(ends.contains(run(2, 5s)));
}

TEST(RecentEndsTest, WhatIsOldIsForgotten)
{
    RecentEnds ends;
    for (const auto due : {4s, 5s, 6s}) ends.add(run(1, due));
    ends.forget_before(WallTime(5s));
    EXPECT_FALSE(ends.contains(run(1, 4s)));
    EXPECT_TRUE(ends.contains(run(1, 5s)));
    EXPECT_TRUE(ends.contains(run(1, 6s)));
}

TEST(RecentEndsTest, TellsWhatHasEndedThatIsToCome)
{
    RecentEnds ends;
    for (const auto due : {5s, 6s, 7s}) ends.add(run(1, due));
    ends.add(run(2, 6s));
    EXPECT_THAT(ends.after(WallTime(5s)),
                testing::UnorderedElementsAre(run(1, 6s), run(2, 6s), run(1, 7s)));
    EXPECT_THAT(ends.after(WallTime(7s)), testing::IsEmpty());
}

TEST(RecentEndsTest, KnowsWhetherSomethingHasEndedThatIsToCome)
{
    RecentEnds ends;
    ends.add(run(1, 5s));
    EXPECT_TRUE(ends.has_after(WallTime(4s)));
    EXPECT_FALSE(ends.has_after(WallTime(5s)));
    ends.forget(run(1, 5s));
    EXPECT_FALSE(ends.has_after(WallTime(4s))) << "a moment that is free again";
}

}  // namespace
}  // namespace peercron
