#include "dispatch/told_ends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

RunReport end_of(JobId job, RunState state = RunState::failed)
{
    RunReport end;
    end.id = RunId{job, WallTime(std::chrono::hours(1000)), 1};
    end.state = state;
    return end;
}

TEST(ToldEnds, EachIsTakenOnce)
{
    ToldEnds ends;
    ends.add(end_of(1));
    EXPECT_EQ(ends.take(end_of(2).id), std::nullopt);
    EXPECT_EQ(ends.take(end_of(1).id), end_of(1));
    EXPECT_EQ(ends.take(end_of(1).id), std::nullopt);
}

TEST(ToldEnds, WhatWasToldLastCounts)
{
    ToldEnds ends;
    ends.add(end_of(1, RunState::failed));
    ends.add(end_of(1, RunState::timeout));
    EXPECT_EQ(ends.take(end_of(1).id), end_of(1, RunState::timeout));
}

TEST(ToldEnds, HowLongItTookFollowsWhereItsNodeDoesNotSay)
{
    RunReport end = end_of(1);
    end.started_at = end.id.scheduled_at;
    end.ended_at = end.id.scheduled_at + std::chrono::seconds(3);
    ToldEnds ends;
    ends.add(end);
    EXPECT_EQ(ends.take(end.id)->use_time, std::chrono::seconds(3));
}

TEST(ToldEnds, WhatIsNotNeededIsForgotten)
{
    ToldEnds ends;
    for (const JobId job : {1, 2, 3}) ends.add(end_of(job));
    ends.keep([](const RunId& id) { return id.job != 2; });
    ends.forget(end_of(3).id);
    EXPECT_TRUE(ends.take(end_of(1).id));
    EXPECT_FALSE(ends.take(end_of(2).id));
    EXPECT_FALSE(ends.take(end_of(3).id));
}

}  // namespace
}  // namespace peercron
