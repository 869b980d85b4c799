#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Of a node that knows the field of that name.
Account knows_inputs()
{
    Account account;
    account.known_fields = {"inputs"};
    return account;
}

TEST_F(TermTest, TakeOverTakesBackWhatANodeHoldsAndTheLedgerHasEnded)
{
    add(every_second(1));
    RunOrder old;
    old.id = fire(1, -1s);
    Account woken;
    woken.held.push_back(old);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(alpha, woken);
    TermStart found;
    found.planned_through = midnight;
    found.ended_lately.push_back(old.id);  // given up, and lost
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 0U);
    const std::vector<Outgoing> revocations = term_->take_revocations();
    ASSERT_THAT(revocations, SizeIs(1));
    EXPECT_EQ(std::get<Revoke>(revocations[0].message).runs, std::vector<RunId>{old.id});
}

TEST_F(TermTest, TakeOverAnswersNoStopBeforeItKnowsWhatHasEnded)
{
    at(0ms);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(beta);
    NodeBeat beat;
    beat.stops = 2;
    term_->beat(beta, beat, now_);
    EXPECT_EQ(term_->stops_known(beta), 0U);
    TermStart found;
    found.planned_through = now_.wall;
    term_->begin(found, now_);
    EXPECT_EQ(term_->stops_known(beta), 2U);
}

TEST_F(TermTest, TakeOverHandsOutARunOnRequestWithTheInputsInItsRow)
{
    Job job = every_second(1);
    job.cron_set = "0 0 12 * * *";
    job.inputs = {"DAY=today"};
    add(job);
    TermStart found;
    found.planned_through = midnight;
    OpenRun row;
    row.planned.id = RunId{1, midnight - 7ms, 1};
    row.planned.requested_by = R"(alice {"DAY":"2026-11-21"})";
    found.open_runs.push_back(row);
    begin(found);
    connect(alpha, knows_inputs());
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, row.planned.id);
    EXPECT_THAT(orders_[0].second.inputs, ElementsAre("DAY=2026-11-21"));
}

TEST_F(TermTest, TakeOverForgetsAJobThatWasDeletedAfterTheTableWasRead)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight;
    Revision deleted;
    deleted.job = 1;
    deleted.effective_from = midnight + 1s;
    deleted.before = every_second(1);
    found.changes.push_back(deleted);
    at(1500ms);
    begin(found);
    connect(alpha);
    const PlanStep first = step();
    EXPECT_THAT(orders_, IsEmpty());
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].state, RunState::skipped);
}

TEST_F(TermTest, TakeOverPlansByWhatWasChangedAfterTheTableWasRead)
{
    add(every_second(1));
    Revision change;
    change.job = 1;
    change.effective_from = midnight + 100ms;
    change.before = every_second(1);
    change.after = every_second(1);
    change.after->cron_set = "4 * * * * *";
    TermStart found;
    found.planned_through = midnight;
    found.changes.push_back(change);
    at(3s);
    begin(found);
    connect(alpha);
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].id, fire(1, 4s));
}

TEST_F(TermTest, TakeOverAdoptsWhatTheNodesHoldAndRun)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    for (const auto second : {0s, 1s, 2s}) {
        OpenRun row;
        row.planned.id = fire(1, second);
        row.planned.run_server = beta;
        row.planned.dispatched_at = midnight - 1s;
        found.open_runs.push_back(row);
    }
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 100s;
    RunReport running;
    running.id = fire(1, 0s);
    account.running.push_back(running);
    RunOrder held;
    held.id = fire(1, 1s);
    held.command = "true";
    account.held.push_back(held);
    connect(beta, account);
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 3U);
    // The third was committed, but never reached its node: it is handed out now.
    const PlanStep first = step();
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(1, 2s));
}

TEST_F(TermTest, TakeOverKnowsWhatEndedWhileTheStoreDoesNot)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 2s;
    for (const auto second : {-1s, 0s}) {
        row.planned.id = fire(1, second);
        found.open_runs.push_back(row);
    }
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 100s;
    RunReport report_of;
    report_of.id = fire(1, -1s);
    account.ended.push_back(report_of);  // waits to be recorded
    report_of.id = fire(1, 0s);
    account.running.push_back(report_of);
    connect(beta, account);
    report(beta, fire(1, 0s), RunState::success);  // after the account, before the store was read
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 0U);
    const PlanStep first = step();
    EXPECT_THAT(first.moved, IsEmpty());
    EXPECT_THAT(first.ended, IsEmpty());
}

