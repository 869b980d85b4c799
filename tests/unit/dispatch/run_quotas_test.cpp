#include "dispatch/run_quotas.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr Epoch epoch = 7;

class RunQuotasTest : public ::testing::Test {
protected:
    static Job job_with(std::int64_t run_limit, std::int64_t run_num = 0)
    {
        Job job;
        job.id = 1;
        job.run_limit = run_limit;
        job.counters.run_num = run_num;
        return job;
    }
    static RunId run(std::chrono::seconds due, std::int32_t attempt = 1)
    {
        return RunId{1, WallTime(due), attempt};
    }
    /// What the store has counted, and the rows that are open there.
    static TermStart snapshot(std::int64_t run_num, std::vector<RunId> open = {})
    {
        TermStart found;
        found.run_numbers = {{1, run_num}};
        for (const RunId& id : open) {
            OpenRun row;
            row.planned.id = id;
            found.open_runs.push_back(row);
        }
        return found;
    }
    void learn(const TermStart& found, const std::set<RunId>& closed = {})
    {
        quotas_.learn(found, [&](const RunId& id) { return closed.contains(id); });
    }
    /// How many runs the job may still have, of a hundred.
    std::int64_t left(std::int64_t run_num = 0)
    {
        std::int64_t left = 0;
        while (!quotas_.is_used_up(job_with(100, run_num), static_cast<std::size_t>(left))) ++left;
        return left;
    }

    RunQuotas quotas_{epoch};
};

TEST_F(RunQuotasTest, AJobWithoutAQuotaHasAlwaysRunsLeft)
{
    quotas_.follow(job_with(0, 1000));
    EXPECT_FALSE(quotas_.is_used_up(job_with(0, 1000), 1000));
}

TEST_F(RunQuotasTest, OpenRunsAndThoseBeforeCountTogether)
{
    EXPECT_FALSE(quotas_.is_used_up(job_with(3, 1), 1));
    EXPECT_TRUE(quotas_.is_used_up(job_with(3, 1), 2));
    EXPECT_TRUE(quotas_.is_used_up(job_with(3, 4), 0)) << "it was greater before";
}

TEST_F(RunQuotasTest, FirstAttemptsThatHaveRunCount)
{
    quotas_.follow(job_with(100));
    EXPECT_FALSE(quotas_.ended(run(1s), RunState::success, 0));
    EXPECT_FALSE(quotas_.ended(run(2s), RunState::lost, 0));
    EXPECT_FALSE(quotas_.ended(run(2s, 2), RunState::success, 0));
    EXPECT_FALSE(quotas_.ended(run(3s, 2), RunState::skipped, 0));
    EXPECT_EQ(left(), 98);
    EXPECT_TRUE(quotas_.ended(run(4s), RunState::skipped, 0)) << "it leaves its place";
    EXPECT_TRUE(quotas_.ended(run(5s), RunState::revoked, 0));
    EXPECT_EQ(left(), 98);
}

TEST_F(RunQuotasTest, CountsFromWhenAJobIsFollowedUntilItIsForgotten)
{
    quotas_.ended(run(1s), RunState::success, 0);
    EXPECT_EQ(left(5), 95);
    quotas_.follow(job_with(100, 5));
    quotas_.ended(run(2s), RunState::success, 0);
    quotas_.follow(job_with(100, 5));
    EXPECT_EQ(left(5), 94);
    quotas_.forget(1);
    EXPECT_EQ(left(7), 93);
}

TEST_F(RunQuotasTest, AParkedJobIsUnparkedOnce)
{
    EXPECT_FALSE(quotas_.unpark(1));
    quotas_.park(1);
    EXPECT_TRUE(quotas_.unpark(1));
    EXPECT_FALSE(quotas_.unpark(1));
}

TEST_F(RunQuotasTest, WhatTheStoreHasNotRecordedIsAddedToItsCount)
{
    learn(snapshot(10, {run(1s), run(2s), run(2s, 2)}), {run(1s), run(2s, 2)});
    EXPECT_EQ(left(), 89) << "one is still open, and further attempts do not count";
    learn(snapshot(11));
    EXPECT_EQ(left(), 89);
}

TEST_F(RunQuotasTest, WhatDidNotRunIsNotAddedThoughItsRowIsOpen)
{
    quotas_.ended(run(1s), RunState::skipped, 0);  // before anybody knows of a quota
    learn(snapshot(10, {run(1s)}), {run(1s)});
    EXPECT_EQ(left(), 90);
    quotas_.ended(run(2s), RunState::revoked, 1);
    learn(snapshot(10, {run(1s), run(2s)}), {run(1s), run(2s)});
    EXPECT_EQ(left(), 90);
}

TEST_F(RunQuotasTest, ARunWhoseStepIsNotStoredCounts)
{
    learn(snapshot(10));
    quotas_.ended(run(1s), RunState::success, 4);
    EXPECT_EQ(left(), 89);
    TermStart found = snapshot(10);
    found.last_step = StepId{epoch, 3};
    learn(found);
    EXPECT_EQ(left(), 89) << "the store cannot have counted it";
    found.ended_lately = {run(1s)};
    found.run_numbers = {{1, 11}};
    learn(found);
    EXPECT_EQ(left(), 89) << "its node has recorded it before the step";
    found.ended_lately.clear();
    found.last_step = StepId{epoch, 4};
    learn(found);
    EXPECT_EQ(left(), 89) << "the store has counted it";
    found.run_numbers = {{1, 10}};
    learn(found);
    EXPECT_EQ(left(), 90) << "and is believed";
}

TEST_F(RunQuotasTest, AStepOfAnEarlierTermSaysNothingAboutThisOne)
{
    learn(snapshot(10));
    quotas_.ended(run(1s), RunState::success, 4);
    TermStart found = snapshot(10);
    found.last_step = StepId{epoch - 1, 100};
    learn(found);
    EXPECT_EQ(left(), 89);
}

}  // namespace
}  // namespace peercron
