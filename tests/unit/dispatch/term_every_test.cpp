#include "model/node_fields.hpp"
#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const NodeName gamma = "127.0.0.1:9995";

/// Job 1 fires at each full minute, at every node.
class TermEveryTest : public TermTest {
protected:
    static Job everywhere()
    {
        Job job = every_second(1);
        job.cron_set = "0 * * * * *";
        job.spread = Spread::every;
        return job;
    }
    static Account knowing(std::vector<std::string> labels = {})
    {
        Account account;
        account.known_fields = names_of_needs(fields_for_nodes());
        account.known_fields.emplace_back(parts_need);
        account.labels = std::move(labels);
        return account;
    }
    /// The fire of the first minute has been planned and handed out.
    PlanStep plan(const Job& job, const std::vector<NodeName>& nodes = {alpha, beta})
    {
        add(job);
        at(58s);
        begin();
        for (const NodeName& node : nodes) connect(node, knowing());
        return step();
    }
    /// A part of that fire, when there were two nodes.
    static RunId part(std::int32_t number, std::int32_t attempt = 1)
    {
        return {1, midnight + 1min, attempt, number, 2, number == 0 ? alpha : beta};
    }
    /// "part of parts at node", in that order.
    static std::string text(const RunId& id)
    {
        return std::to_string(id.part) + " of " + std::to_string(id.parts) + " at " + id.node;
    }
    template <class Rows>
    static std::vector<std::string> texts(const Rows& rows)
    {
        std::vector<std::string> found;
        for (const auto& row : rows) found.push_back(text(row.id));
        std::ranges::sort(found);
        return found;
    }
    /// Of the orders of the last step; each went to the node to which it belongs.
    std::vector<std::string> ordered_texts() const
    {
        std::vector<std::string> found;
        for (const auto& [node, order] : orders_) {
            EXPECT_EQ(node, order.id.node);
            found.push_back(text(order.id));
        }
        std::ranges::sort(found);
        return found;
    }
    void end(const RunId& id, RunState state)
    {
        RunReport report;
        report.id = id;
        report.state = state;
        report.ended_at = now_.wall;
        term_->report(id.node, report, now_);
    }
    /// The node of part 1 is gone.
    void lose_beta(std::chrono::milliseconds after_midnight)
    {
        at(after_midnight);
        term_->disconnected(beta, now_);
        died(beta, now_.wall);
        hear(alpha);
    }
};

TEST_F(TermEveryTest, AFireHasAPartForEachNodeInOneStep)
{
    const PlanStep planned = plan(everywhere(), {beta, alpha});
    EXPECT_THAT(texts(planned.runs), ElementsAre("0 of 2 at " + alpha, "1 of 2 at " + beta));
    for (const PlannedRun& run : planned.runs) EXPECT_EQ(run.run_server, run.id.node);
    EXPECT_THAT(ordered_texts(), SizeIs(2));
    at(59s);
    connect(gamma, knowing());
    EXPECT_THAT(step().runs, IsEmpty()) << "a node that joins has no part of it";
    pass_to(118s, {alpha, beta, gamma});
    EXPECT_THAT(step().runs, SizeIs(3)) << "but of the next one";
}

TEST_F(TermEveryTest, OnlyNodesThatCanTakePartsCount)
{
    Job job = everywhere();
    job.run_on = {"db"};
    job.weight = 4;
    add(job);
    at(58s);
    begin();
    Account drains = knowing({"db"});
    drains.draining = true;
    Account is_small = knowing({"db"});
    is_small.slots = 2;
    Account is_old;
    is_old.known_fields = names_of_needs(fields_for_nodes());
    is_old.labels = {"db"};
    connect("127.0.0.1:1", drains);
    connect("127.0.0.1:2", is_small);
    connect("127.0.0.1:3", is_old);
    connect("127.0.0.1:4", knowing());
    connect(beta, knowing({"db"}));
    EXPECT_THAT(texts(step().runs), ElementsAre("0 of 1 at " + beta));
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 1 at " + beta));
}

TEST_F(TermEveryTest, AJobThatRunsAtOneNodeAgainIsBesideItsRunsAtTheOthers)
{
    Job job = everywhere();
    job.is_mutex = true;
    plan(job);
    pass_to(60s, {alpha, beta});
    report(beta, part(1), RunState::running);
    end(part(0), RunState::success);
    step();
    at(61s);
    job.spread = Spread::one;
    change(job, 61s);
    pass_to(118s, {alpha, beta});
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].first, beta) << "its run as part 1 is alive there";
}

