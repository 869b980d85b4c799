#include "schedule/schedule.hpp"
#include "allocations.hpp"

#include "schedule/rfc3339.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono;
using testing::ElementsAre;

sys_seconds at(std::string_view text)
{
    return parse_rfc3339(text).value();
}

Schedule make(std::string_view expression, std::string_view zone)
{
    return Schedule::make(expression, zone, 0).value();
}

std::vector<std::string> fires(std::string_view expression, std::string_view zone,
                               std::string_view after, int count)
{
    const Schedule schedule = make(expression, zone);
    std::vector<std::string> found;
    sys_seconds last = at(after);
    for (int i = 0; i < count; ++i) {
        const auto fire = schedule.next(last);
        if (!fire) break;
        found.push_back(format_rfc3339(*fire, schedule.zone().offset_at(*fire)));
        last = *fire;
    }
    return found;
}

TEST(Schedule, TheNextFireIsStrictlyLater)
{
    const Schedule schedule = make("*/10 * * * * *", "UTC");
    EXPECT_EQ(schedule.next(at("2026-01-01T00:00:00Z")), at("2026-01-01T00:00:10Z"));
    EXPECT_EQ(schedule.next(at("2026-01-01T00:00:09Z")), at("2026-01-01T00:00:10Z"));
}

TEST(Schedule, AMomentFiresOnceWhateverTheZone)
{
    EXPECT_THAT(fires("@at 2027-01-01T00:00:00Z", "Asia/Kathmandu", "2026-01-01T00:00:00Z", 2),
                ElementsAre("2027-01-01T05:45:00+05:45"));
    const Schedule schedule = make("@AT 2027-01-01T01:00:00+01:00", "UTC");
    EXPECT_EQ(schedule.next(at("2026-12-31T23:59:59Z")), at("2027-01-01T00:00:00Z"));
    EXPECT_EQ(schedule.next(at("2027-01-01T00:00:00Z")), std::nullopt);
    const Window over{0, at("2027-01-01T00:00:00Z").time_since_epoch().count()};
    EXPECT_EQ(schedule.next_in_window(at("2026-01-01T00:00:00Z"), over), std::nullopt);
}

TEST(Schedule, AMomentThatIsPastIsStillASchedule)
{
    EXPECT_TRUE(Schedule::make("@at 1970-01-01T00:00:00Z", "UTC", 0));
}

TEST(Schedule, AMomentThatIsNoneIsRefusedWithWhatIsAllowed)
{
    for (const std::string text :
         {"@at", "@at tomorrow", "@at 2027-01-01", "@at 2200-01-01T00:00:00Z",
          "@at 1969-12-31T23:59:59Z", "@at 2027-01-01T00:00:00.5Z"}) {
        const auto refused = Schedule::make(text, "UTC", 0);
        ASSERT_FALSE(refused) << text;
        EXPECT_THAT(refused.error().message, testing::HasSubstr("2027-01-01T00:00:00Z")) << text;
    }
}

TEST(Schedule, FiresByTheClocksOfItsZone)
{
    EXPECT_THAT(fires("0 0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", 1),
                ElementsAre("2026-01-01T09:00:00+05:45"));
    EXPECT_THAT(fires("0 0 9 1 1,7 *", "America/New_York", "2026-01-01T00:00:00Z", 2),
                ElementsAre("2026-01-01T09:00:00-05:00", "2026-07-01T09:00:00-04:00"));
}

