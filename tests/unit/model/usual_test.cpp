#include "model/usual.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

JobStatistics past_of(int runs, std::chrono::milliseconds use_time)
{
    JobStatistics past;
    for (int i = 0; i < runs; ++i) {
        EndedRun run;
        run.scheduled_at = from_unix_millis(1'795'219'200'000) + i * 1h;
        run.started_at = run.scheduled_at;
        run.outcome = Outcome::success;
        run.use_time = use_time;
        past.add(run);
    }
    return past;
}

/// A distribution is exact to a sixteenth.
bool is_about(std::chrono::milliseconds time, std::chrono::milliseconds expected)
{
    return time >= expected * 15 / 16 && time <= expected * 17 / 16;
}

TEST(UsualTimeTest, FewRunsSayNothing)
{
    EXPECT_FALSE(usual_time_of(past_of(19, 60s)).slow_after);
    EXPECT_FALSE(usual_time_of(past_of(19, 60s)).fast_before);
}

TEST(UsualTimeTest, ThreeTimesAsLongIsSlowAndAThirdIsFast)
{
    const UsualTime usual = usual_time_of(past_of(20, 60s));
    ASSERT_TRUE(usual.slow_after && usual.fast_before);
    EXPECT_TRUE(is_about(*usual.slow_after, 180s)) << usual.slow_after->count();
    EXPECT_TRUE(is_about(*usual.fast_before, 20s)) << usual.fast_before->count();
}

TEST(UsualTimeTest, OfShortRunsADifferenceSaysLittle)
{
    const UsualTime usual = usual_time_of(past_of(100, 20ms));
    EXPECT_EQ(usual.slow_after, 1s);
    EXPECT_FALSE(usual.fast_before);
}

}  // namespace
}  // namespace peercron
