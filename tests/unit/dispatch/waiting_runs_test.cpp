#include "dispatch/waiting_runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

WaitingRun wait(JobId job, std::int32_t attempt, std::chrono::seconds after_noon)
{
    return {RunId{job, noon, attempt}, noon + after_noon, noon, job == 2 ? "ann" : ""};
}

TEST(WaitingRunsTest, GivesThoseThatAreDueTheEarliestFirst)
{
    WaitingRuns waiting;
    EXPECT_EQ(waiting.next_due(), std::nullopt);
    waiting.add(wait(1, 2, 30s));
    waiting.add(wait(2, 3, 10s));
    waiting.add(wait(3, 2, 20s));
    waiting.add(wait(3, 2, 5s));
    EXPECT_EQ(waiting.size(), 3U);
    EXPECT_EQ(waiting.next_due(), noon + 10s);
    EXPECT_THAT(waiting.take_due(noon + 9s, 100), IsEmpty());
    EXPECT_THAT(waiting.take_due(noon + 20s, 1), ElementsAre(wait(2, 3, 10s)));
    EXPECT_THAT(waiting.take_due(noon + 20s, 100), ElementsAre(wait(3, 2, 20s)));
    EXPECT_EQ(waiting.next_due(), noon + 30s);
}

TEST(WaitingRunsTest, IsFoundByJobAndByFire)
{
    WaitingRuns waiting;
    waiting.add(wait(1, 2, 30s));
    waiting.add(wait(2, 3, 10s));
    EXPECT_THAT(waiting.of_job(2), ElementsAre(wait(2, 3, 10s)));
    EXPECT_THAT(waiting.of_job(3), IsEmpty());
    EXPECT_EQ(waiting.of_fire(RunId{2, noon, 1}), (RunId{2, noon, 3}));
    EXPECT_EQ(waiting.of_fire(RunId{2, noon + 1s, 1}), std::nullopt);
    EXPECT_EQ(waiting.take(RunId{2, noon, 2}), std::nullopt);
    EXPECT_EQ(waiting.take(RunId{2, noon, 3}), wait(2, 3, 10s));
    EXPECT_FALSE(waiting.contains(RunId{2, noon, 3}));
    EXPECT_EQ(waiting.next_due(), noon + 30s);
}

}  // namespace
}  // namespace peercron
