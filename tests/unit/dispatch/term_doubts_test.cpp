#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(TermTest, ALedgerThatWasReadBeforeAnAccountDoesNotSettleIt)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const TermRules::BeforeRead known = term_->before_read();
    TermStart found;  // the answer is on its way; meanwhile the node has ended and recorded the run
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = fire(1, -1s);
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    connect(beta);
    term_->begin(found, now_, known);
    step();
    EXPECT_TRUE(term_->has_doubts());
    EXPECT_TRUE(std::none_of(orders_.begin(), orders_.end(),
                             [&](const auto& sent) { return sent.second.id == fire(1, -1s); }));
    term_->resolve_doubts(TermStart{}, term_->doubts(), now_);
    step();
    EXPECT_FALSE(term_->has_doubts());
    EXPECT_TRUE(std::none_of(orders_.begin(), orders_.end(), [&](const auto& sent) {
        return sent.second.id == fire(1, -1s);
    })) << "it has ended";
}

TEST_F(TermTest, ARunThatItsNodeForgotIsLookedUpInTheStore)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->disconnected(alpha, now_);
    connect(alpha);  // knows nothing of both
    EXPECT_THAT(term_->doubts().runs, ElementsAre(fire(1, 1s), fire(1, 2s)));
    OpenRun planned;
    planned.planned.id = fire(1, 2s);
    TermStart found;
    found.open_runs = {planned};
    term_->resolve_doubts(found, term_->doubts(), now_);
    EXPECT_EQ(term_->open_runs(), 1U);  // the first has ended
    const PlanStep again = step();
    ASSERT_THAT(again.moved, SizeIs(1));
    EXPECT_EQ(again.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ARunWhoseEndItsNodeTookToItsGraveIsLost)
{
    add(every_second(1));
    begin();
    connect(alpha);
    connect(beta);
    step();
    at(1100ms);
    report(alpha, fire(1, 1s), RunState::success);  // and the store was to hear of it soon
    term_->disconnected(alpha, now_);
    EXPECT_FALSE(term_->has_doubts());
    died(alpha, now_.wall);
    ASSERT_TRUE(term_->has_doubts());
    TermStart found;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    row.planned.id = fire(1, 2s);  // goes to another node
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, term_->doubts(), now_);
    EXPECT_FALSE(term_->has_doubts());
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    died(alpha, now_.wall);  // still dead: nothing new to look up
    EXPECT_FALSE(term_->has_doubts());
}

TEST_F(TermTest, WhatANodeGivesBackIsInDoubtAsLongAsItsLastProcessMayHaveStartedIt)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    term_->disconnected(alpha, now_);
    connect(alpha);
    const std::vector<RunId> given_back{fire(1, 1s), fire(1, 2s)};
    const std::vector<JobId> jobs{1};
    term_->evacuated(alpha, given_back);
    term_->given_back_late(alpha, given_back);
    term_->jobs_changed(jobs, given_back, now_);
    EXPECT_EQ(term_->doubts().runs.size(), 2U);
    const PlanStep next = step();
    EXPECT_THAT(next.moved, IsEmpty());
    EXPECT_THAT(next.ended, IsEmpty());
}

TEST_F(TermTest, ARestartedNodeIsNotAskedForWhatItMayHaveStartedBefore)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = alpha;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(1500ms);
    begin(found);
    Account fresh;
    fresh.uptime = 300ms;
    connect(alpha, fresh);  // and would give back whatever it is asked for
    const std::vector<JobId> jobs{1};
    EXPECT_THAT(term_->handed_out(jobs), IsEmpty());
    EXPECT_THAT(term_->held_by(alpha), IsEmpty());
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, TermRules::Whereabouts::running);
    term_->resolve_doubts(found, term_->doubts(), now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

}  // namespace
}  // namespace peercron
