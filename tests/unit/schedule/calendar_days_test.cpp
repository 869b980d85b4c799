#include "schedule/calendar_days.hpp"

#include "schedule/ical.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TimeZone& zone(const char* name)
{
    return *find_zone(name).value();
}

const TimeZone& utc()
{
    return zone("UTC");
}

CalendarDays days_of(std::string_view dates, std::string_view ical = "")
{
    const auto parsed = CalendarDays::parse(dates, ical);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : CalendarDays();
}

std::string problem(std::string_view dates, std::string_view ical = "")
{
    const auto parsed = CalendarDays::parse(dates, ical);
    return parsed ? std::string("none") : parsed.error().message;
}

/// A calendar with an event of these lines, the first of which is the fourth one.
std::string event(const std::vector<std::string>& lines)
{
    std::string text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n";
    for (const std::string& line : lines) text += line + "\r\n";
    return text + "END:VEVENT\r\nEND:VCALENDAR\r\n";
}

std::string refused(const std::vector<std::string>& lines)
{
    return problem("", event(lines));
}

/// The times that it covers from the beginning of `from` on, until that of `to`: "12-24" for a
/// whole day of the zone, otherwise "12-24T18:00:00/12-25T06:00:00".
std::vector<std::string> covered(const CalendarDays& calendar, sys_days from, sys_days to,
                                 const TimeZone& where = utc())
{
    const auto text = [&](sys_seconds time) {
        const std::time_t local = (time.time_since_epoch() + where.offset_at(time)).count();
        return fmt::format("{:%m-%dT%H:%M:%S}", fmt::gmtime(local));
    };
    std::vector<std::string> found;
    sys_seconds at = from;
    at -= where.offset_at(at);
    const sys_seconds end = sys_seconds(to) - where.offset_at(to);
    while (at < end) {
        const sys_seconds begin = at;
        const bool covers = calendar.covers(begin, where);
        while (at < end && calendar.covers(at, where) == covers) {
            const sys_seconds next = calendar.same_until(at, where);
            EXPECT_GT(next, at);
            // What is said of the time until then is true.
            EXPECT_EQ(calendar.covers(next - 1s, where), covers) << text(next);
            EXPECT_EQ(calendar.covers(at + (next - at) / 2, where), covers) << text(at);
            at = next;
        }
        at = std::min(at, end);
        if (covers) found.push_back(text(begin) + "/" + text(at));
    }
    return found;
}

constexpr sys_days day(int year, unsigned month, unsigned of_month)
{
    return sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(of_month));
}

TEST(CalendarDaysTest, ADayIsFromMidnightToMidnightAndARangeHasItsLastDay)
{
    const CalendarDays calendar = days_of("2026-12-24, 2026-12-30..2027-01-01");
    EXPECT_THAT(covered(calendar, day(2026, 12, 1), day(2027, 2, 1)),
                ElementsAre("12-24T00:00:00/12-25T00:00:00", "12-30T00:00:00/01-02T00:00:00"));
}

TEST(CalendarDaysTest, DaysAreThoseOfTheZoneThatAsks)
{
    const CalendarDays calendar = days_of("2026-12-24");
    const sys_seconds midnight_in_tokyo = day(2026, 12, 23) + 15h;
    EXPECT_TRUE(calendar.covers(midnight_in_tokyo, zone("Asia/Tokyo")));
    EXPECT_FALSE(calendar.covers(midnight_in_tokyo - 1s, zone("Asia/Tokyo")));
    EXPECT_FALSE(calendar.covers(midnight_in_tokyo, utc()));
}

TEST(CalendarDaysTest, TimesEndBeforeTheLastOne)
{
    const CalendarDays calendar = days_of("2026-12-24T18:00..2026-12-25T06:30:15");
    EXPECT_THAT(covered(calendar, day(2026, 12, 1), day(2027, 1, 1)),
                ElementsAre("12-24T18:00:00/12-25T06:30:15"));
}

TEST(CalendarDaysTest, ARangeOfEachYearGoesPastItsEnd)
{
    const CalendarDays calendar =
        days_of("12-30..01-02\n05-01  # labour day\n\n# nothing, 06-01\n");
    EXPECT_THAT(covered(calendar, day(2026, 1, 1), day(2027, 1, 1)),
                ElementsAre("01-01T00:00:00/01-03T00:00:00", "05-01T00:00:00/05-02T00:00:00",
                            "12-30T00:00:00/01-01T00:00:00"));
}

