#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
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

class TermPauseTest : public TermTest {
protected:
    static Pause pause(std::chrono::milliseconds from,
                       std::optional<std::chrono::milliseconds> until)
    {
        Pause pause;
        pause.id = 1;
        pause.begins_at = midnight + from;
        if (until) pause.until = midnight + *until;
        pause.reason = "db upgrade";
        pause.made_by = "ops";
        return pause;
    }
    static Job after(JobId id, std::string parent)
    {
        Job job;
        job.id = id;
        job.name = "after " + parent;
        job.command = "true";
        job.run_after = {std::move(parent)};
        return job;
    }
    void put(Pause pause) { jobs_.put_pauses({std::move(pause)}); }

    /// As the dispatcher does when the pauses have changed.
    void take_back()
    {
        std::map<NodeName, std::vector<RunId>> handed;
        term_->add_paused(handed, now_);
        std::vector<RunId> back;
        for (const auto& [node, runs] : handed) back.insert(back.end(), runs.begin(), runs.end());
        taken_back_ = back;
        term_->jobs_changed({}, back, now_);
    }

    std::vector<RunId> taken_back_;
};

TEST_F(TermPauseTest, WhatIsDueInAPauseSharesARowWhichGrows)
{
    add(every_second(1));
    put(pause(-10s, 1h));
    begin();
    connect(alpha);
    const PlanStep first = step();
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
    EXPECT_EQ(first.runs[0].state, RunState::skipped);
    EXPECT_EQ(to_string(first.runs[0].reason), "paused: db upgrade (ops)");
    EXPECT_EQ(first.runs[0].fires, 2);
    EXPECT_EQ(first.runs[0].gap_end, midnight + 2s);
    EXPECT_THAT(orders_, IsEmpty());

    pass_to(1s);
    const PlanStep second = step();
    ASSERT_THAT(second.runs, SizeIs(1));
    EXPECT_EQ(second.runs[0].id, fire(1, 1s));
    EXPECT_EQ(second.runs[0].fires, 3);
    EXPECT_EQ(second.runs[0].gap_end, midnight + 3s);
    EXPECT_EQ(second.planned_through, midnight + 3s);
}

TEST_F(TermPauseTest, ItEndsByItselfAtItsSecond)
{
    add(every_second(1));
    put(pause(-10s, 2s));
    begin();
    connect(alpha);
    const PlanStep planned = step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 2s)));
    ASSERT_THAT(planned.runs, SizeIs(2));
    EXPECT_EQ(planned.planned_through, midnight + 2s);
}

TEST_F(TermPauseTest, OnlyJobsThatItIsOfAreHeld)
{
    Job tagged = every_second(2);
    tagged.tags = {"db"};
    add(every_second(1));
    add(tagged);
    Pause of_tag = pause(-10s, 1h);
    of_tag.tag = "db";
    put(of_tag);
    begin();
    connect(alpha);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 1s), fire(1, 2s)));
}

TEST_F(TermPauseTest, WhatWasHandedOutIsTakenBackAndItsRowSaysWhy)
{
    add(every_second(1));
    begin();
    connect(alpha);
    take_back();
    step();
    ASSERT_THAT(ordered(), SizeIs(2));
    at(500ms);
    EXPECT_FALSE(term_->has_new_pauses());
    put(pause(500ms, 1h));
    EXPECT_TRUE(term_->has_new_pauses());
    take_back();
    EXPECT_THAT(taken_back_, ::testing::UnorderedElementsAre(fire(1, 1s), fire(1, 2s)));
    EXPECT_FALSE(term_->has_new_pauses());
    const PlanStep planned = step();
    ASSERT_THAT(planned.ended, SizeIs(2));
    EXPECT_EQ(planned.ended[0].id, fire(1, 1s));
    EXPECT_EQ(planned.ended[0].state, RunState::skipped);
    EXPECT_EQ(to_string(planned.ended[0].reason), "paused: db upgrade (ops)");
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermPauseTest, WhatIsAboutToBeSentStays)
{
    add(every_second(1));
    begin();
    connect(alpha);
    take_back();
    at(500ms);
    const PlanStep planned = term_->step(now_);
    EXPECT_THAT(planned.runs, SizeIs(2));
    put(pause(500ms, 1h));
    take_back();
    EXPECT_THAT(taken_back_, IsEmpty());
    const PlanStep next = step();
    EXPECT_THAT(orders_, IsEmpty());
    EXPECT_THAT(next.ended, SizeIs(2));
}

TEST_F(TermPauseTest, WhatWasDueBeforeItAndCouldNotStartDoesNot)
{
    add(every_second(1));
    begin();
    const PlanStep planned = step();  // there is no node
    ASSERT_THAT(planned.runs, SizeIs(2));
    put(pause(3s, 1h));
    at(3s);
    connect(alpha);
    take_back();
    const PlanStep next = step();
    EXPECT_THAT(orders_, IsEmpty());
    ASSERT_THAT(next.ended, SizeIs(2));
    EXPECT_EQ(next.ended[0].id, fire(1, 1s));
    EXPECT_EQ(next.ended[0].reason.cause, Cause::paused);
}

TEST_F(TermPauseTest, WhatAPersonAsksForRuns)
{
    add(every_second(1));
    put(pause(-10s, 1h));
    begin();
    connect(alpha);
    ASSERT_TRUE(term_->run_now(1, "ops", now_).has_value());
    step();
    EXPECT_THAT(ordered(), SizeIs(1));
}

