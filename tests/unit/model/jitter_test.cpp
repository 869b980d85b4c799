#include "model/jitter.hpp"

#include <gtest/gtest.h>

#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon{1'795'262'400'000ms};

Job job_with(std::chrono::seconds jitter)
{
    Job job;
    job.id = 12;
    job.cron_set = "0 0 12 * * *";
    job.jitter = jitter;
    return job;
}

TEST(Jitter, EachFireHasItsOwnOffsetWhichIsAlwaysTheSame)
{
    // Written down once: a node of another version that finds another one would start it twice.
    EXPECT_EQ(start_offset(12, 600s, noon), 97'636ms);
    EXPECT_EQ(start_offset(13, 600s, noon), 487'206ms);
    EXPECT_EQ(start_offset(12, 600s, noon + 24h), 187'996ms);
}

TEST(Jitter, OffsetsAreFromNothingToTheWholeJitterAndSpread)
{
    std::set<std::chrono::milliseconds> offsets;
    std::chrono::milliseconds sum{0};
    for (JobId job = 1; job <= 1000; ++job) {
        const auto offset = start_offset(job, 10s, noon);
        EXPECT_GE(offset, 0ms);
        EXPECT_LE(offset, 10s);
        offsets.insert(offset);
        sum += offset;
    }
    EXPECT_GT(offsets.size(), 900U);
    EXPECT_LT(*offsets.begin(), 200ms);
    EXPECT_GT(*offsets.rbegin(), 9800ms);
    EXPECT_NEAR(static_cast<double>(sum.count()) / 1000, 5000, 500);
}

TEST(Jitter, OnlyAFireByAScheduleIsDelayed)
{
    EXPECT_EQ(delayed_start(job_with(600s), noon), noon + start_offset(12, 600s, noon));
    EXPECT_EQ(delayed_start(job_with(0s), noon), std::nullopt);
    Job child = job_with(600s);
    child.cron_set.clear();
    child.run_after = {"extract"};
    EXPECT_EQ(delayed_start(child, noon), std::nullopt);
}

}  // namespace
}  // namespace peercron