TEST(Schedule, AFixedTimeInASkippedHourFiresOnceRightAfterTheGap)
{
    EXPECT_THAT(fires("0 30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
                ElementsAre("2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
                            "2026-03-30T02:30:00+02:00"));
    EXPECT_THAT(fires("*/5 10,20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
                ElementsAre("2026-03-29T03:00:00+02:00", "2026-03-29T03:10:00+02:00"));
    EXPECT_THAT(fires("0 0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
                ElementsAre("2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"));
    // Midnight itself is skipped.
    EXPECT_THAT(fires("0 0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", 2),
                ElementsAre("2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"));
    // Half an hour is skipped.
    EXPECT_THAT(fires("0 15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 2),
                ElementsAre("2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"));
}

TEST(Schedule, ASkippedTimeBelongsToItsOwnDate)
{
    EXPECT_THAT(fires("0 30 2 ? * SUN", "Europe/Berlin", "2026-03-29T00:00:00Z", 1),
                ElementsAre("2026-03-29T03:00:00+02:00"));
    EXPECT_THAT(fires("0 30 2 ? * SAT", "Europe/Berlin", "2026-03-29T00:00:00Z", 1),
                ElementsAre("2026-04-04T02:30:00+02:00"));
}

TEST(Schedule, AFixedTimeInARepeatedHourFiresInTheFirstPassOnly)
{
    EXPECT_THAT(fires("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
                ElementsAre("2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"));
    EXPECT_THAT(fires("0 30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 1),
                ElementsAre("2026-10-26T02:30:00+01:00"));
    EXPECT_THAT(fires("0 0 2,3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 3),
                ElementsAre("2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00",
                            "2026-10-26T02:00:00+01:00"));
    EXPECT_THAT(fires("0 45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2),
                ElementsAre("2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"));
}

TEST(Schedule, AWildcardHourOrMinuteGoesByElapsedTime)
{
    EXPECT_THAT(fires("0 30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
                ElementsAre("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00",
                            "2026-03-29T04:30:00+02:00"));
    EXPECT_THAT(fires("0 30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
                ElementsAre("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00",
                            "2026-10-25T03:30:00+01:00"));
    EXPECT_THAT(fires("0 */30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1),
                ElementsAre("2026-03-30T02:00:00+02:00"));
    EXPECT_THAT(fires("0 */30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 4),
                ElementsAre("2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00",
                            "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"));
}

TEST(Schedule, ARepeatedHourIsNotPassedOverForAFireThatIsFarOff)
{
    EXPECT_THAT(fires("0 */30 2 25 10 ?", "Europe/Berlin", "2026-10-25T02:30:00+02:00", 3),
                ElementsAre("2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
                            "2027-10-25T02:00:00+02:00"));
}

TEST(Schedule, ChangesOfThreeHoursAndMoreAreANewCalendar)
{
    // Samoa skipped the 30th of December 2011.
    EXPECT_THAT(fires("0 30 2 * * *", "Pacific/Apia", "2011-12-29T00:00:00-10:00", 3),
                ElementsAre("2011-12-29T02:30:00-10:00", "2011-12-31T02:30:00+14:00",
                            "2012-01-01T02:30:00+14:00"));
    // Vostok set its clocks back by seven hours.
    EXPECT_THAT(fires("0 0 23 * * *", "Antarctica/Vostok", "1994-01-31T12:00:00Z", 2),
                ElementsAre("1994-01-31T23:00:00+07:00", "1994-01-31T23:00:00+00:00"));
}

TEST(Schedule, DaylightSavingGoesOnAfterTheDatabaseEnds)
{
    EXPECT_THAT(fires("0 30 2 ? 3 SUNL", "Europe/Berlin", "2150-01-01T00:00:00Z", 1),
                ElementsAre("2150-03-29T03:00:00+02:00"));
    EXPECT_THAT(fires("0 0 12 1 7 ?", "America/New_York", "2199-01-01T00:00:00Z", 2),
                ElementsAre("2199-07-01T12:00:00-04:00"));
}

TEST(Schedule, EveryIsAnchoredToTheEpochInAnyZone)
{
    EXPECT_THAT(fires("@every 7m", "UTC", "1970-01-01T00:00:00Z", 2),
                ElementsAre("1970-01-01T00:07:00+00:00", "1970-01-01T00:14:00+00:00"));
    EXPECT_THAT(fires("@every 90m", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
                ElementsAre("2026-10-25T02:30:00+01:00", "2026-10-25T04:00:00+01:00",
                            "2026-10-25T05:30:00+01:00"));
    EXPECT_EQ(make("@every 1h", "UTC").next(at("1969-12-31T22:59:59Z")),
              at("1969-12-31T23:00:00Z"));
    EXPECT_EQ(make("@every 1h", "UTC").next(at("1969-12-31T23:00:00Z")),
              at("1970-01-01T00:00:00Z"));
}

TEST(Schedule, EndsWithTheLastYear)
{
    EXPECT_EQ(make("* * * * * *", "UTC").next(at("2199-12-31T23:59:58Z")),
              at("2199-12-31T23:59:59Z"));
    EXPECT_EQ(make("* * * * * *", "UTC").next(at("2199-12-31T23:59:59Z")), std::nullopt);
    EXPECT_EQ(make("0 0 0 1 1 ? 1999", "UTC").next(at("2026-01-01T00:00:00Z")), std::nullopt);
    EXPECT_EQ(make("* * * * * *", "UTC").next(sys_seconds::max()), std::nullopt);
    EXPECT_EQ(make("@every 1s", "UTC").next(sys_seconds::max()), std::nullopt);
    EXPECT_EQ(make("* * * * * *", "UTC").next(sys_seconds::min()), at("1970-01-01T00:00:00Z"));
    EXPECT_EQ(make("* * * * * *", "Asia/Tokyo").next(sys_seconds::min()),
              at("1969-12-31T15:00:00Z"));
}

TEST(Schedule, RefusesABadExpressionAndAnUnknownZone)
{
    EXPECT_EQ(Schedule::make("61 * * * * *", "UTC", 0).error().message,
              "second '61': 61 is out of range; allowed is 0-59");
    EXPECT_EQ(Schedule::make("* * * * * *", "Europe/Berlni", 0).error().message,
              "time zone 'Europe/Berlni' is unknown; allowed are IANA names such as UTC or "
              "Europe/Berlin");
}

TEST(Schedule, RefusesWhatTheZoneAlwaysSkips)
{
    EXPECT_EQ(
        Schedule::make("0 */10 2 29 3 ? 2026", "Europe/Berlin", 0).error().message,
        "'0 */10 2 29 3 ? 2026' can never fire in Europe/Berlin: its times are always skipped "
        "by the change to daylight saving time");
    EXPECT_TRUE(Schedule::make("0 10 2 29 3 ? 2026", "Europe/Berlin", 0));
}

TEST(Schedule, AWindowIncludesItsStartAndExcludesItsEnd)
{
    const Schedule schedule = make("0 * * * * *", "UTC");
    const sys_seconds start = at("2026-01-01T00:10:00Z");
    const sys_seconds end = at("2026-01-01T00:12:00Z");
    const Window window{start.time_since_epoch().count(), end.time_since_epoch().count()};
    EXPECT_FALSE(window.contains(start - 1s));
    EXPECT_TRUE(window.contains(start));
    EXPECT_TRUE(window.contains(end - 1s));
    EXPECT_FALSE(window.contains(end));
    EXPECT_EQ(schedule.next_in_window(at("2026-01-01T00:00:00Z"), window), start);
    EXPECT_EQ(schedule.next_in_window(start, window), start + 1min);
    EXPECT_EQ(schedule.next_in_window(start + 1min, window), std::nullopt);
}

TEST(Schedule, AWindowOfZerosIsOpen)
{
    const Schedule schedule = make("0 * * * * *", "UTC");
    const sys_seconds now = at("2026-01-01T00:00:00Z");
    EXPECT_EQ(schedule.next_in_window(now, Window{}), now + 1min);
    EXPECT_EQ(schedule.next_in_window(now, Window{0, now.time_since_epoch().count()}),
              std::nullopt);
    EXPECT_EQ(schedule.next_in_window(now, Window{now.time_since_epoch().count() - 5, 0}),
              now + 1min);
}

TEST(Schedule, NextAllocatesNothing)
{
    for (const char* text :
         {"* * * * * *", "0 30 2 L,15W * ?", "0 0 0 29 2 */7", "@every 7s", "0 */5 2 ? 3 SUNL"}) {
        const Schedule schedule = make(text, "Europe/Berlin");
        const std::size_t before = allocations();
        auto fire = schedule.next(at("2026-01-01T00:00:00Z"));
        for (int i = 0; i < 100 && fire; ++i) fire = schedule.next(*fire);
        EXPECT_EQ(allocations(), before) << text;
    }
}

}  // namespace
}  // namespace peercron
