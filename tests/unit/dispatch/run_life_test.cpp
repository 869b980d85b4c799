#include "dispatch/run_life.hpp"

#include "book_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using RunLifeTest = BookTest;

const Reason died{Cause::node_died, "it died"};

TEST_F(RunLifeTest, WhatEndsIsOpenNoMoreAndItsRowSaysSo)
{
    life_.end_here(open(fire(1s)), RunState::killed, Reason{Cause::on_request, "by a person"},
                   midnight);
    EXPECT_FALSE(book_.runs.contains(fire(1s)));
    EXPECT_TRUE(book_.ended_lately.contains(fire(1s)));
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].id, fire(1s));
    EXPECT_EQ(ended.ended[0].state, RunState::killed);
    EXPECT_TRUE(book_.redelivery.is_empty());
}

TEST_F(RunLifeTest, WhatIsLostMayRunAgainUnlessItHasANextAttemptOrWasTakenBack)
{
    life_.end_here(open(fire(1s)), RunState::lost, died, midnight);
    EXPECT_THAT(book_.redelivery.take(), ElementsAre(std::pair(fire(1s), "")));
    const auto superseded = open(fire(2s));
    superseded->second.superseded = true;
    life_.end_here(superseded, RunState::lost, died, midnight);
    const auto unwanted = open(fire(3s));
    unwanted->second.unwanted = true;
    life_.end_here(unwanted, RunState::lost, died, midnight);
    EXPECT_TRUE(book_.redelivery.is_empty());
}

TEST_F(RunLifeTest, WhatIsReleasedWaitsForANodeIfItsJobStillFiresThen)
{
    life_.release(open(fire(1s)));
    ASSERT_TRUE(book_.runs.contains(fire(1s)));
    EXPECT_EQ(book_.runs.at(fire(1s)).node(), "");
    EXPECT_THAT(book_.unplaced, ElementsAre(fire(1s)));
    life_.place_waiting(now_);
    EXPECT_THAT(book_.unplaced, ElementsAre(fire(1s))) << "no node can take it";
    life_.end_taken_back(now_);
    EXPECT_THAT(step().ended, IsEmpty());
}

TEST_F(RunLifeTest, WhatIsReleasedAndNotDueAnyMoreEndsAsRevoked)
{
    jobs_.erase(1);
    life_.release(open(fire(1s)));
    EXPECT_FALSE(book_.runs.contains(fire(1s)));
    EXPECT_THAT(step().ended, IsEmpty()) << "its job may fire then after all";
    life_.end_taken_back(now_);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::revoked);
}

TEST_F(RunLifeTest, BeforeTheTermHasBegunNothingIsTakenBack)
{
    book_.has_begun = false;
    jobs_.erase(1);
    life_.release(open(fire(1s)));
    EXPECT_TRUE(book_.runs.contains(fire(1s)));
}

TEST_F(RunLifeTest, TheAttemptBeforeTheNextOneIsTheLastNoMore)
{
    const auto first = open(fire(1s));
    life_.note_next_attempt(fire(1s, 2));
    EXPECT_TRUE(first->second.superseded);
    EXPECT_FALSE(book_.is_fire_open(fire(1s)));
}

}  // namespace
}  // namespace peercron
