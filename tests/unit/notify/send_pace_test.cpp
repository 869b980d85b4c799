#include "notify/send_pace.hpp"

#include "notify/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr SteadyTime begin{1h};
constexpr WallTime noon = from_unix_millis(1'795'262'400'000);  // 2026-11-21T12:00:00Z

TEST(SendPaceTest, AfterTenMessagesTheOthersAreGatheredUntilHalfAMinuteIsOver)
{
    SendPace pace;
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(pace.gathers_until(begin + i * 1s)) << i;
        pace.sent(begin + i * 1s);
    }
    EXPECT_EQ(pace.gathers_until(begin + 10s), begin + 30s);
    EXPECT_EQ(pace.gathers_until(begin + 29s), begin + 30s);
    EXPECT_EQ(pace.gathers_until(begin + 50s), begin + 30s) << "until it was sent";
    pace.gathered();
    EXPECT_FALSE(pace.gathers_until(begin + 50s));
}

TEST(SendPaceTest, MessagesThatComeSlowlyGoOneByOne)
{
    SendPace pace;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(pace.gathers_until(begin + i * 4s)) << i;
        pace.sent(begin + i * 4s);
    }
}

TEST(SendPaceTest, AGroupNamesEach)
{
    Notice one;
    one.id = "failing-1-7";
    one.kind = NoticeKind::failing;
    one.at = noon;
    one.job = 1;
    one.job_name = "backup";
    one.run.emplace();
    one.run->output = "long";
    Notice two = one;
    two.id = "missed-2-8";
    two.kind = NoticeKind::missed;
    two.at = noon + 3s;
    two.job = 2;
    two.job_name = "";
    const Notice group = grouped({one, two});
    EXPECT_EQ(group.id, "grouped-2-failing-1-7");
    EXPECT_EQ(group.notices.at(0).run->output, "");
    const NoticeText told = describe(group);
    EXPECT_EQ(told.title, "2 notices");
    EXPECT_THAT(told.text, HasSubstr("2026-11-21 12:00:00 UTC: backup is failing\n"
                                     "2026-11-21 12:00:03 UTC: job 2 missed a fire\n"));
}

}  // namespace
}  // namespace peercron
