#include "dispatch/chains.hpp"
#include "model/jitter.hpp"
#include "model/node_fields.hpp"
#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// Job 1 fires at each full minute, as several runs.
class TermShardsTest : public TermTest {
protected:
    static Job cut(std::int64_t shards, JobId id = 1)
    {
        Job job = every_second(id);
        job.cron_set = "0 * * * * *";
        job.spread = shards > 1 ? Spread::shards : Spread::one;
        job.shards = shards;
        return job;
    }
    static Account knowing()
    {
        Account account;
        account.known_fields = names_of_needs(fields_for_nodes());
        account.known_fields.emplace_back(parts_need);
        return account;
    }
    /// The fire of the first minute has been planned and handed out.
    PlanStep plan(const Job& job, const std::vector<NodeName>& nodes = {alpha})
    {
        add(job);
        at(58s);
        begin();
        for (const NodeName& node : nodes) connect(node, knowing());
        parts_ = parts_of(job);
        return step();
    }
    void beat(const NodeName& node)
    {
        NodeBeat beat;
        beat.echo = beat.sent_at = now_.wall;
        beat.load.slots = 100;
        term_->beat(node, beat, now_);
    }
    RunId part(std::int32_t number, std::int32_t attempt = 1, JobId job = 1) const
    {
        return {job, midnight + 1min, attempt, number, parts_};
    }
    static std::vector<RunId> ids(const PlanStep& step)
    {
        std::vector<RunId> found;
        for (const PlannedRun& run : step.runs) found.push_back(run.id);
        return found;
    }
    std::vector<RunId> ordered() const
    {
        std::vector<RunId> found;
        for (const auto& [node, order] : orders_) found.push_back(order.id);
        return found;
    }
    /// Job 1 has two parts, which run, and job 2, with three, runs after it.
    void start_parent_of_two()
    {
        Job parent = cut(2);
        parent.name = "parent";
        Job child = cut(3, 2);
        child.cron_set.clear();
        child.run_after = {"parent"};
        add(child);
        plan(parent);
        term_->take_chain_questions(100);
        term_->found_chain_rows({}, now_.steady);
        at(60s);
        report(alpha, part(0), RunState::running);
        report(alpha, part(1), RunState::running);
    }
    void end(const RunId& id, RunState state)
    {
        RunReport report;
        report.id = id;
        report.state = state;
        report.ended_at = now_.wall;
        term_->report(alpha, report, now_);
    }

    std::int32_t parts_ = 1;  ///< as many as the fire has
};

TEST_F(TermShardsTest, AllPartsOfAFireArePlannedInOneStep)
{
    const PlanStep planned = plan(cut(3), {alpha, beta});
    EXPECT_THAT(ids(planned), UnorderedElementsAre(part(0), part(1), part(2)));
    for (const PlannedRun& run : planned.runs) EXPECT_EQ(run.id.parts, 3);
    std::set<NodeName> nodes;
    for (const auto& [node, order] : orders_) {
        nodes.insert(node);
        EXPECT_EQ(order.id.parts, 3);
    }
    EXPECT_THAT(nodes, SizeIs(2)) << "each goes to the least loaded";
    at(59s);
    EXPECT_THAT(step().runs, IsEmpty()) << "once";
}

TEST_F(TermShardsTest, ANodeThatKnowsNoPartsGetsNone)
{
    add(cut(2));
    at(58s);
    begin();
    connect(alpha);
    step();
    EXPECT_THAT(orders_, IsEmpty());
    at(60s);
    connect(beta, knowing());
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].first, beta);
    EXPECT_EQ(orders_[1].first, beta);
}

TEST_F(TermShardsTest, EachPartIsTriedAgainByItself)
{
    Job job = cut(2);
    job.retries = 1;
    job.retry_delay = 5s;
    plan(job);
    at(60s);
    report(alpha, part(0), RunState::running);
    report(alpha, part(1), RunState::running);
    at(61s);
    end(part(1), RunState::failed);
    const PlanStep retried = step();
    EXPECT_THAT(ids(retried), ElementsAre(part(1, 2)));
    EXPECT_EQ(retried.runs[0].id.parts, 2);
    end(part(0), RunState::success);
    at(66s);
    connect(alpha, knowing());
    step();
    EXPECT_THAT(ordered(), ElementsAre(part(1, 2)));
}

TEST_F(TermShardsTest, ALostPartRunsAgainAlone)
{
    Job job = cut(2);
    job.delivery = Delivery::at_least_once;
    plan(job);
    at(60s);
    report(alpha, part(0), RunState::running);
    report(alpha, part(1), RunState::running);
    end(part(0), RunState::success);
    at(61s);
    died(alpha, midnight + 61s);
    connect(beta, knowing());
    term_->deliver_again({});
    const PlanStep again = step();
    EXPECT_THAT(ids(again), ElementsAre(part(1, 2)));
    EXPECT_EQ(again.runs[0].id.parts, 2);
}

