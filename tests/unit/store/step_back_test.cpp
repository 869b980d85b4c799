#include "store/step_back.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const WallTime t0 = from_unix_millis(1'795'219'200'000);

class StepBackTest : public ::testing::Test {
protected:
    StepBackTest()
    {
        order_.margin = 4s;
        order_.sets_plan = true;
        order_.limit = 100;
        facts_.now = t0;
    }

    void add_row(WallTime due)
    {
        const auto id = static_cast<std::int64_t>(facts_.early.size()) + 1;
        facts_.early.push_back({id, {1, due, 1}});
        facts_.newest = std::max(facts_.newest.value_or(due), due);
    }
    StepBackPlan plan() const { return plan_step_back(order_, facts_); }

    StepBack order_;
    StepBackFacts facts_;
};

TEST_F(StepBackTest, LeavesAPlanAloneThatIsAheadByTheMarginOrLess)
{
    facts_.planned_through = t0 + 4s;
    add_row(t0 + 4s);
    EXPECT_FALSE(plan().step);
    facts_.planned_through = t0 + 4001ms;
    EXPECT_TRUE(plan().sets_plan);
    ASSERT_TRUE(plan().step);
    EXPECT_EQ(plan().step->at, t0);
    EXPECT_EQ(plan().step->from, t0 + 4001ms);
    EXPECT_THAT(plan().moves, IsEmpty()) << "a node whose clock is a little ahead has run it";
}

TEST_F(StepBackTest, WhatFellDueMeanwhileIsNotMoved)
{
    // Found when the call was sent, and due by now: it took ten seconds to take effect.
    for (int i = 1; i <= 10; ++i) add_row(t0 + i * 1s);
    facts_.planned_through = t0 + 12s;
    facts_.now = t0 + 10s;
    EXPECT_FALSE(plan().step);
}

TEST_F(StepBackTest, MovesRunsToAboutWhenTheyRanAndBesideTheSecond)
{
    facts_.planned_through = t0 + 24h;
    add_row(t0 + 24h - 10s);
    add_row(t0 + 24h - 9s);
    add_row(t0 + 24h - 8500ms);  // a person asked for it
    const StepBackPlan back = plan();
    ASSERT_THAT(back.moves, SizeIs(3));
    EXPECT_EQ(back.ahead, 24h + 2s);
    EXPECT_EQ(back.moves[1].to - back.moves[0].to, 1s);
    EXPECT_EQ(back.moves[2].to, t0 - 10'500ms);
    for (const auto& move : back.moves) {
        EXPECT_LT(move.to, t0);
        EXPECT_GT(move.to, t0 - 15s);
        EXPECT_NE(move.to.time_since_epoch() % 1s, 0ms);
    }
}

TEST_F(StepBackTest, WhileThePlanStaysOnlyWhatIsBehindItIsMoved)
{
    order_.sets_plan = false;
    facts_.planned_through = t0 + 1h;
    add_row(t0 + 30min);
    EXPECT_FALSE(plan().step);
    add_row(t0 + 2h);
    const StepBackPlan back = plan();
    EXPECT_FALSE(back.sets_plan);
    ASSERT_THAT(back.moves, SizeIs(1));
    EXPECT_EQ(back.moves[0].row.id, 2);
}

TEST_F(StepBackTest, AStepThatTakesMoreThanOneCallMovesAllBySoMuch)
{
    facts_.planned_through = t0 + 1h;
    add_row(t0 + 1h - 2s);
    order_.begun = plan().step;
    facts_.planned_through = t0;
    facts_.early.clear();
    facts_.now = t0 + 5s;
    add_row(t0 + 1h - 1s);
    const StepBackPlan rest = plan();
    ASSERT_TRUE(rest.step);
    EXPECT_FALSE(rest.sets_plan);
    EXPECT_EQ(rest.step->at, t0);
    EXPECT_EQ(rest.step->moved, 1);
    EXPECT_EQ(rest.ahead, 1h + 2s);
}

}  // namespace
}  // namespace peercron
