#include "book_fixture.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using TermBookTest = BookTest;

TEST_F(TermBookTest, AFireIsOpenWhileAnAttemptIsThatWasNotGivenUp)
{
    EXPECT_FALSE(book_.is_fire_open(fire(1s)));
    const auto run = open(fire(1s));
    EXPECT_TRUE(book_.is_fire_open(fire(1s, 2))) << "whichever of its attempts is named";
    EXPECT_FALSE(book_.is_fire_open(fire(2s)));
    run->second.superseded = true;
    EXPECT_FALSE(book_.is_fire_open(fire(1s)));
    book_.waiting.add({fire(1s, 2), midnight + 1min, midnight, ""});
    EXPECT_TRUE(book_.is_fire_open(fire(1s)));
}

TEST_F(TermBookTest, FreeIdentitiesAreAtNoWholeSecondAndTakenByNone)
{
    EXPECT_EQ(book_.free_id(1, midnight), fire(1ms));
    EXPECT_EQ(book_.free_id(1, midnight + 500ms), fire(500ms));
    open(fire(500ms));
    book_.ended_lately.add(fire(501ms));
    EXPECT_EQ(book_.free_id(1, midnight + 500ms), fire(502ms));
}

TEST_F(TermBookTest, EarlyIsWhatNeitherThePlanNorThisClockReaches)
{
    book_.planned_through = midnight + 2s;
    EXPECT_FALSE(book_.is_early(fire(6s), now_));
    EXPECT_TRUE(book_.is_early(fire(6001ms), now_));
    EXPECT_FALSE(book_.is_early(fire(16s, 2), now_)) << "the fire gets no other attempt";
    EXPECT_TRUE(book_.is_early(fire(16001ms, 2), now_));
    now_.wall += 10s;
    EXPECT_FALSE(book_.is_early(fire(14s), now_));
}

TEST_F(TermBookTest, ANodeHoldsWhatItHasAndHasNotStartedUnlessItDoesNotKnowIt)
{
    const auto run = open(fire(1s));
    EXPECT_TRUE(book_.is_held(run->second));
    book_.doubts.add(fire(1s));
    EXPECT_FALSE(book_.is_held(run->second));
    EXPECT_FALSE(book_.is_held(open(fire(2s), RunPhase::placed)->second));
    EXPECT_FALSE(book_.is_held(open(fire(3s), RunPhase::running)->second));
}

TEST_F(TermBookTest, ChangesAreUnreadForFiveMinutesAtMost)
{
    EXPECT_EQ(book_.first_unread(midnight + 1min), midnight);
    EXPECT_EQ(book_.first_unread(midnight + 6min), midnight + 1min);
    EXPECT_EQ(book_.first_unread(midnight - 1min), midnight - 1min) << "the clock was set back";
}

}  // namespace
}  // namespace peercron