TEST_F(TermShardsTest, ALimitHoldsForEachPart)
{
    Job job = cut(2);
    job.cron_set = "0,1 * * * * *";
    job.is_mutex = true;
    job.overlap = Overlap::queue;
    plan(job, {alpha, beta});
    ASSERT_THAT(orders_, SizeIs(2));
    std::map<std::int32_t, NodeName> home;
    for (const auto& [node, order] : orders_) home[order.id.part] = node;
    EXPECT_NE(home[0], home[1]);
    at(59s);
    connect(alpha, knowing());
    connect(beta, knowing());
    step();
    ASSERT_THAT(orders_, SizeIs(2)) << "the next fire, a second later";
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, home[order.id.part]);
}

TEST_F(TermShardsTest, AFireIsCountedOnce)
{
    Job job = cut(4);
    job.run_limit = 2;
    job.cron_set = "* * * * * *";
    add(job);
    at(0ms);
    begin();
    connect(alpha, knowing());
    const PlanStep planned = step();
    std::set<WallTime> fires;
    for (const PlannedRun& run : planned.runs) fires.insert(run.id.scheduled_at);
    EXPECT_THAT(fires, SizeIs(2));
    EXPECT_THAT(planned.runs, SizeIs(8));
}

TEST_F(TermShardsTest, FiresThatDoNotRunAreOneRow)
{
    add(cut(3));
    at(10min + 30s);
    settings_.misfire_window = 60s;
    TermStart found;
    found.planned_through = midnight + 30s;
    begin(found);
    connect(alpha, knowing());
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(4)) << "a gap, and the fire of now";
    EXPECT_EQ(planned.runs[0].state, RunState::skipped);
    EXPECT_EQ(planned.runs[0].id, part(0));
    EXPECT_EQ(planned.runs[0].id.parts, 1);
}

TEST_F(TermShardsTest, RunNowIsAllParts)
{
    add(cut(3));
    at(10s);
    begin();
    connect(alpha, knowing());
    const auto run = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(run);
    EXPECT_EQ(run->part, 0);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(3));
    for (const PlannedRun& row : planned.runs) {
        EXPECT_TRUE(is_same_fire(row.id, *run));
        EXPECT_EQ(row.requested_by, "ops");
        EXPECT_EQ(row.id.parts, 3);
    }
    LogRow newest;
    newest.run.id = {1, run->scheduled_at, 1, 1, 3};
    newest.run.state = RunState::failed;
    end(newest.run.id, RunState::failed);
    const auto again = term_->retry_now(newest, "ops", now_);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, next_attempt(newest.run.id)) << "though other parts are open";
    EXPECT_EQ(again->parts, 3);
}

TEST_F(TermShardsTest, AFireToComeIsCutAgainWhenItsJobIs)
{
    plan(cut(2));
    const PlanStep more = change(cut(4), 58s + 500ms);
    EXPECT_THAT(ids(more), UnorderedElementsAre(part(2), part(3)));
    EXPECT_THAT(ordered(), UnorderedElementsAre(part(0), part(1), part(2), part(3)));
    for (const auto& [node, order] : orders_) EXPECT_EQ(order.id.parts, 4);
    for (const PlannedRun& moved : more.moved) EXPECT_EQ(moved.id.parts, 4);
    EXPECT_THAT(more.ended, IsEmpty());

    const PlanStep fewer = change(cut(1), 58s + 700ms);
    EXPECT_THAT(ids(fewer), IsEmpty());
    ASSERT_THAT(ordered(), ElementsAre(part(0)));
    EXPECT_EQ(orders_[0].second.id.parts, 1);
    ASSERT_THAT(fewer.ended, SizeIs(3));
    for (const RunReport& end : fewer.ended) {
        EXPECT_EQ(end.state, RunState::revoked);
        EXPECT_GT(end.id.part, 0);
    }
}

TEST_F(TermShardsTest, AFireThatWaitsForItsJitterToPassIsCutAgainForGood)
{
    Job job = cut(4);
    job.jitter = 40s;
    const auto start = start_offset(job.id, job.jitter, midnight + 1min);
    ASSERT_GT(start, 5s) << "it is at no node until then";
    plan(job);
    Job whole = cut(1);
    whole.jitter = job.jitter;
    change(whole, 58s + 500ms);
    at(60s + start - 1s);
    beat(alpha);
    const PlanStep placed = step();
    ASSERT_THAT(placed.moved, SizeIs(1));
    EXPECT_EQ(placed.moved[0].run_server, alpha);
    EXPECT_EQ(placed.moved[0].id.parts, 1) << "or its row would be one of four again";
}

TEST_F(TermShardsTest, WhatWasDueBeforeAChangeStaysCutAsItWas)
{
    plan(cut(2));
    at(60s + 200ms);
    beat(alpha);
    const PlanStep after = change(cut(4), 60s + 100ms);
    EXPECT_THAT(ids(after), IsEmpty());
    EXPECT_THAT(ordered(), UnorderedElementsAre(part(0), part(1)));
    for (const auto& [node, order] : orders_) EXPECT_EQ(order.id.parts, 2);
}

