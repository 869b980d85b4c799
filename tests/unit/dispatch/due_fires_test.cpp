#include "dispatch/due_fires.hpp"

#include "book_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class DueFiresTest : public BookTest {
protected:
    DueFiresTest() { book_.planner.reset(1, midnight); }

    void at(std::chrono::milliseconds after_midnight) { now_.wall = midnight + after_midnight; }
    void plan() { book_.planned_through = due_fires_.plan(now_.wall, now_); }
    /// Why the only gap is there.
    Cause cause_of_gap()
    {
        due_fires_.plan_gaps(now_);
        const std::vector<PlannedRun> rows = step().runs;
        EXPECT_THAT(rows, SizeIs(1));
        return rows.empty() ? Cause::none : rows[0].reason.cause;
    }

    DueFires due_fires_{book_, life_};
};

TEST_F(DueFiresTest, EachFireHasOneRow)
{
    at(2s);
    plan();
    EXPECT_EQ(book_.planned_through, midnight + 2s);
    EXPECT_THAT(step().runs, SizeIs(2));
    book_.planner.reset(1, midnight);
    at(3s);
    plan();
    EXPECT_THAT(step().runs, SizeIs(1)) << "the first two are open";
}

TEST_F(DueFiresTest, TooManyForOneStepAreLeftForTheNext)
{
    settings_.misfire_window = 0ms;
    at(3h);
    plan();
    EXPECT_THAT(step().runs, SizeIs(most_fires));
    EXPECT_EQ(book_.planned_through, midnight + 10'001s - 1ms) << "all before the next fire";
    plan();
    EXPECT_EQ(book_.planned_through, now_.wall);
}

TEST_F(DueFiresTest, WhatAHeldPlanMissesIsForOverloadUntilAllOfItIsPlanned)
{
    due_fires_.hold(true);
    EXPECT_TRUE(due_fires_.is_held());
    due_fires_.hold(false);
    at(5min);
    EXPECT_EQ(cause_of_gap(), Cause::overload);
    plan();
    step();
    at(10min);
    EXPECT_EQ(cause_of_gap(), Cause::misfire) << "that is over";
}

TEST_F(DueFiresTest, OfMissedFiresThatHaveRowsThereIsNoGap)
{
    settings_.misfire_window = 1s;
    book_.ended_lately.add(fire(1s));
    at(3500ms);
    due_fires_.plan_gaps(now_);
    const std::vector<PlannedRun> rows = step().runs;
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].id, fire(2s));
    book_.ended_lately.add(fire(2s));
    book_.planner.reset(1, midnight);
    due_fires_.plan_gaps(now_);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(DueFiresTest, AFireThatWasTakenBackAndStillComesKeepsItsRow)
{
    jobs_.erase(1);
    life_.release(open(fire(1s)));
    jobs_.put(every_second(1), midnight - 1h);
    book_.planner.reset(1, midnight);
    at(1s);
    plan();
    life_.end_taken_back(now_);
    const PlanStep planned = step();
    EXPECT_THAT(planned.runs, IsEmpty());
    EXPECT_THAT(planned.ended, IsEmpty());
    EXPECT_TRUE(book_.runs.contains(fire(1s)));
}

}  // namespace
}  // namespace peercron
