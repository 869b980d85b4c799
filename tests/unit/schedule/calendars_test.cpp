#include "schedule/calendars.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using ::testing::Eq;
using ::testing::Optional;
using Terms = std::vector<std::string>;

constexpr sys_days friday = std::chrono::year(2026) / 12 / 18;
constexpr sys_days saturday = friday + std::chrono::days(1);
constexpr sys_days monday = friday + std::chrono::days(3);

const TimeZone& utc()
{
    return *find_zone("UTC").value();
}

Calendars with_freeze()
{
    Calendars calendars;
    calendars.add("freeze", friday, WallTime::max(), "12-21..12-22", "");
    return calendars;
}

TEST(CalendarsTest, WorkdaysAndWeekendsAreAlwaysThere)
{
    const Calendars calendars;
    EXPECT_EQ(calendars.why_not(Terms{"workdays"}, friday, utc()), std::nullopt);
    EXPECT_THAT(calendars.why_not(Terms{"workdays"}, saturday, utc()),
                Optional(Eq("not in workdays")));
    EXPECT_THAT(calendars.why_not(Terms{"!weekends"}, saturday, utc()),
                Optional(Eq("in weekends")));
    EXPECT_TRUE(is_built_in_calendar("workdays"));
    EXPECT_FALSE(is_built_in_calendar("freeze"));
}

TEST(CalendarsTest, AllTermsMustHold)
{
    const Calendars calendars = with_freeze();
    const Terms terms{"workdays", "!freeze"};
    EXPECT_EQ(calendars.why_not(terms, friday, utc()), std::nullopt);
    EXPECT_THAT(calendars.why_not(terms, saturday, utc()), Optional(Eq("not in workdays")));
    EXPECT_THAT(calendars.why_not(terms, monday, utc()), Optional(Eq("in freeze")));
}

TEST(CalendarsTest, WhatACalendarSaidAtTheMomentCounts)
{
    Calendars calendars;
    calendars.add("freeze", WallTime(friday), WallTime(saturday), "fri..sun", "");
    calendars.add("freeze", WallTime(saturday), WallTime(monday), "mon", "");
    EXPECT_TRUE(calendars.covers("freeze", friday + 23h, utc()));
    EXPECT_FALSE(calendars.covers("freeze", saturday, utc()));
    EXPECT_FALSE(calendars.covers("freeze", friday - 1s, utc()));
    EXPECT_EQ(calendars.same_until("freeze", friday + 1h, utc()), saturday);
    // It was deleted before it would have covered anything.
    EXPECT_FALSE(calendars.covers("freeze", monday, utc()));
    EXPECT_FALSE(calendars.has("freeze", monday));
}

TEST(CalendarsTest, AgreeAboutACalendarThatSaysTheSameAtAllTimes)
{
    const auto of_freeze = [](WallTime begin, WallTime end, std::string_view dates,
                              std::string_view ical = "") {
        Calendars calendars;
        calendars.add("freeze", begin, end, dates, ical);
        return calendars;
    };
    const std::string ical =
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261221\r\n"
        "RRULE:FREQ=WEEKLY;BYDAY=MO\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    const Calendars one = of_freeze(friday, WallTime::max(), "12-24..12-26, sat", ical);
    EXPECT_TRUE(
        one.agrees(of_freeze(friday, WallTime::max(), "12-24..12-26, sat", ical), "freeze"));
    EXPECT_TRUE(one.agrees(Calendars(), "workdays"));
    EXPECT_TRUE(one.agrees(Calendars(), "other"));
    EXPECT_FALSE(one.agrees(Calendars(), "freeze"));
    EXPECT_FALSE(Calendars().agrees(one, "freeze"));
    EXPECT_FALSE(one.agrees(of_freeze(friday, WallTime::max(), "12-24..12-26, sat"), "freeze"));
    EXPECT_FALSE(one.agrees(of_freeze(friday, WallTime::max(), "12-24..12-26", ical), "freeze"));
    EXPECT_FALSE(one.agrees(of_freeze(friday, saturday, "12-24..12-26, sat", ical), "freeze"));
    EXPECT_FALSE(
        one.agrees(of_freeze(friday + 1ms, WallTime::max(), "12-24..12-26, sat", ical), "freeze"));
}