TEST_F(TermPauseTest, ANewDispatcherBeginsAnotherRow)
{
    add(every_second(1));
    put(pause(-1h, 1h));
    TermStart found;
    found.planned_through = midnight - 5s;
    begin(found);
    connect(alpha);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, -4s));
    EXPECT_EQ(planned.runs[0].fires, 7);
    EXPECT_EQ(planned.runs[0].gap_end, midnight + 2s);
}

TEST_F(TermPauseTest, ANewDispatcherDoesNotCountWhatIsInARowOfTheOneBefore)
{
    Job job = every_second(1);
    job.effective_from = midnight - 3s;
    add(job);
    put(pause(-1h, 1h));
    TermStart found;
    found.planned_through = midnight + 1s;
    found.skipped_lately = {{1, midnight - 9s, midnight}};
    begin(found);
    connect(alpha);
    // It was changed lately, and is planned again from then on.
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, 1s));
    EXPECT_EQ(planned.runs[0].fires, 2);
}

TEST_F(TermPauseTest, WhatTheOneBeforeHasSkippedDoesNotRunWhenThePauseIsEnded)
{
    Job job = every_second(1);
    job.effective_from = midnight - 3s;
    add(job);
    TermStart found;
    found.planned_through = midnight + 1s;
    found.skipped_lately = {{1, midnight - 9s, midnight + 1s}};
    begin(found);
    connect(alpha);
    term_->jobs_changed(changed_, {}, now_);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 2s)));
}

TEST_F(TermPauseTest, ARowByAClockThatWasAheadHoldsNothingBehindThePlan)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight;
    found.skipped_lately = {{1, midnight - 9s, midnight + 24h}};
    begin(found);
    connect(alpha);
    step();
    EXPECT_THAT(ordered(), ElementsAre(fire(1, 1s), fire(1, 2s)));
}

TEST_F(TermPauseTest, EachFireThatOthersFollowHasARow)
{
    Job parent = every_second(1);
    parent.name = "extract";
    add(parent);
    add(after(2, "extract"));
    put(pause(-10s, 1h));
    begin();
    connect(alpha);
    const PlanStep planned = step();
    std::vector<RunId> rows;
    for (const PlannedRun& row : planned.runs) {
        rows.push_back(row.id);
        EXPECT_EQ(row.fires, 1);
        EXPECT_EQ(row.state, RunState::skipped);
        EXPECT_EQ(row.reason.cause, row.id.job == 1 ? Cause::paused : Cause::parent);
    }
    EXPECT_THAT(rows, UnorderedElementsAre(fire(1, 1s), fire(1, 2s), fire(2, 1s), fire(2, 2s)));
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermPauseTest, AFireAfterOthersThatAreOverInAPauseDoesNotStart)
{
    Job parent = every_second(1);
    parent.name = "extract";
    parent.cron_set = "1 * * * * *";
    add(parent);
    add(after(2, "extract"));
    Pause of_child = pause(5s, 1h);
    of_child.job = 2;
    put(of_child);
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(ordered(), ElementsAre(fire(1, 1s)));
    pass_to(1s);
    report(alpha, fire(1, 1s), RunState::running);
    pass_to(10s);
    report(alpha, fire(1, 1s), RunState::success);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(2, 1s));
    EXPECT_EQ(to_string(planned.runs[0].reason), "paused: db upgrade (ops)");
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermPauseTest, WhatRunsAfterARunByHandRunsInAPause)
{
    Job parent = every_second(1);
    parent.name = "extract";
    parent.cron_set = "0 0 0 1 1 *";
    add(parent);
    add(after(2, "extract"));
    put(pause(-10s, 1h));
    begin();
    connect(alpha);
    const auto run = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(run.has_value());
    step();
    EXPECT_THAT(ordered(), ElementsAre(*run));
    report(alpha, *run, RunState::success);
    step();
    EXPECT_THAT(ordered(), ElementsAre(RunId{2, run->scheduled_at, 1}));
}

TEST_F(TermPauseTest, AGapThatNobodyPlannedInAPauseIsNotMissed)
{
    add(every_second(1));
    put(pause(-2h, 1h));
    TermStart found;
    found.planned_through = midnight - 1h;
    begin(found);
    connect(alpha);
    const PlanStep planned = step();
    ASSERT_FALSE(planned.runs.empty());
    EXPECT_EQ(planned.runs[0].fires, 3539);
    EXPECT_EQ(planned.runs[0].reason.cause, Cause::paused);
}

TEST_F(TermPauseTest, AChangeOfTheJobBeginsAnotherRow)
{
    add(every_second(1));
    put(pause(-10s, 1h));
    begin();
    connect(alpha);
    take_back();
    step();
    pass_to(2s);
    Job changed = every_second(1);
    changed.command = "false";
    changed.effective_from = now_.wall;
    add(changed);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, 3s));
    EXPECT_EQ(planned.runs[0].fires, 2);
}

TEST_F(TermPauseTest, ARowGoesOnForADayAtMost)
{
    Job hourly;
    hourly.id = 1;
    hourly.cron_set = "0 0 * * * *";
    hourly.command = "true";
    add(hourly);
    put(pause(-1h, std::nullopt));
    begin();
    connect(alpha);
    std::vector<PlannedRun> rows;
    for (int hour = 1; hour <= 30; ++hour) {
        pass_to(hour * 1h);
        for (const PlannedRun& row : step().runs) {
            if (!rows.empty() && rows.back().id == row.id) rows.pop_back();
            rows.push_back(row);
        }
    }
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].fires, 24);
    EXPECT_EQ(rows[1].id, fire(1, 25h));
    EXPECT_EQ(rows[1].fires, 6);
}

}  // namespace
}  // namespace peercron
