#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(TermTest, PlansNothingTwiceWhenTheClockIsSetBack)
{
    add(every_second(1));
    begin();
    connect(alpha);
    at(5s);
    EXPECT_THAT(step().runs, SizeIs(7));
    now_.wall -= 10s;
    const PlanStep back = step();
    EXPECT_THAT(back.runs, IsEmpty());
    EXPECT_EQ(back.planned_through, midnight + 7s);
}

TEST_F(TermTest, AChangeThatWasAskedForByAClockThatWasAheadDoesNotWaitForThatTime)
{
    begin();
    const WallTime asked = now_.wall + 24h;
    step();
    EXPECT_TRUE(term_->may_change(asked, now_)) << "the clock was set back since";
    at(1500ms);
    EXPECT_FALSE(term_->may_change(now_.wall, now_)) << "what is due is to be planned first";
    step();
    EXPECT_TRUE(term_->may_change(now_.wall, now_));
    EXPECT_TRUE(term_->may_change(now_.wall - 1s, now_));
}

TEST_F(TermTest, WhatWasPlannedByAClockThatWasAheadIsTakenBackAndFiresAtItsTrueTime)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const RunId held = fire(1, 60s);
    const RunId kept = fire(1, 61s);
    Account account;
    for (const RunId& id : {held, kept, fire(1, 1s)}) {
        RunOrder order;
        order.id = id;
        order.start_at = id.scheduled_at;
        account.held.push_back(order);
    }
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    for (const RunId& id : {held, kept, fire(1, 1s)}) {
        OpenRun row;
        row.planned.id = id;
        row.planned.run_server = alpha;
        found.open_runs.push_back(row);
    }
    term_->begin(found, now_);
    const auto early = term_->held_early(now_);
    ASSERT_THAT(early, SizeIs(1));
    EXPECT_THAT(early.at(alpha), UnorderedElementsAre(held, kept)) << "not what is due soon";
    term_->take_back_early(std::vector{held}, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, held);
    EXPECT_EQ(first.ended[0].state, RunState::revoked);
    EXPECT_FALSE(term_->remembers_early(now_));

    std::set<RunId> planned;
    for (int second = 1; second <= 62; ++second) {
        at(second * 1s);
        connect(alpha, second < 61 ? account : Account{});
        for (const PlannedRun& run : step().runs) planned.insert(run.id);
    }
    EXPECT_TRUE(planned.contains(held));
    EXPECT_FALSE(planned.contains(kept)) << "its node has it, and it is the run of that moment";
}

TEST_F(TermTest, WhatIsDueAndWasToStartByAClockThatWasAheadIsHandedOutAgain)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const RunId late = fire(1, -1s);
    Account account;
    RunOrder order;
    order.id = late;
    order.start_at = midnight + 1h;
    account.held.push_back(order);
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = late;
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    EXPECT_THAT(term_->held_early(now_).at(alpha), ElementsAre(late));
    term_->take_back_early(std::vector{late}, now_);
    EXPECT_THAT(step().ended, IsEmpty());
    const auto handed = std::find_if(orders_.begin(), orders_.end(),
                                     [&](const auto& sent) { return sent.second.id == late; });
    ASSERT_NE(handed, orders_.end());
    EXPECT_EQ(handed->second.start_at, now_.wall);
}

/// A term that has found runs of job 1 running at those moments, by a clock that was ahead.
class TermWithRunsByAClockAhead : public TermTest {
protected:
    void begin_with(std::initializer_list<std::chrono::seconds> times)
    {
        add(every_second(1));
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Account account;
        TermStart found;
        found.planned_through = now_.wall;
        for (const auto time : times) {
            RunReport running;
            running.id = fire(1, time);
            running.state = RunState::running;
            account.running.push_back(running);
            OpenRun row;
            row.planned.id = running.id;
            row.planned.state = RunState::running;
            row.planned.run_server = alpha;
            found.open_runs.push_back(row);
        }
        connect(alpha, account);
        term_->begin(found, now_);
    }

    void plan(std::chrono::seconds from, std::chrono::seconds to)
    {
        for (auto time = from; time <= to; time += 1s) {
            at(time);
            connect(alpha);
            for (const PlannedRun& run : step().runs) ++planned_[run.id];
        }
    }

    std::map<RunId, int> planned_;
};

TEST_F(TermWithRunsByAClockAhead, EachStandsForItsMomentUntilItsRowIsMoved)
{
    begin_with({58s, 59s});
    EXPECT_FALSE(term_->remembers_early(now_));
    report(alpha, fire(1, 58s), RunState::success);
    report(alpha, fire(1, 59s), RunState::success);
    EXPECT_TRUE(term_->remembers_early(now_));
    term_->moved(std::vector{fire(1, 59s)});
    EXPECT_TRUE(term_->remembers_early(now_));

    plan(1s, 62s);
    EXPECT_FALSE(planned_.contains(fire(1, 58s))) << "it has a row";
    EXPECT_TRUE(planned_.contains(fire(1, 59s)));
    EXPECT_FALSE(term_->remembers_early(now_));
}

