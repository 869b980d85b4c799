#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(TermTest, SpreadsFiresOverTheNodesByTheirOpenRuns)
{
    for (JobId id = 1; id <= 30; ++id) add(every_second(id));
    begin();
    connect(alpha);
    connect(beta);
    step();
    const auto on_alpha = std::count_if(orders_.begin(), orders_.end(),
                                        [](const auto& order) { return order.first == alpha; });
    EXPECT_EQ(on_alpha, 30);
    EXPECT_THAT(orders_, SizeIs(60));
}

TEST_F(TermTest, GivesADrainingOrSilentNodeNothing)
{
    add(every_second(1));
    begin();
    Account draining;
    draining.draining = true;
    connect(alpha, draining);
    connect(beta);
    step();
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, beta);
    at(3s);  // longer than the silence limit
    const PlanStep unplaced = step();
    EXPECT_THAT(orders_, IsEmpty());
    for (const PlannedRun& run : unplaced.runs) EXPECT_EQ(run.run_server, "");
    connect(beta);
    EXPECT_THAT(step().moved, SizeIs(unplaced.runs.size()));
    EXPECT_THAT(orders_, SizeIs(unplaced.runs.size()));
}

TEST_F(TermTest, EndsAFireThatNoNodeTookWithinTheMisfireWindow)
{
    settings_.misfire_window = 20s;
    add(every_second(1));
    begin();
    step();
    at(40s);
    const PlanStep late = step();
    ASSERT_FALSE(late.ended.empty());
    EXPECT_EQ(late.ended[0].id, fire(1, 1s));
    EXPECT_EQ(late.ended[0].state, RunState::skipped);
    EXPECT_EQ(to_string(late.ended[0].reason),
              "no-node: no node could take it within the misfire window");
}

TEST_F(TermTest, EndsAFireThatNoNodeTookByItsDeadline)
{
    settings_.start_deadline = 30s;
    add(every_second(1));
    begin();
    step();
    at(40s);
    const PlanStep late = step();
    ASSERT_FALSE(late.ended.empty());
    EXPECT_EQ(late.ended[0].id, fire(1, 1s));
    EXPECT_EQ(late.ended[0].state, RunState::skipped);
    EXPECT_THAT(to_string(late.ended[0].reason), StartsWith("no-node"));
}

TEST_F(TermTest, AMutexStaysWhereARunOfItIsAlive)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    connect(beta);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    const NodeName home = orders_[0].first;
    EXPECT_EQ(orders_[1].first, home);
    report(home, fire(1, 1s), RunState::running);
    at(1s);
    connect(alpha);
    connect(beta);
    step();
    EXPECT_EQ(orders_[0].first, home);
}

TEST_F(TermTest, AMutexFireIsSkippedWhileItsOwnerCannotBeAsked)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->disconnected(alpha, now_);
    connect(beta);
    at(1s);
    connect(beta);
    const PlanStep next = step();
    ASSERT_THAT(next.runs, SizeIs(1));
    EXPECT_EQ(next.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(next.runs[0].reason), StartsWith("owner-unreachable"));
    EXPECT_THAT(to_string(next.runs[0].reason), HasSubstr(alpha));
}

TEST_F(TermTest, WhatADrainingNodeGivesBackGoesToOthers)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const std::vector<RunId> held = term_->held_by(alpha);
    EXPECT_THAT(held, SizeIs(2));
    Account draining;
    draining.draining = true;
    for (const auto& [node, order] : orders_) draining.held.push_back(order);
    connect(alpha, draining);
    connect(beta);
    term_->evacuated(alpha, held);
    EXPECT_THAT(step().moved, SizeIs(2));
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, beta);
}

TEST_F(TermTest, ALimitedJobWaitsUntilTheCommandsOfADeadNodeAreGoneToo)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    connect(beta);
    step();
    const NodeName home = orders_[0].first;
    const NodeName other = home == alpha ? beta : alpha;
    report(home, fire(1, 1s), RunState::running);
    at(1500ms);
    connect(other);
    term_->disconnected(home, now_);
    died(home, now_.wall);
    at(2s);
    connect(other);
    PlanStep next = step();
    ASSERT_FALSE(next.runs.empty());
    EXPECT_EQ(next.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(next.runs[0].reason),
                StartsWith("owner-unreachable: " + home + " has just died"));
    at(3500ms);
    connect(other);
    next = step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_EQ(orders_[0].first, other);
}