TEST_F(TermEveryTest, APartWaitsForItsNode)
{
    plan(everywhere());
    lose_beta(59s);
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(text(moved.moved[0].id), "1 of 2 at " + beta);
    EXPECT_EQ(moved.moved[0].run_server, "") << "or a new dispatcher takes it for lost";
    EXPECT_THAT(orders_, IsEmpty());
    pass_to(62s);
    EXPECT_THAT(step().moved, IsEmpty()) << "once";
    at(63s);
    connect(beta, knowing(), 2);
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("1 of 2 at " + beta));
}

TEST_F(TermEveryTest, APartWhoseNodeStaysAwayIsSkippedInWordsThatNameIt)
{
    plan(everywhere());
    lose_beta(59s);
    pass_to(60s);
    end(part(0), RunState::success);
    step();
    pass_to(121s);
    const PlanStep over = step();
    ASSERT_THAT(over.ended, SizeIs(1));
    EXPECT_EQ(text(over.ended[0].id), "1 of 2 at " + beta);
    EXPECT_EQ(over.ended[0].state, RunState::skipped);
    EXPECT_EQ(to_string(over.ended[0].reason),
              "no-node: its node " + beta + " could not take it within the misfire window");
}

TEST_F(TermEveryTest, APartIsTriedAgainAtItsNode)
{
    Job job = everywhere();
    job.retries = 1;
    job.retry_delay = 5s;
    plan(job);
    pass_to(60s, {alpha, beta});
    report(alpha, part(0), RunState::running);
    report(beta, part(1), RunState::running);
    end(part(0), RunState::failed);
    EXPECT_THAT(texts(step().runs), ElementsAre("0 of 2 at " + alpha));
    pass_to(66s, {beta});
    step();
    EXPECT_THAT(orders_, IsEmpty()) << "its node is silent";
    hear(alpha);
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 2 at " + alpha));
    EXPECT_EQ(orders_[0].second.id.attempt, 2);
}

TEST_F(TermEveryTest, ALostPartRunsAgainAtItsNode)
{
    Job job = everywhere();
    job.delivery = Delivery::at_least_once;
    plan(job);
    pass_to(60s, {alpha, beta});
    report(beta, part(1), RunState::running);
    lose_beta(61s);
    EXPECT_THAT(texts(step().runs), ElementsAre("1 of 2 at " + beta));
    EXPECT_THAT(orders_, IsEmpty());
    at(64s);
    connect(beta, knowing(), 2);
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("1 of 2 at " + beta));
    EXPECT_EQ(orders_[0].second.id.attempt, 2);
}

TEST_F(TermEveryTest, ANewDispatcherKnowsTheNodesOfPartsThatWait)
{
    Job job = everywhere();
    job.retries = 1;
    job.delivery = Delivery::at_least_once;
    add(job);
    at(62s);
    TermStart found;
    found.planned_through = midnight + 61s;
    OpenRun planned;
    planned.planned.id = part(0);
    found.open_runs.push_back(planned);
    found.waiting.push_back({part(1, 2), midnight + 63s, midnight + 61s, ""});
    begin(found);
    connect(beta, knowing());
    connect(gamma, knowing());
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("1 of 2 at " + beta));
    connect(alpha, knowing());
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 2 at " + alpha));

    // What the store alone knows to have been lost, or to have failed.
    term_->deliver_again(std::vector<RunId>{part(0)});
    end(part(1, 2), RunState::success);
    EXPECT_THAT(texts(step().runs), ElementsAre("0 of 2 at " + alpha));
}

TEST_F(TermEveryTest, AFireThatNoNodeFitsIsOneRunThatWaits)
{
    const PlanStep planned = plan(everywhere(), {});
    EXPECT_THAT(texts(planned.runs), ElementsAre("0 of 1 at "));
    pass_to(65s, {});
    connect(beta, knowing());
    connect(gamma, knowing());
    step();
    ASSERT_THAT(orders_, SizeIs(1)) << "at one of them";
    EXPECT_EQ(orders_[0].second.id.parts, 1);
}

TEST_F(TermEveryTest, AFireThatNoNodeTakesIsSkipped)
{
    plan(everywhere(), {});
    pass_to(121s, {});
    const PlanStep over = step();
    ASSERT_THAT(over.ended, SizeIs(1));
    EXPECT_EQ(over.ended[0].reason.cause, Cause::no_node);
    EXPECT_THAT(over.ended[0].reason.detail, HasSubstr("no node could take it"));
}

