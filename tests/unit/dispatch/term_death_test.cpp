#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(TermTest, ADeadNodesFutureFiresMoveAndItsOthersAreLost)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    report(alpha, fire(1, 1s), RunState::running);
    connect(beta);
    at(1500ms);
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(to_string(after.ended[0].reason), StartsWith("node-died"));
    ASSERT_THAT(after.moved, SizeIs(1));
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
    EXPECT_EQ(after.moved[0].run_server, beta);
}

TEST_F(TermTest, ANodeDiedNotBeforeItWasLastHeard)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    at(1100ms);
    report(alpha, fire(9, 1s), RunState::running);  // it lives
    connect(beta);
    at(1200ms);
    term_->disconnected(alpha, now_);
    died(alpha, midnight - 10s);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1)) << "it may have run the fire of 1 s";
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

TEST_F(TermTest, WhatAProcessHeldThatHadASuccessorIsLostUpToWhenThatListened)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    at(1900ms);
    connect(beta);
    term_->disconnected(alpha, now_);
    // The process that is dead now had listened from 1.2 s on, and was never heard here.
    const SteadyTime midnight_steady = now_.steady - 1900ms;
    term_->died(alpha, Death{2, midnight_steady + 1200ms, midnight_steady + 1700ms}, now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1)) << "the first process may have run it";
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    ASSERT_THAT(after.moved, SizeIs(1)) << "and never this one";
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ADeathThatIsToldLateIsDatedToWhenItWas)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(900ms);
    term_->disconnected(alpha, now_);
    at(1900ms);  // the warden could not be asked for a second
    connect(beta);
    died(alpha, midnight + 900ms);
    const PlanStep after = step();
    EXPECT_THAT(after.ended, IsEmpty());
    EXPECT_THAT(after.moved, SizeIs(2));
}

TEST_F(TermTest, AConnectionThatWasLostLongBeforeSaysNothingAboutWhenItsNodeDied)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    connect(beta);
    at(900ms);
    term_->disconnected(alpha, now_);  // reset by something on the way
    at(1200ms);                        // alpha has started the first one, and died since
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(after.moved, SizeIs(1));
}

TEST_F(TermTest, AFireThatWasDueWhenItsNodeDiedIsLostNotRunAgain)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    connect(beta);
    at(1100ms);  // the first one is due, and nothing was heard of it
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    ASSERT_THAT(after.moved, SizeIs(1));
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ASilentNodeKeepsItsRunsUntilItIsGone)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    connect(beta);
    at(5s);
    term_->disconnected(alpha, now_);
    connect(beta);
    PlanStep waiting = step();
    EXPECT_THAT(waiting.moved, IsEmpty());
    EXPECT_THAT(waiting.ended, IsEmpty());
    at(20s);  // longer than lease and margin, but Consul still knows it
    connect(beta);
    EXPECT_THAT(step().ended, IsEmpty());
    term_->registry({beta}, now_);  // not for long enough yet
    EXPECT_THAT(step().ended, IsEmpty());
    at(33s);
    connect(beta);
    const PlanStep gone = step();
    ASSERT_THAT(gone.ended, SizeIs(2));
    for (const RunReport& ended : gone.ended) EXPECT_EQ(ended.state, RunState::lost);
}

TEST_F(TermTest, ANodeThatIsGivenUpIsToldSoInCaseItStandsStillAndItsConnectionDoesNotEnd)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->registry({}, now_);
    at(20s);
    const PlanStep gone = step();
    ASSERT_THAT(gone.ended, SizeIs(2));
    ASSERT_THAT(revokes_, SizeIs(1)) << "what runs there, it will tell";
    EXPECT_EQ(revokes_[0], std::pair(alpha, fire(1, 2s)));
}

TEST_F(TermTest, ANodeThatComesBackWithARunGivenUpMustNotStartIt)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const RunOrder held = orders_[0].second;
    term_->disconnected(alpha, now_);
    term_->registry({}, now_);
    at(20s);
    step();  // lost
    Account back;
    back.held.push_back(held);
    connect(alpha, back);
    step();
    ASSERT_THAT(revokes_, SizeIs(1));
    EXPECT_EQ(revokes_[0].second, held.id);
}

TEST_F(TermTest, ARestartedNodeIsADeadOne)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    at(1500ms);
    Account fresh;
    fresh.uptime = 100ms;
    connect(alpha, fresh, 2);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(after.moved, SizeIs(1));
}

TEST_F(TermTest, WhatWasCommittedWhileItsNodeWasLostGoesToAnother)
{
    add(every_second(1));
    begin();
    connect(alpha);
    const PlanStep planned = term_->step(now_);
    ASSERT_THAT(planned.runs, SizeIs(2));
    term_->disconnected(alpha, now_);  // while the store is at work; and it is greeted again
    EXPECT_THAT(term_->messages(now_), IsEmpty());
    connect(beta);
    EXPECT_THAT(step().moved, SizeIs(2));
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].first, beta);
    connect(alpha);
    EXPECT_FALSE(term_->has_doubts());
}

TEST_F(TermTest, WhoIsMissingInAnOldListOfTheRegistryIsNotGivenUp)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1s);
    term_->registry({beta}, now_);
    term_->registry_seen(now_.steady);
    at(20s);
    EXPECT_THAT(term_->step(now_).ended, IsEmpty());
    term_->registry_seen(now_.steady);
    EXPECT_THAT(term_->step(now_).ended, SizeIs(2));
}

TEST_F(TermTest, ABeatRenewsNothingForANodeThatIsNotHeard)
{
    begin();
    EXPECT_FALSE(term_->hears(alpha, now_));
    connect(alpha);
    EXPECT_TRUE(term_->hears(alpha, now_));
    at(800ms);
    EXPECT_FALSE(term_->hears(alpha, now_));
}

TEST_F(TermTest, KnowsWhoHasGivenItsAccountOnTheConnectionThatThereIs)
{
    begin();
    EXPECT_FALSE(term_->accounted(alpha));
    connect(alpha);
    EXPECT_TRUE(term_->accounted(alpha));
    term_->disconnected(alpha, now_);
    EXPECT_FALSE(term_->accounted(alpha));
}

TEST_F(TermTest, ShowsNoNodeThatOnlyAnEarlierDispatcherHasSeen)
{
    begin();
    connect(alpha);
    Roster told;
    told.by = alpha;
    for (const NodeName& name : {alpha, beta}) {
        NodeLoad load;
        load.node = name;
        load.clock_known = true;
        told.nodes.push_back(load);
    }
    term_->learn_clocks(told, now_);
    term_->registry({alpha}, now_);
    const std::vector<NodeLoad> loads = term_->loads(now_);
    ASSERT_THAT(loads, SizeIs(1));
    EXPECT_EQ(loads[0].node, alpha);
}

}  // namespace
}  // namespace peercron
