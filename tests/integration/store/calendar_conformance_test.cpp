#include "integration/store/store_fixture.hpp"
#include "store/calendar_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

// What the part of every store that is about calendars promises (store/calendar_store.hpp), and
// which rows of skipped fires a new dispatcher finds.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::node_1;
using testing::planned;
using ::testing::SizeIs;
using testing::step;
using testing::t0;

class CalendarStoreTest : public testing::StoreFixture {
protected:
    CalendarStoreTest() { store_->begin_term(1, node_1); }

    CalendarStore& calendars() { return store_->calendars(); }

    static Calendar calendar(std::string name, WallTime at)
    {
        Calendar calendar;
        calendar.name = std::move(name);
        calendar.remark = "it's \"quoted\" \\ 😀";
        calendar.dates = "12-24\n# Weihnachten, für alle";
        calendar.ical = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
        calendar.set_by = "ops at 10.0.0.7";
        calendar.set_at = at;
        return calendar;
    }
    JobId add_job(std::vector<std::string> names)
    {
        Job job;
        job.cron_set = "* * * * * *";
        job.command = "true";
        job.calendar = std::move(names);
        return store_->add_job(job, t0).id;
    }
};

TEST_P(CalendarStoreTest, AChangeEndsWhatTheCalendarSaidAndKeepsIt)
{
    EXPECT_EQ(calendars().calendar_stamp(), CalendarStamp());
    Calendar first = calendars().put_calendar(calendar("freeze", t0));
    const CalendarStamp one = calendars().calendar_stamp();
    Calendar changed = calendar("freeze", t0 + 1h);
    changed.dates = "12-25";
    changed = calendars().put_calendar(changed);
    const Calendar other = calendars().put_calendar(calendar("Freeze", t0));
    EXPECT_NE(calendars().calendar_stamp(), one);

    first.ended_at = t0 + 1h;
    first.ended_by = changed.set_by;
    EXPECT_THAT(calendars().versions_of("freeze"), ElementsAre(first, changed));
    EXPECT_THAT(calendars().calendars_after(t0 + 1h - 1ms), ElementsAre(first, changed, other));
    EXPECT_THAT(calendars().calendars_after(t0 + 1h), ElementsAre(changed, other));
}

TEST_P(CalendarStoreTest, ADeletedCalendarStaysInTheHistory)
{
    const Calendar there = calendars().put_calendar(calendar("freeze", t0));
    const CalendarStamp before = calendars().calendar_stamp();
    const auto ended = calendars().end_calendar("freeze", t0 + 1min, "ann");
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->id, there.id);
    EXPECT_EQ(ended->ended_by, "ann");
    EXPECT_NE(calendars().calendar_stamp(), before);
    EXPECT_FALSE(calendars().end_calendar("freeze", t0 + 2min, "ann").has_value());
    EXPECT_THAT(calendars().versions_of("freeze"), ElementsAre(*ended));
    EXPECT_THAT(calendars().calendars_after(t0 + 1min), IsEmpty());
}

/// Its calendars are asked again when it starts.
TEST_P(CalendarStoreTest, WhatAFireWithTheLongestJitterAsksIsOfThePlan)
{
    calendars().put_calendar(calendar("freeze", t0 - 1h));
    calendars().put_calendar(calendar("freeze", t0));
    store_->commit(step(1, t0 + 24h, {}));
    EXPECT_THAT(calendars().calendars_of_plan(), SizeIs(2));
}

/// It has the moment of those, which are looked for that far back.
TEST_P(CalendarStoreTest, WhatAFireAfterOthersAsksIsOfThePlan)
{
    calendars().put_calendar(calendar("freeze", t0 - 1h));
    calendars().put_calendar(calendar("freeze", t0));
    store_->commit(step(1, t0 + std::chrono::days(31), {}));
    EXPECT_THAT(calendars().calendars_of_plan(), SizeIs(2));
}

TEST_P(CalendarStoreTest, WhatIsStillToBePlannedAsksNoOlderOne)
{
    calendars().put_calendar(calendar("freeze", t0 - 1h));
    calendars().put_calendar(calendar("freeze", t0));
    store_->commit(step(1, t0 + plan_asks_calendars_back - 1ms, {}));
    EXPECT_THAT(calendars().calendars_of_plan(), SizeIs(2));
    store_->commit(step(1, t0 + plan_asks_calendars_back, {}));
    EXPECT_THAT(calendars().calendars_of_plan(), SizeIs(1));
}

TEST_P(CalendarStoreTest, TellsWhichJobsNameCalendars)
{
    add_job({});
    const JobId job = add_job({"workdays", "!freeze"});
    const auto users = calendars().calendar_users();
    ASSERT_THAT(users, SizeIs(1));
    EXPECT_EQ(users[0].job, job);
    EXPECT_EQ(users[0].calendar, (std::vector<std::string>{"workdays", "!freeze"}));
}

TEST_P(CalendarStoreTest, ANewDispatcherLearnsWhatSharesARowOfAJobThatWasChangedLately)
{
    const JobId job = add_job({"workdays"});
    PlannedRun row = planned(job, t0 - 1h);
    row.state = RunState::skipped;
    row.run_server.clear();
    row.reason = parse_reason("calendar: not in workdays");
    row.fires = 3601;
    row.gap_end = t0;
    store_->commit(step(1, t0, {row}));
    EXPECT_THAT(store_->begin_term(2, node_1).skipped_lately,
                ElementsAre(SkippedSpan{job, t0 - 10s, t0}));
}

INSTANTIATE_TEST_SUITE_P(Conformance, CalendarStoreTest,
                         ::testing::ValuesIn(testing::store_kinds()), testing::name_of);

}  // namespace
}  // namespace peercron