TEST_F(TermWithRunsByAClockAhead, WhatWasMovedIsPlannedThoughThePlanHasPassedItsMomentMeanwhile)
{
    begin_with({18s, 19s, 20s});
    for (const auto time : {18s, 19s, 20s}) report(alpha, fire(1, time), RunState::success);
    const std::vector<RunId> ended = term_->ended_beyond_plan();
    EXPECT_EQ(ended.size(), 3U);
    plan(1s, 17s);
    EXPECT_FALSE(planned_.contains(fire(1, 18s))) << "its row may stand there";

    TermStart found;
    found.ended_lately = {fire(1, 20s)};
    term_->moved_unless_found(ended, found);
    plan(18s, 22s);
    for (int second = 1; second <= 22; ++second) {
        const int rows = second == 20 ? 0 : 1;
        EXPECT_EQ(planned_[fire(1, std::chrono::seconds(second))], rows) << second;
    }
}

TEST_F(TermTest, WhatThisNodeHeldByAClockThatWasAheadItMayHaveStartedUpToTheEndOfThatPlan)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 500ms;
    account.first_epoch = 7;
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    found.set_back_from = midnight + 60s;
    OpenRun row;
    row.planned.id = fire(1, 60s);
    row.planned.run_server = alpha;
    row.epoch = 6;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, fire(1, 60s));
    EXPECT_EQ(first.ended[0].state, RunState::lost);
    EXPECT_TRUE(term_->held_early(now_).empty());
}

