#include "dispatch/redelivery.hpp"

#include "model/jitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Pair;

// 2026-11-21T00:00:00Z: a whole minute.
constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

RunId run(JobId job, std::int32_t attempt = 1)
{
    return RunId{job, midnight, attempt};
}

/// Job 1 wants each of its fires at least once, and job 2 does not.
class RedeliveryTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        Job job;
        job.cron_set = "0 * * * * *";
        job.id = 2;
        jobs_.put(job, midnight - 1h);
        job.id = 1;
        job.delivery = Delivery::at_least_once;
        jobs_.put(job, midnight - 1h);
    }

    DispatchSettings settings_;  // a misfire window of 60 s
    MisfireRules misfires_{settings_};
    JobTable jobs_{"UTC"};
    Redelivery redelivery_{jobs_, misfires_};
};

TEST_F(RedeliveryTest, IsWantedAfterAnEndThatWasNotTheRunsFault)
{
    EXPECT_TRUE(Redelivery::is_wanted_after(RunState::lost, Reason{Cause::node_died}));
    EXPECT_TRUE(Redelivery::is_wanted_after(RunState::fenced, Reason{Cause::node_isolated}));
    EXPECT_TRUE(Redelivery::is_wanted_after(RunState::killed, Reason{Cause::node_stopped}));
    EXPECT_FALSE(Redelivery::is_wanted_after(RunState::killed, Reason{Cause::replaced}));
    EXPECT_FALSE(Redelivery::is_wanted_after(RunState::failed, Reason{}));
    EXPECT_FALSE(Redelivery::is_wanted_after(RunState::timeout, Reason{}));
    EXPECT_FALSE(Redelivery::is_wanted_after(RunState::skipped, Reason{Cause::mutex}));
}

TEST_F(RedeliveryTest, TheNextAttemptIsOfTheSameFire)
{
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight), run(1, 2));
    EXPECT_EQ(redelivery_.next_attempt(run(1, 4), midnight), run(1, 5));
    EXPECT_EQ(redelivery_.next_attempt(run(1, 5), midnight), std::nullopt);
}

TEST_F(RedeliveryTest, OnlyAJobThatWantsThatRunsAgainAndOnlyWhileItIsNotStopped)
{
    EXPECT_EQ(redelivery_.next_attempt(run(2), midnight), std::nullopt);
    EXPECT_EQ(redelivery_.next_attempt(run(3), midnight), std::nullopt) << "no such job";
    Job stopped = jobs_.find(1)->job;
    stopped.stop = true;
    jobs_.put(stopped, midnight);
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight), std::nullopt);
}

TEST_F(RedeliveryTest, NothingRunsAgainAfterTheMisfireWindow)
{
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 60s), run(1, 2));
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 61s), std::nullopt);
}

TEST_F(RedeliveryTest, TheWindowCountsFromWhenTheFireMayHaveStartedAtTheLatest)
{
    Job job = jobs_.find(1)->job;
    job.required = {"extract"};
    job.requires_wait = 10min;
    jobs_.put(job, midnight - 1h);
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 10min + 60s), run(1, 2));
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 10min + 61s), std::nullopt);

    job.jitter = 1h;
    jobs_.put(job, midnight - 1h);
    const WallTime latest = midnight + start_offset(1, 1h, midnight) + 10min + 60s;
    EXPECT_EQ(redelivery_.next_attempt(run(1), latest), run(1, 2));
    EXPECT_EQ(redelivery_.next_attempt(run(1), latest + 1ms), std::nullopt);
}

TEST_F(RedeliveryTest, WhereTheNextFireEndsAFireItsWaitDoesNotCount)
{
    Job job = jobs_.find(1)->job;
    job.misfire_window = until_next;
    job.required = {"extract"};
    job.requires_wait = 10min;
    jobs_.put(job, midnight - 1h);
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 59s), run(1, 2));
    EXPECT_EQ(redelivery_.next_attempt(run(1), midnight + 60s), std::nullopt);
}

TEST_F(RedeliveryTest, TheRunsAreTakenOnceWithThoseWhoHadAskedForThem)
{
    EXPECT_TRUE(redelivery_.is_empty());
    redelivery_.add(run(2), "");
    redelivery_.add(run(1), "ann");
    redelivery_.add(run(1), "");
    EXPECT_FALSE(redelivery_.is_empty());
    EXPECT_THAT(redelivery_.take(), ElementsAre(Pair(run(1), "ann"), Pair(run(2), "")));
    EXPECT_TRUE(redelivery_.is_empty());
}

TEST_F(RedeliveryTest, WhatOthersHaveSeenToIsDropped)
{
    redelivery_.add(run(1), "");
    redelivery_.add(run(2), "");
    redelivery_.keep([](const RunId& id) { return id.job == 2; });
    EXPECT_THAT(redelivery_.take(), ElementsAre(Pair(run(2), "")));
}

TEST_F(RedeliveryTest, ConcernsRunsOfJobsThatWantIt)
{
    EXPECT_FALSE(redelivery_.concerns({run(2), run(3)}));
    EXPECT_TRUE(redelivery_.concerns({run(2), run(1)}));
}

}  // namespace
}  // namespace peercron