TEST_F(TermShardsTest, AFireThatHasBegunIsNotCutAgain)
{
    plan(cut(2));
    // Its node's clock is ahead.
    report(alpha, part(0), RunState::running);
    const PlanStep after = change(cut(3), 58s + 500ms);
    EXPECT_THAT(ids(after), IsEmpty());
    ASSERT_THAT(ordered(), ElementsAre(part(1)));
    EXPECT_EQ(orders_[0].second.id.parts, 2);
    EXPECT_THAT(after.ended, IsEmpty());
}

TEST_F(TermShardsTest, AChangeOfSomethingElseTakesNoPartFromAFire)
{
    plan(cut(2));
    report(alpha, part(0), RunState::running);
    Job changed = cut(2);
    changed.command = "false";
    const PlanStep after = change(changed, 58s + 500ms);
    EXPECT_THAT(ids(after), IsEmpty());
    ASSERT_THAT(ordered(), ElementsAre(part(1)));
    EXPECT_EQ(orders_[0].second.command, "false");
    EXPECT_THAT(after.ended, IsEmpty());
}

TEST_F(TermShardsTest, ANewDispatcherKnowsHowManyPartsAFireHas)
{
    Job job = cut(4);
    job.effective_from = midnight + 61s;
    add(job);
    at(62s);
    TermStart found;
    found.planned_through = midnight + 61s;
    OpenRun row;
    row.planned.id = {1, midnight + 1min, 1, 1, 2};
    found.open_runs.push_back(row);
    begin(found);
    connect(alpha, knowing());
    step();
    ASSERT_THAT(ordered(), ElementsAre(part(1)));
    EXPECT_EQ(orders_[0].second.id.parts, 2) << "as it was planned";
}

TEST_F(TermShardsTest, AFireThatNobodyPlannedHasThePartsOfTheVersionByWhichItWasDue)
{
    Job job = cut(4);
    job.effective_from = midnight + 61s;
    add(job);
    at(62s);
    TermStart found;
    found.planned_through = midnight + 30s;
    Revision change;
    change.job = 1;
    change.effective_from = job.effective_from;
    change.before = cut(2);
    change.after = job;
    found.changes.push_back(change);
    begin(found);
    connect(alpha, knowing());
    const PlanStep planned = step();
    EXPECT_THAT(ids(planned), UnorderedElementsAre(part(0), part(1)));
    for (const PlannedRun& run : planned.runs) EXPECT_EQ(run.id.parts, 2);
}

TEST_F(TermShardsTest, AJobThatRunsAfterItWaitsForAllParts)
{
    start_parent_of_two();
    connect(alpha, knowing());
    at(61s);
    end(part(1), RunState::success);
    EXPECT_THAT(step().runs, IsEmpty());
    at(62s);
    end(part(0), RunState::success);
    EXPECT_THAT(ids(step()), UnorderedElementsAre(part(0, 1, 2), part(1, 1, 2), part(2, 1, 2)));
}

TEST_F(TermShardsTest, AJobThatRunsAfterItSeesTheWorstPart)
{
    start_parent_of_two();
    at(61s);
    end(part(1), RunState::failed);
    at(62s);
    end(part(0), RunState::success);
    const PlanStep after = step();
    ASSERT_THAT(after.runs, SizeIs(1)) << "a fire that does not run is one row";
    EXPECT_EQ(after.runs[0].id, part(0, 1, 2));
    EXPECT_EQ(after.runs[0].state, RunState::skipped);
    EXPECT_EQ(after.runs[0].reason.cause, Cause::parent);
}

TEST_F(TermShardsTest, AFireOfWhichAPartDidNotRunHasNotSucceeded)
{
    const auto end_of = [this](std::int32_t number, RunState state) {
        FireEnd end;
        end.run = {1, midnight, 1, number, 3};
        end.state = state;
        end.ended_at = midnight + number * 1s;
        return end;
    };
    const FireEnd first = end_of(0, RunState::success);
    const FireEnd second = end_of(1, RunState::success);
    const FireEnd third = end_of(2, RunState::success);
    EXPECT_EQ(end_of_fire({first, second, third}).state, RunState::success);
    EXPECT_EQ(end_of_fire({first, second, third}).ended_at, midnight + 2s);
    EXPECT_EQ(end_of_fire({first, second}).state, RunState::failed) << "one was taken back";
    EXPECT_EQ(end_of_fire({first, second, end_of(2, RunState::skipped)}).state, RunState::failed);
    EXPECT_EQ(end_of_fire({first, second, end_of(2, RunState::timeout)}).state, RunState::timeout);
    EXPECT_EQ(end_of_fire({end_of(0, RunState::skipped), end_of(1, RunState::skipped)}).state,
              RunState::skipped);
}

}  // namespace
}  // namespace peercron
