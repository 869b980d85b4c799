#include "model/retry.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

bool is_retried(std::vector<std::string> words, RunState state, std::optional<int> code = {})
{
    Job job;
    job.retry_on = std::move(words);
    return is_retried_after(job, state, code);
}

TEST(RetryTest, TakesTheWordsThatNameEnds)
{
    for (const char* word :
         {"failed", "timeout", "0", "75", "255", "100-110", "7-7", "!2", "!3-9"}) {
        EXPECT_TRUE(is_retry_word(word)) << word;
    }
    for (const char* word :
         {"",         "!",    "-",   "lost", "killed", "success", "!failed",
          "!timeout", "256",  "-1",  "1-",   "-5",     "9-3",     "1-256",
          "1-2-3",    "0x10", "1.5", "!!2",  " 7",     "7 ",      "99999999999999999999"}) {
        EXPECT_FALSE(is_retry_word(word)) << word;
    }
}

TEST(RetryTest, OnlyKnownEndsAreRetried)
{
    EXPECT_TRUE(is_retried({}, RunState::failed, 1));
    EXPECT_TRUE(is_retried({}, RunState::failed)) << "by a signal, or not started";
    EXPECT_TRUE(is_retried({}, RunState::timeout));
    for (const RunState state :
         {RunState::planned, RunState::running, RunState::success, RunState::killed, RunState::lost,
          RunState::fenced, RunState::skipped, RunState::revoked}) {
        EXPECT_FALSE(is_retried({}, state, 1)) << to_string(state);
    }
}

TEST(RetryTest, RetriesTheEndsThatAreNamed)
{
    EXPECT_FALSE(is_retried({"failed"}, RunState::timeout));
    EXPECT_FALSE(is_retried({"timeout"}, RunState::failed, 1));
    EXPECT_TRUE(is_retried({"timeout", "75"}, RunState::failed, 75));
    EXPECT_FALSE(is_retried({"timeout", "75"}, RunState::failed, 74));
    EXPECT_FALSE(is_retried({"75"}, RunState::failed)) << "it has no exit code";
    EXPECT_FALSE(is_retried({"75"}, RunState::timeout, 75)) << "it was ended";
    EXPECT_TRUE(is_retried({"100-110"}, RunState::failed, 110));
    EXPECT_FALSE(is_retried({"100-110"}, RunState::failed, 111));
    EXPECT_FALSE(is_retried({"failed", "!2"}, RunState::failed, 2));
    EXPECT_TRUE(is_retried({"failed", "!2"}, RunState::failed, 3));
    EXPECT_FALSE(is_retried({"1-10", "!2-3"}, RunState::failed, 3));
    EXPECT_TRUE(is_retried({"!2"}, RunState::timeout)) << "all but that one";
    EXPECT_FALSE(is_retried({"!2"}, RunState::failed, 2));
}

TEST(RetryTest, DelaysDoubleUpToTheLongest)
{
    Job job;
    job.retry_delay = 10s;
    job.retry_max_delay = 60s;
    const auto middle = [&](std::int32_t attempt) {
        std::chrono::milliseconds sum{0};
        for (JobId id = 1; id <= 1000; ++id) sum += retry_delay(job, {id, noon, attempt});
        return static_cast<double>(sum.count()) / 1e6;
    };
    EXPECT_NEAR(middle(2), 10, 0.2);
    EXPECT_NEAR(middle(3), 20, 0.4);
    EXPECT_NEAR(middle(4), 40, 0.8);
    EXPECT_NEAR(middle(5), 60, 1.2);
    EXPECT_NEAR(middle(101), 60, 1.2);
    job.retry_max_delay = 0s;
    EXPECT_NEAR(middle(5), 10, 0.2) << "it is never shorter than the first";
    job.retry_delay = 0s;
    EXPECT_EQ(retry_delay(job, {1, noon, 2}), 0ms);
    job.retry_delay = job.retry_max_delay = std::chrono::seconds(2'147'483'647);
    EXPECT_GT(retry_delay(job, {1, noon, 101}), 500'000h);
}

TEST(RetryTest, SpreadsByATenthEitherWayAndAlwaysTheSame)
{
    Job job;
    job.retry_delay = 100s;
    std::set<std::chrono::milliseconds> delays;
    for (JobId id = 1; id <= 1000; ++id) delays.insert(retry_delay(job, {id, noon, 2}));
    EXPECT_GE(*delays.begin(), 90s);
    EXPECT_LE(*delays.rbegin(), 110s);
    EXPECT_LT(*delays.begin(), 91s);
    EXPECT_GT(*delays.rbegin(), 109s);
    EXPECT_GT(delays.size(), 600U);
    EXPECT_NE(retry_delay(job, {1, noon + 1s, 2}), retry_delay(job, {1, noon, 2}));
    // What an older or newer dispatcher, or an audit of it years later, finds as well.
    EXPECT_EQ(retry_delay(job, {1, noon, 2}), 102840ms);
}

}  // namespace
}  // namespace peercron
