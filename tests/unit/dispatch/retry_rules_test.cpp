#include "dispatch/retry_rules.hpp"

#include "model/retry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

/// Job 1 fires each minute and is tried again twice.
class RetryRulesTest : public ::testing::Test {
protected:
    RetryRulesTest()
    {
        job_.id = 1;
        job_.cron_set = "0 * * * * *";
        job_.retries = 2;
        job_.retry_delay = 10s;
        job_.effective_from = noon - 1h;
        put();
    }

    void put() { jobs_.put(job_, noon - 1h); }

    static FailedRun failed(std::int32_t attempt = 1, WallTime at = noon + 5s)
    {
        return {RunId{1, noon, attempt}, RunState::failed, 1, at, "ann"};
    }

    Job job_;
    JobTable jobs_{"UTC"};
    RetryRules rules_{jobs_};
};

TEST_F(RetryRulesTest, TheNextAttemptIsDueAfterTheDelayFromTheEnd)
{
    const auto next = rules_.next_attempt(failed(), noon + 6s);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->id, (RunId{1, noon, 2}));
    EXPECT_EQ(next->retry_at, noon + 5s + retry_delay(job_, next->id));
    EXPECT_EQ(next->failed_at, noon + 5s);
    EXPECT_EQ(next->requested_by, "ann (retry)");
    EXPECT_EQ(rules_.next_attempt(failed(2), noon + 6s)->id, (RunId{1, noon, 3}));
    EXPECT_FALSE(rules_.next_attempt(failed(3), noon + 6s)) << "they are used up";
    const auto late = rules_.next_attempt(failed(), noon + 1h);
    EXPECT_EQ(late->retry_at, next->retry_at) << "it is late, but due when it was";
    EXPECT_EQ(rules_.next_attempt(failed(1, noon + 1h), noon + 6s)->retry_at,
              noon + 6s + retry_delay(job_, next->id))
        << "the clock of its node is ahead";
}

TEST_F(RetryRulesTest, AnEndThatItsJobDoesNotNameHasNone)
{
    job_.retry_on = {"75"};
    job_.effective_from += 1s;
    put();
    EXPECT_FALSE(rules_.next_attempt(failed(), noon + 6s));
    FailedRun other = failed();
    other.exit_code = 75;
    EXPECT_TRUE(rules_.next_attempt(other, noon + 6s));
    other.id.job = 2;
    EXPECT_FALSE(rules_.next_attempt(other, noon + 6s)) << "there is no such job";
}

TEST_F(RetryRulesTest, TheNextFireEndsIt)
{
    const RunId second{1, noon, 2};
    EXPECT_FALSE(rules_.why_over(second, noon + 59999ms, true));
    EXPECT_EQ(rules_.why_over(second, noon + 60s, true)->cause, Cause::superseded);
    EXPECT_FALSE(rules_.why_over(second, noon + 60s, false)) << "its job is at its limit";
}

TEST_F(RetryRulesTest, TheEndOfTheWindowEndsIt)
{
    job_.end_time = to_unix_seconds(noon) + 12;
    job_.effective_from += 1s;
    put();
    EXPECT_FALSE(rules_.next_attempt(failed(), noon + 6s));
    EXPECT_TRUE(rules_.next_attempt(failed(1, noon), noon + 1s));
    EXPECT_FALSE(rules_.why_over({1, noon, 2}, noon + 11s, true));
    EXPECT_EQ(rules_.why_over({1, noon, 2}, noon + 12s, true)->cause, Cause::superseded);
}

TEST_F(RetryRulesTest, WhatTheStoreFindsIsLookedAtUnlessItWasMeanwhile)
{
    EXPECT_FALSE(rules_.has_hidden_ends());
    rules_.note_hidden_ends();
    EXPECT_TRUE(rules_.has_hidden_ends());
    rules_.begin_reading();
    EXPECT_FALSE(rules_.has_hidden_ends());
    rules_.add(failed());
    EXPECT_THAT(rules_.take(), ElementsAre(failed()));
    rules_.found({failed(), failed(2)});
    EXPECT_THAT(rules_.take(), ElementsAre(failed(2)));
    rules_.begin_reading();
    rules_.found({failed()});
    EXPECT_THAT(rules_.take(), ElementsAre(failed())) << "what was seen before that, it shows";
}

TEST_F(RetryRulesTest, KeepsWhatItIsTold)
{
    rules_.add(failed());
    rules_.add(failed(2));
    rules_.learn(RunId{1, noon, 2}, "bob");
    rules_.keep([](const RunId& id) { return id.attempt == 2; });
    EXPECT_THAT(rules_.take(), ElementsAre(Field(&FailedRun::requested_by, "bob")));
    EXPECT_TRUE(rules_.is_empty());
}

TEST_F(RetryRulesTest, NoneWaitsLongerThanItsDelay)
{
    const RunId second{1, noon, 2};
    const auto delay = retry_delay(job_, second);
    EXPECT_EQ(rules_.start_by_clock(second, noon + delay, noon, 4s), noon + delay);
    EXPECT_EQ(rules_.start_by_clock(second, noon + delay + 4s, noon, 4s), noon + delay + 4s);
    EXPECT_EQ(rules_.start_by_clock(second, noon + 1h, noon, 4s), noon + delay);
}

}  // namespace
}  // namespace peercron