TEST(CalendarDaysTest, TheLastDayOfFebruaryIsThereInLeapYears)
{
    const CalendarDays calendar = days_of("02-29");
    EXPECT_THAT(covered(calendar, day(2027, 1, 1), day(2028, 1, 1)), IsEmpty());
    EXPECT_THAT(covered(calendar, day(2028, 1, 1), day(2029, 1, 1)),
                ElementsAre("02-29T00:00:00/03-01T00:00:00"));
}

TEST(CalendarDaysTest, DaysOfTheWeekMayGoPastSunday)
{
    EXPECT_THAT(covered(days_of("sat..mon"), day(2026, 12, 1), day(2026, 12, 9)),
                ElementsAre("12-05T00:00:00/12-08T00:00:00"));
    EXPECT_THAT(covered(days_of("Wed, FRI"), day(2026, 12, 1), day(2026, 12, 6)),
                ElementsAre("12-02T00:00:00/12-03T00:00:00", "12-04T00:00:00/12-05T00:00:00"));
}

TEST(CalendarDaysTest, ADayWithAChangeOfTheClocksIsWhole)
{
    const TimeZone& berlin = zone("Europe/Berlin");
    EXPECT_THAT(
        covered(days_of("2026-10-25, 2026-03-29"), day(2026, 1, 1), day(2026, 12, 1), berlin),
        ElementsAre("03-29T00:00:00/03-30T00:00:00", "10-25T00:00:00/10-26T00:00:00"));
    // 02:30 is there twice, and a time that begins then covers the hour between, as well.
    const CalendarDays half = days_of("2026-10-25T02:30..2026-10-25T03:00");
    const sys_seconds first = day(2026, 10, 25) + 30min;
    EXPECT_TRUE(half.covers(first, berlin));
    EXPECT_FALSE(half.covers(first + 30min, berlin));
    EXPECT_TRUE(half.covers(first + 1h, berlin));
}

