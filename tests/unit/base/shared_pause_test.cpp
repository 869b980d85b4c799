#include "base/shared_pause.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime whole(1'800'000'000s);

TEST(SharedPauseTest, LooksThatAreDueAboutThenHaveTheirMomentInCommon)
{
    EXPECT_EQ(shared_pause(1s, whole), 1250ms);
    EXPECT_EQ(shared_pause(1s, whole + 249ms), 1001ms);
    EXPECT_EQ(shared_pause(1s, whole + 250ms), 1s);
    EXPECT_EQ(shared_pause(1s, whole + 499ms), 751ms);
    EXPECT_EQ(shared_pause(5s, whole + 750ms), 5s);
}

TEST(SharedPauseTest, ItIsNeverShortAndNeverMuchLonger)
{
    for (const auto interval : {500ms, 750ms, 1000ms, 5300ms}) {
        for (auto after = 0ms; after < 500ms; after += 7ms) {
            const auto pause = shared_pause(interval, whole + after);
            EXPECT_GE(pause, interval - 250ms);
            EXPECT_LE(pause, interval + 250ms);
        }
    }
}

TEST(SharedPauseTest, LooksThatBeganWithinTheSameMillisecondHaveTheirMomentInCommon)
{
    for (const auto after : {0us, 1us, 499us, 999us}) {
        EXPECT_EQ(after + shared_pause(1s, whole + after), 1250ms);
        EXPECT_EQ(after + shared_pause_within(500ms, whole + after), 250ms);
    }
}

TEST(SharedPauseTest, TheMachinesClockTellsMoreThanMilliseconds)
{
    const SystemClock clock;
    ExactWallTime now = clock.exact_now();
    for (int i = 0; i < 1000 && now == std::chrono::floor<std::chrono::milliseconds>(now); ++i) {
        now = clock.exact_now();
    }
    EXPECT_NE(now, std::chrono::floor<std::chrono::milliseconds>(now));
}

TEST(SharedPauseTest, WithinTheLongestTimeItIsTheLastSharedMoment)
{
    EXPECT_EQ(shared_pause_within(500ms, whole), 250ms);
    EXPECT_EQ(shared_pause_within(500ms, whole + 249ms), 1ms);
    EXPECT_EQ(shared_pause_within(500ms, whole + 250ms), 500ms);
    EXPECT_EQ(shared_pause_within(500ms, whole + 499ms), 251ms);
    EXPECT_EQ(shared_pause_within(750ms, whole), 750ms);
    EXPECT_EQ(shared_pause_within(750ms, whole + 1ms), 749ms);
}

TEST(SharedPauseTest, AShortIntervalIsKept)
{
    EXPECT_EQ(shared_pause(250ms, whole + 123ms), 250ms);
    EXPECT_EQ(shared_pause_within(250ms, whole + 123ms), 250ms);
}

}  // namespace
}  // namespace peercron
