#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// Midnight is that of a Saturday.
class TermCalendarTest : public TermTest {
protected:
    static Job every_second_in(std::vector<std::string> calendar)
    {
        Job job = every_second(1);
        job.calendar = std::move(calendar);
        return job;
    }
    /// From that moment on the calendar "freeze" says this.
    std::vector<JobId> put(std::string dates, WallTime from = {})
    {
        if (!calendars_.empty()) calendars_.back().ended_at = from;
        Calendar calendar;
        calendar.id = std::ssize(calendars_) + 1;
        calendar.name = "freeze";
        calendar.dates = std::move(dates);
        calendar.set_at = from;
        calendars_.push_back(calendar);
        return jobs_.put_calendars(Calendars::of(calendars_), {calendar.id, calendar.id - 1});
    }
    void plan_from(WallTime planned_through)
    {
        TermStart found;
        found.planned_through = planned_through;
        begin(found);
        connect(alpha);
    }

    std::vector<Calendar> calendars_;
};

TEST_F(TermCalendarTest, FiresThatAreExcludedShareARowWhichGrows)
{
    add(every_second_in({"workdays"}));
    begin();
    connect(alpha);
    const PlanStep first = step();
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
    EXPECT_EQ(first.runs[0].state, RunState::skipped);
    EXPECT_EQ(to_string(first.runs[0].reason), "calendar: not in workdays");
    EXPECT_EQ(first.runs[0].fires, 2);
    EXPECT_EQ(first.runs[0].gap_end, midnight + 2s);
    EXPECT_THAT(orders_, IsEmpty());

    pass_to(1s);
    const PlanStep second = step();
    ASSERT_THAT(second.runs, SizeIs(1));
    EXPECT_EQ(second.runs[0].id, fire(1, 1s));
    EXPECT_EQ(second.runs[0].fires, 3);
    EXPECT_EQ(second.planned_through, midnight + 3s);
}

TEST_F(TermCalendarTest, AnotherReasonIsAnotherRowAndWhatIsInAllRuns)
{
    put("2026-11-21T00:00:02..2026-11-21T00:00:03");
    add(every_second_in({"!freeze"}));
    begin();
    connect(alpha);
    const PlanStep first = step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 1s)));
    ASSERT_THAT(first.runs, SizeIs(2));
    pass_to(1s);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 3s)));
}

TEST_F(TermCalendarTest, DaysAreThoseOfTheJobsZone)
{
    Job job = every_second_in({"workdays"});
    job.time_zone = "America/New_York";  // where it is still Friday
    add(job);
    begin();
    connect(alpha);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 1s), fire(1, 2s)));
}

TEST_F(TermCalendarTest, AChangeOfACalendarTakesBackWhatItExcludes)
{
    add(every_second_in({"!freeze"}));
    EXPECT_THAT(put("12-24"), ElementsAre(1));
    begin();
    connect(alpha);
    take_back({});
    step();
    ASSERT_THAT(ordered(), SizeIs(2));
    at(500ms);
    const std::vector<JobId> concerned = put("sat", midnight + 500ms);
    EXPECT_THAT(concerned, ElementsAre(1));
    EXPECT_THAT(take_back(concerned), UnorderedElementsAre(fire(1, 1s), fire(1, 2s)));
    const PlanStep planned = step();
    ASSERT_THAT(planned.ended, SizeIs(2));
    for (const RunReport& end : planned.ended) {
        EXPECT_EQ(end.state, RunState::skipped);
        EXPECT_EQ(to_string(end.reason), "calendar: in freeze");
    }
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermCalendarTest, AChangeCountsFromItsMomentOn)
{
    put("12-24");
    put("sat", midnight + 2s);
    add(every_second_in({"!freeze"}));
    begin();
    connect(alpha);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 1s)));
}

TEST_F(TermCalendarTest, OnlyJobsThatNameItAreConcerned)
{
    add(every_second_in({"!other"}));
    Job second = every_second(2);
    second.calendar = {"freeze"};
    add(second);
    EXPECT_THAT(put("12-24"), ElementsAre(2));
    EXPECT_EQ(jobs_.calendar_stamp(), (CalendarStamp{1, 0}));
}