TEST(CalendarDaysTest, WhatIsNoDayIsRefusedWithItsLine)
{
    EXPECT_THAT(problem("2026-12-24\n2026-13-01"),
                HasSubstr("dates: line 2: given \"2026-13-01\"; a day such as 2026-12-24"));
    for (const char* text :
         {"2026-02-29", "24.12.2026", "2026-12-24T18:00", "mon..12-24", "12-24..2026-12-31",
          "funday", "2026-12-24..", "..2026-12-24", "2026-12-24T24:00..2026-12-25", "1969-12-31",
          "2200-01-01", "02-30", "2026-12-24T18:0..2026-12-25"}) {
        EXPECT_THAT(problem(text), HasSubstr("dates: line 1: given")) << text;
    }
    EXPECT_THAT(problem("2026-12-24..2026-12-23"),
                HasSubstr("the end must be after the beginning"));
    EXPECT_EQ(problem("2026-12-24T18:00..2026-12-24"), "none");
    EXPECT_THAT(problem(std::string(40'000, '#')), HasSubstr("dates: longer than 32768 bytes"));
}

TEST(IcalTest, AnEventOfDaysEndsBeforeItsDtend)
{
    const std::string text = event({"DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227",
                                    "SUMMARY:Christmas: three\\, in", "  a row", "UID:1"});
    EXPECT_THAT(covered(days_of("", text), day(2026, 12, 1), day(2027, 1, 1)),
                ElementsAre("12-24T00:00:00/12-27T00:00:00"));
    EXPECT_EQ(days_of("", text).events(), 1U);
    EXPECT_THAT(
        covered(days_of("", event({"DTSTART:20261224"})), day(2026, 12, 1), day(2027, 1, 1)),
        ElementsAre("12-24T00:00:00/12-25T00:00:00"));
}

TEST(IcalTest, AnEventWithAZoneIsAtThatMomentForAll)
{
    const CalendarDays berlin =
        days_of("", event({"DTSTART;TZID=Europe/Berlin:20261224T180000", "DURATION:PT12H30M"}));
    EXPECT_THAT(covered(berlin, day(2026, 12, 1), day(2027, 1, 1)),
                ElementsAre("12-24T17:00:00/12-25T05:30:00"));
    const CalendarDays moment =
        days_of("", event({"DTSTART:20261224T180000Z", "DTEND:20261224T190000Z"}));
    EXPECT_THAT(covered(moment, day(2026, 12, 1), day(2027, 1, 1), zone("Asia/Tokyo")),
                ElementsAre("12-25T03:00:00/12-25T04:00:00"));
    const CalendarDays floating =
        days_of("", event({"DTSTART:20261224T180000", "DTEND:20261224T190000"}));
    EXPECT_THAT(covered(floating, day(2026, 12, 1), day(2027, 1, 1), zone("Asia/Tokyo")),
                ElementsAre("12-24T18:00:00/12-24T19:00:00"));
}

TEST(IcalTest, AnEventRecursAsItsRuleSays)
{
    struct Case {
        const char* start;
        const char* rule;
        std::vector<std::string> begins;
    };
    // Source: the examples of RFC 5545, 3.8.5.3, as far as they are read, and its 3.3.10.
    const std::vector<Case> cases{
        {"19970902", "FREQ=DAILY;COUNT=3", {"09-02", "09-03", "09-04"}},
        {"19970902", "FREQ=DAILY;INTERVAL=10;COUNT=3", {"09-02", "09-12", "09-22"}},
        {"19970902", "FREQ=WEEKLY;UNTIL=19970916", {"09-02", "09-09", "09-16"}},
        {"19970902", "FREQ=WEEKLY;INTERVAL=2;COUNT=3", {"09-02", "09-16", "09-30"}},
        {"19970902",
         "FREQ=WEEKLY;INTERVAL=2;COUNT=4;WKST=SU;BYDAY=TU,TH",
         {"09-02", "09-04", "09-16", "09-18"}},
        {"19970805",
         "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
         {"08-05", "08-10", "08-19", "08-24"}},
        {"19970805",
         "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
         {"08-05", "08-17", "08-19", "08-31"}},
        {"19970905", "FREQ=MONTHLY;COUNT=3;BYDAY=1FR", {"09-05", "10-03", "11-07"}},
        {"19970907",
         "FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU",
         {"09-07", "09-28", "11-02", "11-30"}},
        {"19970922", "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", {"09-22", "10-20", "11-17"}},
        {"19970928", "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3", {"09-28", "10-29", "11-28"}},
        {"19970902", "FREQ=MONTHLY;COUNT=4;BYMONTHDAY=2,15", {"09-02", "09-15", "10-02", "10-15"}},
        {"19980213", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3", {"02-13", "03-13", "11-13"}},
        {"19970131", "FREQ=MONTHLY;COUNT=3", {"01-31", "03-31", "05-31"}},
        {"19970610", "FREQ=YEARLY;COUNT=4;BYMONTH=6,7", {"06-10", "07-10", "06-10", "07-10"}},
        {"19970313", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=3", {"03-13", "03-20", "03-27"}},
        {"19971127", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2", {"11-27", "11-26"}},
        {"19960229", "FREQ=YEARLY;COUNT=2", {"02-29", "02-29"}},
    };
    for (const Case& each : cases) {
        const std::string begin = fmt::format("DTSTART;VALUE=DATE:{}", each.start);
        const CalendarDays calendar =
            days_of("", event({begin, fmt::format("RRULE:{}", each.rule)}));
        std::vector<std::string> begins;
        for (sys_days at = day(1996, 1, 1); at < day(2001, 1, 1); at += days(1)) {
            const std::string text = fmt::format(
                "{:%m-%d}", fmt::gmtime(std::time_t{sys_seconds(at).time_since_epoch().count()}));
            if (calendar.covers(at, utc())) begins.push_back(text);
        }
        EXPECT_EQ(begins, each.begins) << each.start << " " << each.rule;
    }
}

TEST(IcalTest, ExceptionsAreLeftOutAndCancelledEventsAreNone)
{
    const CalendarDays weekly =
        days_of("", event({"DTSTART:20261207T220000", "DURATION:PT4H",
                           "RRULE:FREQ=WEEKLY;UNTIL=20261221T220000", "EXDATE:20261214T220000"}));
    EXPECT_THAT(covered(weekly, day(2026, 12, 1), day(2027, 1, 1)),
                ElementsAre("12-07T22:00:00/12-08T02:00:00", "12-21T22:00:00/12-22T02:00:00"));
    const CalendarDays none = days_of("", event({"DTSTART:20261224", "STATUS:CANCELLED"}));
    EXPECT_EQ(none.events(), 0U);
    EXPECT_FALSE(none.covers(day(2026, 12, 24), utc()));
}

TEST(IcalTest, ARecurringEventWithAZoneFollowsItsClocks)
{
    const CalendarDays nightly = days_of(
        "", event({"DTSTART;TZID=Europe/Berlin:20261023T220000",
                   "DTEND;TZID=Europe/Berlin:20261023T230000", "RRULE:FREQ=DAILY;COUNT=4"}));
    EXPECT_THAT(covered(nightly, day(2026, 10, 1), day(2026, 11, 1)),
                ElementsAre("10-23T20:00:00/10-23T21:00:00", "10-24T20:00:00/10-24T21:00:00",
                            "10-25T21:00:00/10-25T22:00:00", "10-26T21:00:00/10-26T22:00:00"));
}

TEST(IcalTest, AnUntilWithZIsThatMomentByTheClocksOfTheEvent)
{
    const auto days_until = [](const std::string& until) {
        return covered(days_of("", event({"DTSTART;TZID=Europe/Berlin:20261024T120000",
                                          "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=" + until})),
                       day(2026, 10, 20), day(2026, 11, 5));
    };
    // Noon is at 10:00 before the clocks go back on the 25th, and at 11:00 from then on.
    EXPECT_THAT(days_until("20261026T110000Z"),
                ElementsAre("10-24T10:00:00/10-24T11:00:00", "10-25T11:00:00/10-25T12:00:00",
                            "10-26T11:00:00/10-26T12:00:00"));
    EXPECT_THAT(days_until("20261026T105959Z"),
                ElementsAre("10-24T10:00:00/10-24T11:00:00", "10-25T11:00:00/10-25T12:00:00"));
    EXPECT_THAT(days_until("20261024T100000Z"), ElementsAre("10-24T10:00:00/10-24T11:00:00"));
}

TEST(IcalTest, AnEventInARepeatedHourBeginsTheFirstTime)
{
    const CalendarDays once = days_of("", event({"DTSTART;TZID=Europe/Berlin:20261025T023000",
                                                 "DTEND;TZID=Europe/Berlin:20261025T033000"}));
    EXPECT_THAT(covered(once, day(2026, 10, 24), day(2026, 10, 27)),
                ElementsAre("10-25T00:30:00/10-25T02:30:00"));
    const CalendarDays nightly = days_of(
        "", event({"DTSTART;TZID=Europe/Berlin:20261024T023000",
                   "DTEND;TZID=Europe/Berlin:20261024T024500", "RRULE:FREQ=DAILY;COUNT=3"}));
    EXPECT_THAT(covered(nightly, day(2026, 10, 24), day(2026, 10, 27)),
                ElementsAre("10-24T00:30:00/10-24T00:45:00", "10-25T00:30:00/10-25T00:45:00",
                            "10-25T01:30:00/10-25T01:45:00", "10-26T01:30:00/10-26T01:45:00"))
        << "one that recurs is there twice";
}

TEST(IcalTest, AnEventInASkippedHourBeginsAtItsEnd)
{
    const CalendarDays once = days_of("", event({"DTSTART;TZID=Europe/Berlin:20260329T023000",
                                                 "DTEND;TZID=Europe/Berlin:20260329T033000"}));
    EXPECT_THAT(covered(once, day(2026, 3, 28), day(2026, 3, 31)),
                ElementsAre("03-29T01:00:00/03-29T01:30:00"));
    const CalendarDays inside = days_of("", event({"DTSTART;TZID=Europe/Berlin:20260329T021500",
                                                   "DTEND;TZID=Europe/Berlin:20260329T024500"}));
    EXPECT_THAT(covered(inside, day(2026, 3, 28), day(2026, 3, 31)), IsEmpty());
    const CalendarDays nightly = days_of(
        "", event({"DTSTART;TZID=Europe/Berlin:20260328T023000",
                   "DTEND;TZID=Europe/Berlin:20260328T033000", "RRULE:FREQ=DAILY;COUNT=3"}));
    EXPECT_THAT(covered(nightly, day(2026, 3, 28), day(2026, 3, 31)),
                ElementsAre("03-28T01:30:00/03-28T02:30:00", "03-29T01:00:00/03-29T01:30:00",
                            "03-30T00:30:00/03-30T01:30:00"));
}

TEST(IcalTest, TooManyEventsAreRefusedInWords)
{
    const auto events = [](int count, std::string_view rule) {
        std::string text = "BEGIN:VCALENDAR\n";
        for (int i = 0; i < count; ++i) {
            text += fmt::format("BEGIN:VEVENT\nDTSTART:20261224\n{}END:VEVENT\n", rule);
        }
        return text + "END:VCALENDAR\n";
    };
    EXPECT_EQ(problem("", events(5000, "")), "none");
    EXPECT_EQ(problem("", events(5001, "")),
              "ical: line 15004: more than the 5000 events that are allowed");
    constexpr std::string_view rule = "RRULE:FREQ=YEARLY\n";
    EXPECT_EQ(problem("", events(500, rule)), "none");
    EXPECT_EQ(problem("", events(501, rule)),
              "ical: line 2005: more than the 500 events with RRULE that are allowed");
}

TEST(IcalTest, WhatCalendarsExportIsRead)
{
    const std::string text =
        "BEGIN:VCALENDAR\nPRODID:-//Google Inc//Google Calendar 70.9054//EN\nVERSION:2.0\n"
        "CALSCALE:GREGORIAN\nMETHOD:PUBLISH\nX-WR-CALNAME:Holidays\nX-WR-TIMEZONE:UTC\n"
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19701025T030000\n"
        "TZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\n"
        "END:STANDARD\nEND:VTIMEZONE\n"
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226\n"
        "DTSTAMP:20251101T100000Z\nUID:20261225_x@google.com\nCLASS:PUBLIC\n"
        "DESCRIPTION:Public holiday\nSEQUENCE:0\nSTATUS:CONFIRMED\nSUMMARY:Christmas Day\n"
        "TRANSP:TRANSPARENT\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT30M\nEND:VALARM\n"
        "END:VEVENT\nEND:VCALENDAR\n";
    EXPECT_THAT(covered(days_of("", text), day(2026, 1, 1), day(2027, 1, 1)),
                ElementsAre("12-25T00:00:00/12-26T00:00:00"));
}

TEST(IcalTest, WhatIsNotReadIsRefusedWithItsLine)
{
    const std::string start = "DTSTART:20261224";
    EXPECT_THAT(refused({start, "RRULE:FREQ=HOURLY"}),
                HasSubstr("ical: line 5: RRULE: given \"FREQ=HOURLY\"; FREQ=DAILY, WEEKLY"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=YEARLY;BYWEEKNO=20"}),
                HasSubstr("\"BYWEEKNO\" is not supported; FREQ, INTERVAL, COUNT"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=MONTHLY;BYDAY=TH;BYSETPOS=-1"}),
                HasSubstr("\"BYSETPOS\" is not supported"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=YEARLY;BYDAY=TH"}), HasSubstr("together with BYMONTH"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20270101"}),
                HasSubstr("COUNT or UNTIL is allowed, not both"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=WEEKLY;BYDAY=MO"}),
                HasSubstr("DTSTART must be one of the days that the rule names"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=WEEKLY;BYDAY=1TH"}), HasSubstr("in BYDAY"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=DAILY;INTERVAL=0"}), HasSubstr("from 1 to 1000"));
    EXPECT_THAT(refused({start, "RRULE:FREQ=DAILY", "DURATION:P40D"}),
                HasSubstr("longer than the 31 days"));
    EXPECT_THAT(refused({start, "RDATE:20261231"}), HasSubstr("line 5: RDATE is not supported"));
    EXPECT_THAT(refused({start, "RECURRENCE-ID:20261231"}),
                HasSubstr("RECURRENCE-ID is not supported"));
    EXPECT_THAT(refused({start, "EXDATE:20261231"}), HasSubstr("the event has no RRULE"));
    EXPECT_THAT(refused({"SUMMARY:none"}), HasSubstr("line 3: the event has no DTSTART"));
    EXPECT_THAT(refused({"DTSTART:20261224T180000"}), HasSubstr("covers no time"));
    EXPECT_THAT(refused({"DTSTART:20261324"}), HasSubstr("line 4: DTSTART: given \"20261324\""));
    EXPECT_THAT(refused({"DTSTART;TZID=W. Europe Standard Time:20261224T180000", "DURATION:PT1H"}),
                HasSubstr("TZID: time zone 'W. Europe Standard Time' is unknown"));
    EXPECT_THAT(refused({start, "DTEND:20261224"}), HasSubstr("must be after DTSTART"));
    EXPECT_THAT(refused({start, "DTEND:20261224T180000"}), HasSubstr("must have the same form"));
    EXPECT_THAT(refused({start, "DURATION:PT90M"}),
                HasSubstr("whole days such as P2D are allowed"));
    EXPECT_THAT(refused({start, "DURATION:1D"}), HasSubstr("a length such as P1D"));
    EXPECT_THAT(refused({start, "no colon"}), HasSubstr("line 5: given \"no colon\""));
    EXPECT_THAT(problem("", "hello"), HasSubstr("ical: line 1"));
    EXPECT_THAT(problem("", "BEGIN:VCALENDAR\n"), HasSubstr("without END:VCALENDAR"));
    EXPECT_THAT(problem("", "BEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTODO\nEND:VCALENDAR\n"),
                HasSubstr("line 2: VTODO is not supported; VEVENT is allowed"));
    EXPECT_THAT(problem("", "BEGIN:VCALENDAR\nVERSION:1.0\nEND:VCALENDAR\n"),
                HasSubstr("line 2: VERSION: given \"1.0\""));
    EXPECT_THAT(problem("", std::string(300'000, 'x')), HasSubstr("longer than 262144 bytes"));
}

}  // namespace
}  // namespace peercron
