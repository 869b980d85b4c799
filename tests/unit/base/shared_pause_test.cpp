#include "base/shared_moment.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime now(1000s);
constexpr std::chrono::system_clock::time_point whole(1'800'000'000s);

TEST(SharedMomentTest, LooksThatAreDueAboutThenHaveItInCommon)
{
    EXPECT_EQ(shared_moment(now, 1s, whole), now + 1250ms);
    EXPECT_EQ(shared_moment(now, 1s, whole + 249ms), now + 1001ms);
    EXPECT_EQ(shared_moment(now, 1s, whole + 250ms), now + 1s);
    EXPECT_EQ(shared_moment(now, 1s, whole + 499ms), now + 751ms);
    EXPECT_EQ(shared_moment(now, 5s, whole + 750ms), now + 5s);
}

TEST(SharedMomentTest, ItIsNeverNowAndNeverMuchLater)
{
    for (const auto interval : {500ms, 750ms, 1000ms, 5300ms}) {
        for (auto after = 0ms; after < 500ms; after += 7ms) {
            const auto pause = shared_moment(now, interval, whole + after) - now;
            EXPECT_GE(pause, interval - 250ms);
            EXPECT_LE(pause, interval + 250ms);
        }
    }
}

TEST(SharedMomentTest, AShortIntervalIsKept)
{
    EXPECT_EQ(shared_moment(now, 250ms, whole + 123ms), now + 250ms);
}

}  // namespace
}  // namespace peercron