TEST_F(TermEveryTest, WhatAPersonAsksForRunsAtEveryNode)
{
    add(everywhere());
    at(10s);
    begin();
    connect(alpha, knowing());
    connect(beta, knowing());
    const auto run = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(run);
    EXPECT_EQ(run->part, 0);
    EXPECT_EQ(run->parts, 2);
    EXPECT_THAT(texts(step().runs), ElementsAre("0 of 2 at " + alpha, "1 of 2 at " + beta));
    EXPECT_THAT(ordered_texts(), SizeIs(2));

    LogRow newest;
    newest.run.id = {1, run->scheduled_at, 1, 0, 2, alpha};
    newest.run.state = RunState::success;
    end(newest.run.id, RunState::success);
    const auto again = term_->run_again(newest.run.id, newest, "ops", now_);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(text(*again), "0 of 2 at " + alpha);
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 2 at " + alpha));
}

TEST_F(TermEveryTest, ALimitHoldsAtEachNodeWhateverTheNumbersOfItsParts)
{
    Job job = everywhere();
    job.cron_set = "0,1 * * * * *";
    job.is_mutex = true;
    job.overlap = Overlap::queue;
    plan(job);
    at(59s);
    connect("127.0.0.1:9990", knowing());  // before the others, so that their numbers change
    hear(alpha);
    hear(beta);
    step();
    EXPECT_THAT(ordered_texts(),
                ElementsAre("0 of 3 at 127.0.0.1:9990", "1 of 3 at " + alpha, "2 of 3 at " + beta));
}

TEST_F(TermEveryTest, CommandsOfADeadNodeAreWaitedForThere)
{
    Job job = everywhere();
    job.is_mutex = true;
    job.overlap = Overlap::queue;
    job.cron_set = "0,2 * * * * *";
    plan(job);
    pass_to(60s, {alpha, beta});
    report(beta, part(1), RunState::running);
    end(part(0), RunState::success);
    lose_beta(60s + 500ms);
    connect(beta, knowing(), 2);
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 2 at " + alpha))
        << "its run may be alive at the other node";
    pass_to(62s + 600ms, {alpha, beta});
    step();
    EXPECT_THAT(ordered_texts(), ElementsAre("1 of 2 at " + beta));
}

TEST_F(TermEveryTest, AFireToComeIsCutAgainWhenItsNodesFitNoMore)
{
    add(everywhere());
    at(58s);
    begin();
    connect(alpha, knowing());
    connect(beta, knowing({"db"}));
    EXPECT_THAT(step().runs, SizeIs(2));
    Job named = everywhere();
    named.run_on = {"db"};
    const PlanStep cut = change(named, 58s + 500ms);
    EXPECT_THAT(texts(cut.runs), IsEmpty()) << "the row of part 0 is there";
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 1 at " + beta));
    for (const PlannedRun& moved : cut.moved) EXPECT_EQ(text(moved.id), "0 of 1 at " + beta);
    EXPECT_FALSE(cut.moved.empty());
    ASSERT_THAT(cut.ended, SizeIs(1));
    EXPECT_EQ(cut.ended[0].id, part(1));
    EXPECT_EQ(cut.ended[0].state, RunState::revoked);
}

TEST_F(TermEveryTest, AFireToComeIsOneRunWhenItsJobRunsAtOneNode)
{
    plan(everywhere());
    Job one = everywhere();
    one.spread = Spread::one;
    const PlanStep whole = change(one, 58s + 500ms);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(text(orders_[0].second.id), "0 of 1 at ");
    EXPECT_THAT(whole.ended, SizeIs(1));

    change(everywhere(), 58s + 700ms);
    EXPECT_THAT(ordered_texts(), ElementsAre("0 of 2 at " + alpha, "1 of 2 at " + beta));
}

TEST_F(TermEveryTest, AChangeOfSomethingElseLeavesEachPartAtItsNode)
{
    plan(everywhere());
    report(alpha, part(0), RunState::running);
    Job changed = everywhere();
    changed.command = "false";
    const PlanStep after = change(changed, 58s + 500ms);
    EXPECT_THAT(texts(after.runs), IsEmpty());
    EXPECT_THAT(ordered_texts(), ElementsAre("1 of 2 at " + beta));
    EXPECT_EQ(orders_[0].second.command, "false");
}

}  // namespace
}  // namespace peercron