TEST_F(TermCalendarTest, AFireWithJitterGoesByItsOwnTime)
{
    // It starts some seconds later, when it would be excluded.
    put("2026-11-21T00:00:03..2026-11-22");
    Job job = every_second_in({"!freeze"});
    job.cron_set = "1 * * * * *";
    job.jitter = 20s;
    add(job);
    begin();
    Account account;
    account.known_fields = {"jitter"};
    connect(alpha, account);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].state, RunState::planned);
}

// Its job is changed before it starts: nobody would ask the calendars of the version before.
TEST_F(TermCalendarTest, ADelayedFireIsJudgedWhenACalendarChanges)
{
    Job job = every_second_in({"!freeze"});
    job.cron_set = "1 * * * * *";
    job.jitter = 50s;
    add(job);
    put("12-24");
    begin();
    Account account;
    account.known_fields = {"jitter"};
    connect(alpha, account);
    take_back({});
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    ASSERT_EQ(planned.runs[0].run_server, "") << "it starts later";
    at(500ms);
    take_back(put("sat", midnight + 500ms));
    const PlanStep changed = step();
    ASSERT_THAT(changed.ended, SizeIs(1));
    EXPECT_EQ(changed.ended[0].id, fire(1, 1s));
    EXPECT_EQ(to_string(changed.ended[0].reason), "calendar: in freeze");
}

TEST_F(TermCalendarTest, WhatAPersonAsksForRuns)
{
    add(every_second_in({"workdays"}));
    begin();
    connect(alpha);
    ASSERT_TRUE(term_->run_now(1, "ops", now_).has_value());
    step();
    EXPECT_THAT(ordered(), SizeIs(1));
}

TEST_F(TermCalendarTest, ANewDispatcherDoesNotCountWhatIsInARowOfTheOneBefore)
{
    Job job = every_second_in({"workdays"});
    job.effective_from = midnight - 3s;
    add(job);
    TermStart found;
    found.planned_through = midnight + 1s;
    found.skipped_lately = {{1, midnight - 9s, midnight}};
    begin(found);
    connect(alpha);
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, 1s));
    EXPECT_EQ(planned.runs[0].fires, 2);
}

TEST_F(TermCalendarTest, ANewDispatcherTakesBackWhatACalendarExcludesSince)
{
    put("sat");
    add(every_second_in({"!freeze"}));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    begin(found);
    EXPECT_THAT(changed_, ElementsAre(1));
}

TEST_F(TermCalendarTest, FiresThatNobodyPlannedAreMissedOnlyIfTheyAreNotExcluded)
{
    settings_.misfire_window = 60s;
    put("2026-11-20T22:30:00..2026-11-20T23:00:00");
    add(every_second_in({"!freeze"}));
    plan_from(midnight - 2h);
    const PlanStep planned = step();
    std::vector<PlannedRun> gaps;
    for (const PlannedRun& row : planned.runs) {
        if (row.state == RunState::skipped) gaps.push_back(row);
    }
    ASSERT_THAT(gaps, SizeIs(3));
    EXPECT_EQ(gaps[0].reason.cause, Cause::misfire);
    EXPECT_EQ(gaps[0].fires, 30 * 60 - 1);
    EXPECT_EQ(gaps[0].gap_end, midnight - 90min - 1s);
    EXPECT_EQ(to_string(gaps[1].reason), "calendar: in freeze");
    EXPECT_EQ(gaps[1].id, fire(1, -90min));
    EXPECT_EQ(gaps[1].fires, 30 * 60);
    EXPECT_EQ(gaps[2].reason.cause, Cause::misfire);
    EXPECT_EQ(gaps[2].id, fire(1, -60min));
}