/// The clock of the node that ended it was behind that of the node that had set it.
TEST(CalendarsTest, WhatHasEndedBeforeItBeganIsNotInTheWay)
{
    Calendars calendars;
    calendars.add("freeze", WallTime(friday), WallTime(friday + 12h), "fri", "");
    calendars.add("freeze", WallTime(saturday), WallTime(saturday - 1min), "fri", "");
    calendars.add("freeze", WallTime(saturday - 1min), WallTime::max(), "sat", "");
    EXPECT_TRUE(calendars.covers("freeze", saturday, utc()));
    EXPECT_TRUE(calendars.covers("freeze", saturday + 1h, utc()));
    EXPECT_EQ(calendars.same_until("freeze", friday + 13h, utc()), saturday - 1min);
    calendars.add("gone", WallTime(saturday), WallTime(saturday), "sat", "");
    EXPECT_FALSE(calendars.has("gone", saturday));
}

TEST(CalendarsTest, ACalendarThatThereIsNotCoversNothing)
{
    const Calendars calendars;
    EXPECT_THAT(calendars.why_not(Terms{"gone"}, friday, utc()),
                Optional(Eq("not in gone, which does not exist")));
    EXPECT_EQ(calendars.why_not(Terms{"!gone"}, friday, utc()), std::nullopt);
}

TEST(CalendarsTest, FindsTheNextFireThatIsNotExcluded)
{
    const Calendars calendars = with_freeze();
    const Schedule noon = *Schedule::make("0 0 12 * * *", "UTC", 1);
    const Terms terms{"workdays", "!freeze"};
    const sys_seconds far = friday + std::chrono::days(400);
    EXPECT_EQ(calendars.next_fire(noon, {}, terms, friday, far), friday + 12h);
    EXPECT_EQ(calendars.next_fire(noon, {}, terms, friday + 12h, far),
              monday + std::chrono::days(2) + 12h);
    EXPECT_EQ(calendars.next_fire(noon, {}, terms, friday + 12h, monday + 24h), std::nullopt);
    EXPECT_EQ(calendars.next_fire(noon, {}, {}, friday, friday + 12h), std::nullopt);
    EXPECT_EQ(calendars.next_fire(noon, {}, Terms{"workdays", "weekends"}, friday, far),
              std::nullopt);
}

TEST(CalendarsTest, KnowsSinceWhenNothingIsExcluded)
{
    const Calendars calendars;
    const auto since = [&](sys_seconds time) {
        return calendars.open_since(Terms{"workdays"}, time - std::chrono::days(8), time, utc());
    };
    EXPECT_THAT(since(friday + 12h), Optional(Eq(WallTime(friday - std::chrono::days(4)))));
    EXPECT_EQ(since(saturday + 12h), std::nullopt);
    EXPECT_THAT(since(monday), Optional(Eq(WallTime(monday))));
    EXPECT_EQ(calendars.open_since({}, friday, monday, utc()), std::nullopt);
}

/// Also where a job fires each second, and nothing is open for ten years.
TEST(CalendarsTest, LooksTenYearsAheadWithoutLookingAtEachFire)
{
    const Schedule often = *Schedule::make("* * * * * *", "Europe/Berlin", 1);
    EXPECT_EQ(Calendars().next_fire(often, {}, Terms{"workdays", "weekends"}, friday,
                                    friday + std::chrono::days(3660)),
              std::nullopt);
}

TEST(CalendarsTest, CutsAWindowToWhatIsOpen)
{
    const Calendars calendars = with_freeze();
    const auto second = [](sys_seconds time) { return time.time_since_epoch().count(); };
    const Window window{second(friday + 6h), 0};
    const auto parts = calendars.open_windows(window, Terms{"workdays", "!freeze"}, friday,
                                              monday + std::chrono::days(3), utc());
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].start, second(friday + 6h));
    EXPECT_EQ(parts[0].end, second(saturday));
    EXPECT_EQ(parts[1].start, second(monday + std::chrono::days(2)));
    EXPECT_EQ(parts[1].end, second(monday + std::chrono::days(3)));
    EXPECT_EQ(calendars.open_windows(window, {}, friday, monday, utc()).size(), 1U);
}

}  // namespace
}  // namespace peercron
