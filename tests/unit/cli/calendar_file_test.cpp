#include "cli/calendar_file.hpp"

#include "cli/exit_status.hpp"
#include "cli/job_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <string>
#include <vector>

namespace peercron {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* one_event =
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261225\r\nSUMMARY:a \"day\"\\, off\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n";

Calendar calendar(std::string name, std::string dates, std::string ical = "",
                  std::string remark = "")
{
    Calendar made;
    made.name = std::move(name);
    made.dates = std::move(dates);
    made.ical = std::move(ical);
    made.remark = std::move(remark);
    return made;
}

std::string text_of(const json::object& parameters, const char* name)
{
    return std::string(parameters.at(name).as_string());
}

/// The files that there are.
std::string read_other(const std::string& file)
{
    if (file == "holidays.ics") return one_event;
    if (file == "broken.ics") return "BEGIN:VCALENDAR\nnonsense\n";
    throw Failure(ExitStatus::usage, file + " cannot be read: gone");
}

JobFile read(const std::string& text)
{
    return read_job_file(text, "f", read_other);
}

TEST(CalendarFileTest, ACalendarThatIsMissingIsAdded)
{
    const auto calls = calendar_calls({calendar("freeze", "12-20..01-06", "", "quiet")}, {});
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_TRUE(calls[0].is_new);
    EXPECT_EQ(calls[0].what, "calendar");
    EXPECT_EQ(calls[0].name, "freeze");
    EXPECT_EQ(calls[0].target, "/calendar/add");
    EXPECT_EQ(calls[0].parameters,
              json::parse(R"({"name":"freeze","dates":"12-20..01-06","remark":"quiet"})"));
    ASSERT_THAT(calls[0].fields, SizeIs(2));
    EXPECT_EQ(calls[0].fields[0].name, "dates");
    EXPECT_EQ(calls[0].fields[0].before, "");
    EXPECT_EQ(calls[0].fields[0].after, "12-20..01-06");
}

TEST(CalendarFileTest, OnlyWhatDiffersIsChanged)
{
    const std::vector<Calendar> node{calendar("freeze", "12-20..01-06", one_event, "quiet"),
                                     calendar("other", "fri")};
    auto calls = calendar_calls({calendar("freeze", "12-18..01-06", one_event)}, node);
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_FALSE(calls[0].is_new);
    EXPECT_EQ(calls[0].target, "/calendar/set");
    EXPECT_EQ(calls[0].parameters,
              json::parse(R"({"name":"freeze","dates":"12-18..01-06","remark":""})"))
        << "a key that the file does not have means its default";
    ASSERT_THAT(calls[0].fields, SizeIs(2));
    EXPECT_EQ(calls[0].fields[0].before, "12-20..01-06");
    EXPECT_EQ(calls[0].fields[0].after, "12-18..01-06");

    const std::string two_events =
        std::string(one_event).insert(17, "BEGIN:VEVENT\r\nDTSTART:20261231\r\nEND:VEVENT\r\n");
    calls = calendar_calls({calendar("freeze", "12-20..01-06", two_events, "quiet")}, node);
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_EQ(text_of(calls[0].parameters, "ical"), two_events);
    ASSERT_THAT(calls[0].fields, SizeIs(1));
    EXPECT_EQ(calls[0].fields[0].before, "1 event") << "nobody reads a whole iCalendar text";
    EXPECT_EQ(calls[0].fields[0].after, "2 events");
}

TEST(CalendarFileTest, AnotherTextOfAsManyEventsIsAChangeThatCanBeSeen)
{
    std::string other = one_event;
    other.replace(other.find("1225"), 4, "1224");
    const auto calls = calendar_calls({calendar("a", "", other)}, {calendar("a", "", one_event)});
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_EQ(calls[0].fields.at(0).before, "1 event");
    EXPECT_EQ(calls[0].fields.at(0).after, "1 event, changed");
}

TEST(CalendarFileTest, HowLinesEndIsNoDifference)
{
    EXPECT_THAT(calendar_calls({calendar("a", "fri\nsat\n"), calendar("b", "mon")},
                               {calendar("b", "mon\r\n"), calendar("a", "fri\r\nsat")}),
                IsEmpty());
    EXPECT_THAT(calendar_calls({calendar("a", "fri\nsat")}, {calendar("a", "fri\n\nsat")}),
                SizeIs(1));
}

TEST(CalendarFileTest, WhatIsWrittenIsReadBack)
{
    const std::vector<Calendar> calendars{calendar("a.b", "12-24..01-02 # \"quiet\"\nfri"),
                                          calendar("empty", "", "", "nothing \\ yet"),
                                          calendar("holidays", "", one_event, "späßchen")};
    const std::string text = write_job_file({}, calendars);
    const JobFile file = read_job_file(text, "f");
    EXPECT_THAT(file.mistakes, IsEmpty()) << text;
    ASSERT_THAT(file.calendars, SizeIs(3));
    EXPECT_THAT(calendar_calls(file.calendars, calendars), IsEmpty()) << text;
    EXPECT_EQ(text.find("\\r"), std::string::npos) << "for people: " << text;
    EXPECT_THAT(text, HasSubstr("\n[calendar.\"a.b\"]\n"));
}

TEST(CalendarFileTest, ATextMayBeInAFileOfItsOwn)
{
    const JobFile file = read("[calendar.holidays]\nical = '@holidays.ics'\n");
    EXPECT_THAT(file.mistakes, IsEmpty());
    ASSERT_THAT(file.calendars, SizeIs(1));
    EXPECT_EQ(file.calendars[0].ical, one_event);
}

TEST(CalendarFileTest, WhatANodeWouldRefuseIsToldByItsPlace)
{
    const std::string long_remark(longest_calendar_remark + 1, 'x');
    EXPECT_THAT(
        read("[calendar.a]\ndates = 'fri, someday'\nical = 'nonsense'\n"
             "remark = '" +
             long_remark +
             "'\n[calendar.b]\nical = '@gone.ics'\n[calendar.c]\nical = '@broken.ics'\n")
            .mistakes,
        ElementsAre(
            HasSubstr("f:2:9: calendar 'a': key 'dates': line 1: given \"someday\"; a day such as"),
            HasSubstr("f:3:8: calendar 'a': key 'ical': line 1: "),
            HasSubstr("f:4:10: calendar 'a': key 'remark': longer than 1024 characters"),
            HasSubstr("f:6:8: calendar 'b': key 'ical': gone.ics cannot be read: gone"),
            HasSubstr("f:8:8: calendar 'c': key 'ical', file 'broken.ics': line ")));
    EXPECT_THAT(read_job_file("[calendar.a]\ndates = '@x'\n", "f").mistakes,
                ElementsAre(HasSubstr("f:2:9: calendar 'a': key 'dates': line 1: given \"@x\"")));
}

TEST(CalendarFileTest, OfTheNodesCalendarsThoseThatSomebodyMadeAreLookedAt)
{
    const json::value list =
        json::parse(R"([{"name":"freeze","built_in":false},{"name":"holidays","built_in":false},)"
                    R"({"name":"workdays","built_in":true}])");
    EXPECT_THAT(made_calendars(list), ElementsAre("freeze", "holidays"));
    EXPECT_THAT(known_calendars({calendar("freeze", "fri"), calendar("new", "fri")}, list),
                ElementsAre("freeze"));
    EXPECT_EQ(
        calendar_of(json::parse(R"({"name":"a","dates":"fri","ical":"","remark":"x","events":0})")),
        calendar("a", "fri", "", "x"));
}

}  // namespace
}  // namespace peercron
