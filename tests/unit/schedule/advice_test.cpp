#include "schedule/advice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using namespace std::chrono;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> of(std::string_view expression, std::string_view zone = "Europe/Berlin")
{
    const auto schedule = Schedule::make(expression, zone, 7);
    EXPECT_TRUE(schedule) << expression;
    return advice(expression, *schedule, sys_days(2026y / 11 / 21));
}

TEST(Advice, SaysWhatBecomesOfAFixedTimeWhileTheClocksChange)
{
    EXPECT_THAT(of("0 30 2 * * *"),
                ElementsAre("on 2027-03-28 the clocks skip 02:00 to 03:00: the fires of that time, "
                            "such as 02:30, become one at 03:00",
                            "on 2027-10-31 the clocks show 02:00 to 03:00 twice: the fires of that "
                            "time, such as 02:30, happen only the first time"));
    EXPECT_THAT(of("0 30 2 * * *", "America/New_York"),
                ElementsAre(HasSubstr("2027-03-14 the clocks skip 02:00 to 03:00")));
    EXPECT_THAT(of("0 45 1 * * *", "Australia/Lord_Howe"),
                ElementsAre(HasSubstr("the clocks show 01:30 to 02:00 twice")));
}

TEST(Advice, SaysWhatBecomesOfElapsedTime)
{
    EXPECT_THAT(of("*/15 2 * * *"), ElementsAre(HasSubstr("such as 02:00, do not exist"),
                                                HasSubstr("such as 02:00, happen twice")));
}

TEST(Advice, IsSilentWhereNothingSurprises)
{
    for (const auto* const expression :
         {"* * * * * *", "*/5 * * * *", "0 30 4 * * *", "0 30 2 * * 1-5", "0 30 2 15 * ?",
          "@every 90s", "@at 2027-03-28T01:30:00Z", "0 30 2 * * * 2026", "0 30 2 1 1 ? 1999"}) {
        EXPECT_THAT(of(expression), IsEmpty()) << expression;
    }
    EXPECT_THAT(of("0 30 2 * * *", "UTC"), IsEmpty());
    EXPECT_THAT(of("0 30 2 * * *", "Asia/Tokyo"), IsEmpty());
}

TEST(Advice, ADayThatACountrySkipsIsLost)
{
    const auto schedule = Schedule::make("0 0 12 * * *", "Pacific/Apia", 1);
    ASSERT_TRUE(schedule);
    const auto said = advice("0 0 12 * * *", *schedule, sys_days(2011y / 12 / 28));
    ASSERT_FALSE(said.empty());
    EXPECT_THAT(said.front(), HasSubstr("on 2011-12-30"));
    EXPECT_THAT(said.front(), HasSubstr("such as 12:00, do not exist"));
}

TEST(Advice, DoubtsWeekdaysThatMayComeFromQuartz)
{
    const std::string text =
        "weekdays count from 0 = SUN, so 2-6 is TUE-SAT; Quartz counts from 1 = SUN, where it "
        "means "
        "MON-FRI: names mean the same everywhere";
    EXPECT_THAT(of("0 1 12 ? * 2-6 *", "UTC"), ElementsAre(text));
    EXPECT_THAT(of("0 1 12 ? * 2-6", "UTC"), ElementsAre(text));
    EXPECT_THAT(of("0 1 12 * * 6#3,7L 2026-2030", "UTC"),
                ElementsAre(HasSubstr("means FRI#3,SATL")));
    for (const auto* const expression :
         {"0 1 12 ? * MON-FRI *", "0 1 12 ? * 0-5 *", "0 1 12 * * 2-6", "1 12 * * 2-6",
          "0 1 12 5 * ? *", "0 1 12 ? * */2 *", "0 1 12 ? * FRI#3 *"}) {
        EXPECT_THAT(of(expression, "UTC"), IsEmpty()) << expression;
    }
}

TEST(Advice, DoubtsIntervalsThatDoNotBeginAtMidnight)
{
    EXPECT_THAT(
        of("@every 1d"),
        ElementsAre("intervals count from 1970-01-01T00:00:00Z, not from midnight: the next "
                    "fire is on 2026-11-22 at 01:00 in Europe/Berlin; a cron expression "
                    "such as '0 0 * * *' follows the clock of the zone"));
    EXPECT_THAT(of("@every 6h", "Asia/Kathmandu"), ElementsAre(HasSubstr("at 11:45 in Asia")));
    EXPECT_THAT(of("@every 7d", "UTC"), ElementsAre(HasSubstr("on 2026-11-26 at 00:00 in UTC")));
    EXPECT_THAT(of("@every 5h", "UTC"), ElementsAre(HasSubstr("in UTC")));
    for (const auto* const zone : {"UTC", "Europe/London"}) {
        EXPECT_THAT(of("@every 1d", zone), IsEmpty());
        EXPECT_THAT(of("@every 6h", zone), IsEmpty());
    }
    EXPECT_THAT(of("@every 90m"), IsEmpty());
}

TEST(Advice, AsksToSpreadFullHours)
{
    for (const auto* const expression : {"0 0 4 * * *", "@hourly", "0 0 9-17 * * *", "0 0 1 * *"}) {
        EXPECT_THAT(of(expression, "UTC"), ElementsAre(HasSubstr("H instead of the minute")))
            << expression;
    }
    for (const auto* const expression :
         {"0 H 4 * * *", "H 0 4 * * *", "0 0,30 4 * * *", "5 0 4 * * *", "0 0 H * * *"}) {
        EXPECT_THAT(of(expression, "UTC"), IsEmpty()) << expression;
    }
    EXPECT_THAT(of("0 0 4 * MAR THU", "UTC"), ElementsAre(HasSubstr("full hours")));
}

}  // namespace
}  // namespace peercron