TEST_F(TermTest, WhenThisClockIsSetBackWhatADeadNodeHadStartedIsNotTakenForNotDue)
{
    add(every_second(1));
    begin();
    connect(beta);  // whose clock agrees
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    connect(alpha);
    at(1300ms);
    now_.wall -= 800ms;
    term_->disconnected(beta, now_);
    died(beta, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

/// Alpha's clock is off by `offset`, as a beat says that took `round_trip`.
class ClockTest : public TermTest {
protected:
    void beat(const NodeName& node, std::chrono::milliseconds offset,
              std::chrono::milliseconds round_trip = 2ms)
    {
        NodeBeat beat;
        beat.echo = now_.wall - round_trip;
        beat.sent_at = now_.wall - round_trip / 2 + offset;
        beat.load.slots = 100;
        term_->beat(node, beat, now_);
    }
    std::set<NodeName> used()
    {
        step();
        std::set<NodeName> nodes;
        for (const auto& [node, order] : orders_) nodes.insert(node);
        return nodes;
    }
};

TEST_F(ClockTest, ANodeWhoseClockIsOffByMoreThanTheLookaheadGetsNoRuns)
{
    for (const auto offset : {2100ms, -2100ms}) {
        add(every_second(1));
        begin();
        connect(alpha);
        connect(beta);
        beat(alpha, offset);
        EXPECT_EQ(used(), std::set<NodeName>{beta});
        beat(alpha, 5ms);
        at(2s);
        connect(beta);
        beat(alpha, 5ms);
        EXPECT_TRUE(used().contains(alpha));
        at(0ms);
    }
}

TEST_F(ClockTest, WhatANodeHoldsWhoseClockIsSetGoesToOthers)
{
    add(every_second(1));
    begin();
    connect(alpha);
    EXPECT_EQ(used(), std::set<NodeName>{alpha});
    EXPECT_FALSE(term_->has_wrong_clock(alpha));
    connect(beta);
    beat(alpha, 1h);
    EXPECT_TRUE(term_->has_wrong_clock(alpha));
    const std::vector<RunId> held = term_->held_by(alpha);
    EXPECT_THAT(held, SizeIs(2));
    term_->evacuated(alpha, held);
    EXPECT_EQ(used(), std::set<NodeName>{beta});
    EXPECT_THAT(orders_, SizeIs(2));
}

TEST_F(ClockTest, WhatADeadNodeMayHaveStartedIsJudgedByItsClock)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 1s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    for (const auto& [ahead, state] :
         {std::pair(0ms, RunState::planned), std::pair(100ms, RunState::lost)}) {
        at(900ms);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        NodeLoad self;
        self.node = alpha;
        self.clock_offset = 30ms;
        self.clock_known = true;
        NodeLoad dead;
        dead.node = beta;
        dead.clock_offset = 30ms + ahead;
        dead.clock_known = true;
        Roster told;
        told.nodes = {self, dead};
        term_->learn_clocks(told, now_);
        term_->begin(found, now_);
        connect(alpha);
        died(beta, now_.wall);
        const PlanStep after = step();
        EXPECT_EQ(after.ended.size(), state == RunState::lost ? 1U : 0U);
        EXPECT_EQ(after.moved.size(), state == RunState::lost ? 0U : 1U);
    }
}

TEST_F(ClockTest, OneThatIsOffByLessIsUsed)
{
    add(every_second(1));
    begin();
    connect(alpha);
    beat(alpha, 1900ms);
    EXPECT_EQ(used(), std::set<NodeName>{alpha});
}

TEST_F(ClockTest, ASlowAnswerProvesNothingAboutAClock)
{
    add(every_second(1));
    begin();
    connect(alpha);
    beat(alpha, 2100ms, 1s);  // between 1.6 and 2.6 s
    EXPECT_EQ(used(), std::set<NodeName>{alpha});
}

TEST_F(ClockTest, OfAClockThatNobodyKnowsTheWorstIsAssumed)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(500ms);
    begin(found);
    connect(alpha);
    died(beta, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

TEST_F(ClockTest, OneThatNobodyHasMeasuredIsNotToldAsAgreeing)
{
    begin();
    Account account;
    account.node = beta;
    term_->connected(beta, account, now_);
    EXPECT_FALSE(term_->loads(now_).at(0).clock_known);
    connect(beta);
    EXPECT_TRUE(term_->loads(now_).at(0).clock_known);

    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(500ms);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    NodeLoad self;
    self.node = alpha;
    self.clock_known = true;
    NodeLoad dead;
    dead.node = beta;
    Roster told;
    told.nodes = {self, dead};
    term_->learn_clocks(told, now_);
    term_->begin(found, now_);
    connect(alpha);
    died(beta, now_.wall);
    EXPECT_THAT(step().ended, SizeIs(1));
}

TEST_F(ClockTest, OneThatWasSetAfterItWasMeasuredIsKnownByTheLastBeat)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 1s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    // Of beta, whose clock was set ahead; of alpha itself, whose own was set back; and in order.
    for (const auto& [by, ahead] :
         {std::pair(beta, 450ms), std::pair(alpha, 450ms), std::pair(beta, -2ms)}) {
        at(600ms);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Roster told;
        for (const NodeName& node : {alpha, beta}) {
            NodeLoad load;
            load.node = node;
            load.clock_known = true;
            told.nodes.push_back(load);
        }
        told.by = by;
        told.ahead = ahead;
        term_->learn_clocks(told, now_);
        term_->begin(found, now_);
        connect(alpha);
        died(beta, now_.wall);
        EXPECT_THAT(step().ended, SizeIs(ahead > 0ms ? 1 : 0));
    }
}

/// What becomes of fire 1 at `fire`, which an earlier dispatcher had given to a process of beta or
/// alpha that is gone.
class EarlierProcessTest : public ClockTest {
protected:
    RunState take_over(const NodeName& node, std::chrono::milliseconds due, const Account& account,
                       std::chrono::milliseconds its_clock = 0ms)
    {
        add(every_second(1));
        TermStart found;
        found.planned_through = midnight + 2s;
        OpenRun row;
        row.planned.id = fire(1, due);
        row.planned.run_server = node;
        row.planned.dispatched_at = midnight;
        row.epoch = 6;
        found.open_runs.push_back(row);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Roster told;
        for (const NodeName& name : {alpha, beta}) {
            NodeLoad load;
            load.node = name;
            load.clock_known = true;
            if (name == node) load.clock_offset = its_clock;
            told.nodes.push_back(load);
        }
        if (node != alpha) term_->learn_clocks(told, now_);
        connect(node, account);
        term_->begin(found, now_);
        for (const RunReport& ended : step().ended) {
            if (ended.id == row.planned.id) return ended.state;
        }
        return RunState::planned;
    }
};

TEST_F(EarlierProcessTest, IsKnownByTheDispatchersThatItsSuccessorHasNotHeard)
{
    at(1500ms);
    Account account;
    account.first_epoch = 6;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::planned) << "the order never got there";
    account.first_epoch = 7;
    account.uptime = 200ms;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(beta, 2s, account), RunState::planned);
    now_.wall -= 1600ms;  // set back; another dispatcher had seen another time
    EXPECT_EQ(take_over(beta, -1s, account), RunState::lost);
}

TEST_F(EarlierProcessTest, IsJudgedByTheClockThatItHad)
{
    at(900ms);
    Account account;
    account.first_epoch = 7;
    account.uptime = 100ms;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::planned);
    // The beat that connect() sends is its successor's.
    EXPECT_EQ(take_over(beta, 1s, account, 300ms), RunState::lost);
}

TEST_F(EarlierProcessTest, OfTheDispatchersOwnNodeIsJudgedByThePlan)
{
    Account account;
    account.first_epoch = 7;
    account.uptime = 100ms;
    // The plan was made at midnight, and by the clock of now this process was there then: that was
    // set back. One that stops lives on after its last plan.
    at(-1500ms);
    EXPECT_EQ(take_over(alpha, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::lost);
    // The plan would have been made again within a second.
    account.uptime = 1ms;
    at(1ms);
    EXPECT_EQ(take_over(alpha, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::planned);
    account.uptime = 100ms;
    at(2500ms);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::lost);
}

}  // namespace
}  // namespace peercron
