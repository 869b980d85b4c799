#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(TermTest, PlansEveryFireUpToTheLookaheadOnceAndInOrder)
{
    add(every_second(1));
    begin();
    connect(alpha);
    PlanStep first = step();
    EXPECT_EQ(first.epoch, 7U);
    EXPECT_EQ(first.planned_through, midnight + 2s);
    ASSERT_THAT(first.runs, SizeIs(2));
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
    EXPECT_EQ(first.runs[1].id, fire(1, 2s));
    EXPECT_EQ(first.runs[0].run_server, alpha);
    EXPECT_EQ(first.runs[0].state, RunState::planned);
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].second.start_at, midnight + 1s);
    EXPECT_EQ(orders_[0].second.epoch, 7U);

    at(500ms);
    EXPECT_THAT(step().runs, IsEmpty());
    at(1s);
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermTest, NothingIsSentBeforeTheStepWasTaken)
{
    add(every_second(1));
    begin();
    connect(alpha);
    EXPECT_THAT(term_->messages(now_), IsEmpty());
}

TEST_F(TermTest, SaysWhatItEndedItselfAndOfAGapHowManyFires)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight - 3600s;
    begin(found);
    connect(alpha);
    step();
    const std::vector<EndedFires> ended = term_->take_ended();
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].id, fire(1, -3599s));
    EXPECT_EQ(ended[0].state, RunState::skipped);
    EXPECT_EQ(ended[0].fires, 3539);
    EXPECT_EQ(ended[0].until, midnight - 61s);
    EXPECT_THAT(to_string(ended[0].reason), StartsWith("misfire: "));
    EXPECT_THAT(term_->take_ended(), IsEmpty());
}

TEST_F(TermTest, PlansNoFiresWhileThePlanIsHeldAndThenWhatIsNotTooLate)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const WallTime planned = term_->planned_through();
    term_->hold_plan(true);
    at(30s);
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_FALSE(term_->behind());
    EXPECT_EQ(term_->planned_through(), planned);
    at(100s);
    connect(alpha);
    EXPECT_THAT(step().runs, IsEmpty());
    term_->hold_plan(false);
    EXPECT_TRUE(term_->has_news(now_));
    const std::vector<PlannedRun> rows = step().runs;
    ASSERT_FALSE(rows.empty());
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_EQ(rows[0].id, fire(1, 3s));
    EXPECT_EQ(rows[0].gap_end, midnight + 39s);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "overload: missed while no node was planning; the ledger was too far behind; longer ago "
        "than the misfire window of 60 s");
    EXPECT_THAT(rows, SizeIs(1 + 63)) << "the others run late or on time";
    EXPECT_EQ(term_->planned_through(), midnight + 102s);
}

TEST_F(TermTest, TakesSoManyFiresAtATimeAndForgetsNone)
{
    Job job = every_second(1);
    job.misfire_window = 0s;
    job.effective_from = midnight - 24h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 25'000s;
    begin(found);
    connect(alpha);
    std::vector<RunId> all;
    for (int steps = 0; steps < 5; ++steps) {
        const PlanStep part = step();
        EXPECT_LE(part.runs.size(), 10'000U);
        for (const PlannedRun& row : part.runs) {
            EXPECT_LE(row.id.scheduled_at, part.planned_through);
            all.push_back(row.id);
        }
        const bool more = term_->behind();
        EXPECT_EQ(more, part.planned_through < midnight + 2s);
        if (!more) break;
    }
    ASSERT_THAT(all, SizeIs(25'002));
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size());
    EXPECT_EQ(term_->planned_through(), midnight + 2s);
}

TEST_F(TermTest, ARunOnRequestIsPlannedWhateverTheScheduleSays)
{
    Job job = every_second(1);
    job.stop = true;
    add(job);
    begin();
    connect(alpha);
    at(300ms);
    const auto first = term_->run_now(1, "ops at 10.0.0.5", now_);
    const auto second = term_->run_now(1, "ops at 10.0.0.5", now_);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(2));
    EXPECT_EQ(planned.runs[0].id, *first);
    EXPECT_EQ(planned.runs[0].requested_by, "ops at 10.0.0.5");
    EXPECT_EQ(planned.runs[0].run_server, alpha);
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_LE(orders_[0].second.start_at, now_.wall);
    EXPECT_FALSE(term_->run_now(4711, "", now_));
}

TEST_F(TermTest, ARunOnRequestNeverTakesTheMomentOfAFire)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1s);
    const auto run = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(run);
    EXPECT_NE(run->scheduled_at, midnight + 1s);
    EXPECT_NE(run->scheduled_at.time_since_epoch() % 1s, 0ms);
}

TEST_F(TermTest, ARunOnRequestKeepsToTheMutex)
{
    Job job = every_second(1);
    job.is_mutex = true;
    job.cron_set = "@hourly";
    add(job);
    begin();
    connect(alpha);
    connect(beta);
    at(1ms);
    const auto first = term_->run_now(1, "ops", now_);
    step();
    const NodeName home = orders_.at(0).first;
    const auto second = term_->run_now(1, "ops", now_);
    step();
    EXPECT_EQ(orders_.at(0).first, home) << "where the first may run, and decides";
    ASSERT_TRUE(first && second);
}

TEST_F(TermTest, ARunThatIsHereIsCancelledAndItsRowSaysWho)
{
    add(every_second(1));
    begin();  // no node yet
    step();
    const auto place = term_->find_run(fire(1, 1s));
    EXPECT_EQ(place.whereabouts, TermRules::Whereabouts::here);
    term_->cancel(fire(1, 1s), parse_reason("on-request: ops"), now_);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, TermRules::Whereabouts::unknown);
    connect(alpha);
    const PlanStep next = step();
    ASSERT_THAT(next.ended, SizeIs(1));
    EXPECT_EQ(next.ended[0].state, RunState::killed);
    EXPECT_EQ(to_string(next.ended[0].reason), "on-request: ops");
    for (const auto& [node, order] : orders_) EXPECT_NE(order.id, fire(1, 1s));
}

TEST_F(TermTest, KnowsWhereARunIs)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, TermRules::Whereabouts::held);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).node, alpha);
    report(alpha, fire(1, 1s), RunState::running);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, TermRules::Whereabouts::running);
    report(alpha, fire(1, 1s), RunState::success);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, TermRules::Whereabouts::unknown);
}

}  // namespace
}  // namespace peercron