TEST_F(TermCalendarTest, TheNewestMissedFireThatRunsIsNotAnExcludedOne)
{
    put("2026-11-20T23:30:00..2026-11-21T06:00:00");
    Job job = every_second_in({"!freeze"});
    job.cron_set = "0 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    job.misfire_window = 0s;
    add(job);
    plan_from(midnight - 1h);
    const PlanStep planned = step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, -31min)));
    std::int64_t excluded = 0;
    std::int64_t missed = 0;
    for (const PlannedRun& row : planned.runs) {
        if (row.reason.cause == Cause::calendar) excluded += row.fires;
        if (row.reason.cause == Cause::misfire_policy) missed += row.fires;
    }
    EXPECT_EQ(missed, 28);
    EXPECT_EQ(excluded, 31);
}

TEST_F(TermCalendarTest, ALongGapIsAtMostTwentyRows)
{
    Job job = every_second_in({"workdays"});
    job.cron_set = "0 0 12 * * *";
    job.misfire_policy = Misfire::skip;
    add(job);
    plan_from(midnight - 365 * 24h);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(20));
    std::int64_t fires = 0;
    for (const PlannedRun& row : planned.runs) fires += row.fires;
    EXPECT_EQ(fires, 365);
    EXPECT_EQ(planned.runs.front().reason.cause, Cause::misfire_policy);
}

TEST_F(TermCalendarTest, EachFireThatOthersFollowHasARow)
{
    Job parent = every_second_in({"workdays"});
    parent.name = "extract";
    add(parent);
    Job child;
    child.id = 2;
    child.command = "true";
    child.run_after = {"extract"};
    add(child);
    begin();
    connect(alpha);
    const PlanStep planned = step();
    std::vector<RunId> rows;
    for (const PlannedRun& row : planned.runs) {
        rows.push_back(row.id);
        EXPECT_EQ(row.fires, 1);
        EXPECT_EQ(row.reason.cause, row.id.job == 1 ? Cause::calendar : Cause::parent);
    }
    EXPECT_THAT(rows, UnorderedElementsAre(fire(1, 1s), fire(1, 2s), fire(2, 1s), fire(2, 2s)));
    EXPECT_THAT(orders_, IsEmpty());
}

/// Found by the simulation.
TEST_F(TermCalendarTest, WhatWasSkippedWithARowOfItsOwnIsNotPlannedAgainByAChange)
{
    put("sat");
    Job parent = every_second_in({"!freeze"});
    parent.name = "extract";
    add(parent);
    Job child;
    child.id = 2;
    child.command = "true";
    child.run_after = {"extract"};
    add(child);
    begin();
    connect(alpha);
    step();
    at(500ms);
    take_back(put("12-24", midnight + 500ms));
    const PlanStep planned = step();
    EXPECT_THAT(planned.runs, IsEmpty());
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermCalendarTest, AFireAfterOthersIsExcludedByItsOwnCalendars)
{
    Job parent = every_second(1);
    parent.name = "extract";
    parent.cron_set = "1 * * * * *";
    add(parent);
    Job child;
    child.id = 2;
    child.command = "true";
    child.run_after = {"extract"};
    child.calendar = {"workdays"};
    add(child);
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(ordered(), ElementsAre(fire(1, 1s)));
    pass_to(10s);
    report(alpha, fire(1, 1s), RunState::success);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(2, 1s));
    EXPECT_EQ(to_string(planned.runs[0].reason), "calendar: not in workdays");
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermCalendarTest, AnOldVersionIsPlannedByItsOwnCalendars)
{
    Job old = every_second_in({"workdays"});
    old.effective_from = midnight - 1h;
    Job now = every_second(1);
    now.effective_from = midnight + 1500ms;
    add(now);
    TermStart found;
    found.planned_through = midnight;
    Revision before;
    before.job = 1;
    before.effective_from = old.effective_from;
    before.after = old;
    Revision change = before;
    change.before = old;
    change.after = now;
    change.effective_from = now.effective_from;
    found.changes = {change};
    at(1500ms);
    begin(found);
    connect(alpha);
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(3));
    EXPECT_EQ(planned.runs.back().id, fire(1, 1s));
    EXPECT_EQ(planned.runs.back().reason.cause, Cause::calendar);
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 2s), fire(1, 3s)));
}

}  // namespace
}  // namespace peercron