TEST_F(TermTest, TakeOverLosesWhatItsRestartedNodeMayHaveStarted)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun due;
    due.planned.id = fire(1, -1s);
    due.planned.run_server = beta;
    due.planned.dispatched_at = midnight - 3s;
    OpenRun ahead = due;
    ahead.planned.id = fire(1, 2s);
    found.open_runs = {due, ahead};
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 500ms;
    connect(beta, account);
    term_->begin(found, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, fire(1, -1s));
    EXPECT_EQ(first.ended[0].state, RunState::lost);
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, TakeOverLosesWhatTheDeadDispatchersOwnNodeMayHaveStarted)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 3s;
    OpenRun due;
    due.planned.id = fire(1, 1s);
    due.planned.run_server = beta;
    due.planned.dispatched_at = midnight - 1s;
    OpenRun late = due;  // planned late: it could start at once
    late.planned.id = fire(1, -5s);
    late.planned.dispatched_at = midnight + 900ms;
    OpenRun ahead = due;
    ahead.planned.id = fire(1, 2s);
    found.open_runs = {due, late, ahead};
    at(1060ms);  // it died 16 ms after the second; nothing it had started is in the store yet
    term_.emplace(7, alpha, settings_, jobs_, now_);
    NodeLoad self;
    self.node = alpha;
    self.clock_known = true;
    NodeLoad dead;
    dead.node = beta;
    dead.clock_known = true;
    Roster told;
    told.nodes = {self, dead};
    term_->learn_clocks(told, now_);
    term_->begin(found, now_);
    connect(alpha);
    died(beta, midnight + 1016ms);

    const PlanStep first = step();

    std::map<RunId, RunState> ended;
    for (const RunReport& report : first.ended) ended[report.id] = report.state;
    EXPECT_EQ(ended, (std::map<RunId, RunState>{{fire(1, -5s), RunState::lost},
                                                {fire(1, 1s), RunState::lost}}));
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
    for (const auto& [node, order] : orders_) EXPECT_GT(order.id.scheduled_at, midnight + 1s);
}

TEST_F(TermTest, TakeOverRevisesJobsThatChangedLately)
{
    Job changed = every_second(1);
    changed.effective_from = midnight - 200ms;
    add(changed);
    add(every_second(2));
    TermStart found;
    found.planned_through = midnight + 2s;
    found.ended_lately.push_back(fire(1, 0s));
    begin(found);
    connect(alpha);
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep first = step();
    // Job 2 was planned through 2 s; job 1 has fired at 0 s.
    EXPECT_THAT(first.runs, SizeIs(2));
    for (const PlannedRun& run : first.runs) EXPECT_EQ(run.id.job, 1);
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
}

TEST_F(TermTest, TakeOverPlansAJobThatTheOldDispatcherCouldNotHear)
{
    // Added at 100 ms through a node that could not reach the dispatcher; that looked for changes
    // right before, and went on to plan for two more seconds.
    Job fresh = every_second(3);
    fresh.effective_from = midnight + 100ms;
    TermStart found;
    found.planned_through = midnight + 4s;
    at(2100ms);
    add(fresh);
    begin(found);
    connect(alpha);
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep planned = step();
    ASSERT_FALSE(planned.runs.empty());
    EXPECT_EQ(planned.runs[0].id, fire(3, 1s));
}

TEST_F(TermTest, TakeOverWaitsForOrphansWithAFireThatTheOldDispatcherHasLeftOut)
{
    Job mutex = every_second(3);
    mutex.is_mutex = true;
    mutex.effective_from = midnight + 500ms;
    TermStart found;
    found.planned_through = midnight + 3s;
    at(1500ms);
    add(mutex);
    begin(found);
    connect(alpha);
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep first = step();
    EXPECT_THAT(orders_, IsEmpty()) << "a node of the job may have died just before";
    ASSERT_FALSE(first.runs.empty());
    EXPECT_EQ(first.runs[0].id, fire(3, 1s));
    EXPECT_EQ(first.runs[0].reason.cause, Cause::owner_unreachable);

    at(3500ms);
    connect(alpha);
    step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_GT(orders_[0].second.id.scheduled_at, *found.planned_through);
}

TEST_F(TermTest, WhatADeadNodeHeldForAnEarlierDispatcherWaitsForTheOrphansOfThatNode)
{
    Job mutex = every_second(3);
    mutex.is_mutex = true;
    mutex.cron_set = "3 * * * * *";
    add(mutex);
    at(500ms);  // its clock may be ahead by the lookahead
    TermStart found;
    found.planned_through = midnight + 3s;
    OpenRun row;
    row.planned.id = fire(3, 3s);
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    begin(found);
    connect(alpha);
    died(beta, now_.wall);
    const PlanStep first = step();
    EXPECT_THAT(orders_, IsEmpty()) << "what had started there was ended before this term";
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].reason.cause, Cause::owner_unreachable);
}

TEST_F(TermTest, WhatAnEarlierDispatcherHandedOutIsGivenToAnotherNodeUnderTheNewEpoch)
{
    add(every_second(1));
    RunOrder old;
    old.id = fire(1, 1s);
    old.epoch = 6;
    old.dispatch_server = beta;
    Account draining;
    draining.draining = true;
    draining.held.push_back(old);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(beta, draining);
    connect(alpha);
    TermStart found;
    found.planned_through = now_.wall + 1s;
    OpenRun row;
    row.planned.id = old.id;
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    term_->evacuated(beta, term_->held_by(beta));
    EXPECT_THAT(step().moved, SizeIs(1));
    const auto is_it = [&](const auto& order) { return order.second.id == old.id; };
    const auto handed = std::find_if(orders_.begin(), orders_.end(), is_it);
    ASSERT_NE(handed, orders_.end());
    EXPECT_EQ(handed->first, alpha);
    EXPECT_EQ(handed->second.epoch, 7);
    EXPECT_EQ(handed->second.dispatch_server, alpha);
}

}  // namespace
}  // namespace peercron