TEST_F(TermTest, AQueuedFireWaitsForAHomeThatDrains)
{
    Job job = every_second(1);
    job.overlap = Overlap::queue;
    add(job);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    report(alpha, fire(1, 2s), RunState::success);
    Account draining;
    draining.draining = true;
    draining.running.emplace_back().id = fire(1, 1s);
    connect(alpha, draining);
    connect(beta);
    at(1s);
    connect(beta);
    const PlanStep waits = step();
    ASSERT_THAT(waits.runs, SizeIs(1));
    EXPECT_EQ(waits.runs[0].state, RunState::planned);
    EXPECT_EQ(waits.runs[0].run_server, "");
    at(2s);
    connect(beta);
    const PlanStep second = step();
    ASSERT_THAT(second.runs, SizeIs(1));
    EXPECT_EQ(second.runs[0].state, RunState::skipped);  // one waits already
    report(alpha, fire(1, 1s), RunState::success);
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, beta);
}

/// Job 1 runs on nodes with the label "db", of which beta is one.
class TermLabelsTest : public TermTest {
protected:
    TermLabelsTest()
    {
        job_.run_on = {"db"};
        job_.retries = 1;
        job_.retry_delay = 1s;
        job_.delivery = Delivery::at_least_once;
    }

    void begin_both()
    {
        add(job_);
        begin();
        connect_both();
    }
    void connect_both()
    {
        connect(alpha);
        connect_with(beta, {"db"});
    }
    void connect_with(const NodeName& node, std::vector<std::string> labels,
                      std::uint64_t incarnation = 1)
    {
        Account account;
        account.labels = std::move(labels);
        connect(node, account, incarnation);
    }
    /// One step; where its orders went.
    std::set<NodeName> destinations()
    {
        step();
        std::set<NodeName> nodes;
        for (const auto& [node, order] : orders_) nodes.insert(node);
        return nodes;
    }

    Job job_ = every_second(1);
};

TEST_F(TermLabelsTest, FiresRunsByHandRetriesAndRepeatedRunsGoOnlyToNodesThatFit)
{
    begin_both();
    EXPECT_THAT(destinations(), ElementsAre(beta));
    ASSERT_TRUE(term_->run_now(1, "ops from 10.0.0.1", now_));
    EXPECT_THAT(destinations(), ElementsAre(beta));
    report(beta, fire(1, 1s), RunState::failed);
    report(beta, fire(1, 2s), RunState::fenced);
    at(1s);
    connect_both();
    EXPECT_THAT(destinations(), ElementsAre(beta));
    const auto attempt = [this](std::chrono::milliseconds due) {
        RunId id = fire(1, due);
        id.attempt = 2;
        return term_->find_run(id).node;
    };
    EXPECT_EQ(attempt(1s), beta);
    EXPECT_EQ(attempt(2s), beta);
}

TEST_F(TermLabelsTest, WhatWaitsForANodeThatFitsGoesThereWhenItComes)
{
    add(job_);
    begin();
    connect(alpha);
    EXPECT_THAT(destinations(), IsEmpty());
    connect_with(beta, {"db"});
    EXPECT_THAT(destinations(), ElementsAre(beta));
}

TEST_F(TermLabelsTest, WhatNoNodeFitsIsSkippedWhenItIsTooLate)
{
    settings_.misfire_window = 20s;
    add(job_);
    begin();
    connect(alpha);
    step();
    at(40s);
    connect(alpha);
    const PlanStep late = step();
    ASSERT_FALSE(late.ended.empty());
    EXPECT_EQ(to_string(late.ended[0].reason),
              "no-node: no node fitted run_on db within the misfire window");
}

TEST_F(TermLabelsTest, AFireOfANodeThatIsDeadWaitsForItsLikeAndGoesToNoOther)
{
    begin_both();
    EXPECT_THAT(destinations(), ElementsAre(beta));
    term_->disconnected(beta, now_);
    died(beta, now_.wall);
    EXPECT_THAT(destinations(), IsEmpty());
    connect_with(beta, {"web"}, 2);
    EXPECT_THAT(destinations(), IsEmpty()) << "it was started again with another label";
    connect_with(beta, {"db"}, 3);
    EXPECT_THAT(destinations(), ElementsAre(beta));
}

TEST_F(TermLabelsTest, AChangeOfRunOnMovesWhatHasNotStarted)
{
    begin_both();
    EXPECT_THAT(destinations(), ElementsAre(beta));
    job_.run_on = {"!db"};
    job_.effective_from = now_.wall;
    add(job_);
    const std::vector<RunId> given_back{fire(1, 1s), fire(1, 2s)};
    const std::vector<JobId> changed{1};
    term_->jobs_changed(changed, given_back, now_);
    EXPECT_THAT(destinations(), ElementsAre(alpha));
}

}  // namespace
}  // namespace peercron
