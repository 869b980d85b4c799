#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(TermTest, ALimitedJobIsPlannedOnlyWhileRunsAreLeft)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(2));
    at(1s);
    EXPECT_THAT(step().runs, SizeIs(1));
    at(2s);
    EXPECT_THAT(step().runs, IsEmpty()) << "three are under way";

    for (const auto moment : {1s, 2s, 3s}) report(alpha, fire(1, moment), RunState::success);
    at(10s);
    EXPECT_THAT(step().runs, IsEmpty()) << "three have run";
    EXPECT_FALSE(term_->has_news(now_)) << "nothing to do for it";
}

TEST_F(TermTest, ASkippedFireLeavesItsPlaceToALaterOne)
{
    Job job = every_second(1);
    job.run_limit = 2;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(2));
    report(alpha, fire(1, 1s), RunState::success);
    at(2s);
    EXPECT_THAT(step().runs, IsEmpty());
    report(alpha, fire(1, 2s), RunState::skipped);
    at(3s);
    const PlanStep next = step();
    ASSERT_THAT(next.runs, SizeIs(1));
    EXPECT_GT(next.runs[0].id.scheduled_at, midnight + 2s);
}

TEST_F(TermTest, ARehearsalTakesNoRunFromTheQuota)
{
    Job job = every_second(1);
    job.run_limit = 2;
    add(job);
    begin();
    Account account;
    account.known_fields = {"rehearsal"};
    connect(alpha, account);
    at(5ms);
    const auto open = term_->run_now(1, "alice (rehearsal)", now_);
    const auto over = term_->run_now(1, "alice (rehearsal)", now_);
    ASSERT_TRUE(open && over);
    EXPECT_THAT(step().runs, SizeIs(4)) << "two fires, and two rehearsals";
    RunReport end;
    end.id = *over;
    end.state = RunState::failed;
    end.rehearsal = true;
    term_->report(alpha, end, now_);
    report(alpha, fire(1, 1s), RunState::skipped);
    at(3s);
    EXPECT_THAT(step().runs, SizeIs(1)) << "the skipped one leaves its place";
    at(4s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, ARunWhoseStepIsNotStoredYetCounts)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    step();
    at(2100ms);
    report(alpha, fire(1, 1s), RunState::success);
    report(alpha, fire(1, 2s), RunState::success);
    TermStart found;  // the ledger has none of that
    found.run_numbers = {{1, 0}};
    term_->resolve_doubts(found, {}, now_);
    EXPECT_THAT(step().runs, SizeIs(1));
    found.last_step = StepId{7, 2};  // and now all, the second one not recorded
    found.run_numbers = {{1, 1}};
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, {}, now_);
    at(4s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, ARunThatIsReportedTwiceCountsOnce)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::success);
    report(alpha, fire(1, 1s), RunState::success);
    Account again;
    RunReport ended;
    ended.id = fire(1, 1s);
    ended.state = RunState::success;
    again.ended.push_back(ended);
    RunOrder held;
    held.id = fire(1, 2s);
    again.held.push_back(held);
    connect(alpha, again);
    at(2s);
    EXPECT_THAT(step().runs, SizeIs(1)) << "one has run, one is under way";
}

TEST_F(TermTest, TakeOverKnowsHowManyRunsAreLeft)
{
    Job job = every_second(1);
    job.run_limit = 4;
    add(job);
    at(10s);
    TermStart found;
    found.planned_through = midnight + 10s;
    found.run_numbers = {{1, 1}};
    OpenRun open;  // has ended at its node, which has not recorded it
    open.planned.id = fire(1, 9s);
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    open.planned.id = fire(1, 8s);  // ended there too, but did not run
    found.open_runs.push_back(open);

    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    RunReport ended;
    ended.id = fire(1, 9s);
    ended.state = RunState::failed;
    account.ended.push_back(ended);
    ended.id = fire(1, 8s);
    ended.state = RunState::skipped;
    account.ended.push_back(ended);
    connect(alpha, account);
    term_->begin(found, now_);

    EXPECT_THAT(step().runs, SizeIs(2)) << "1 + 1 have run, 2 of 4 are left";
    at(20s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, AJobWithoutRunsLeftHasNoMisfires)
{
    Job job = every_second(1);
    job.run_limit = 1;
    job.counters.run_num = 1;
    job.effective_from = midnight - 1h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 10min;
    found.run_numbers = {{1, 1}};
    begin(found);
    connect(alpha);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, AGreaterLimitTakesEffectAtOnce)
{
    Job job = every_second(1);
    job.run_limit = 1;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(1));
    report(alpha, fire(1, 1s), RunState::success);
    at(5s);
    EXPECT_THAT(step().runs, IsEmpty());
    job.run_limit = 2;
    job.effective_from = now_.wall;
    add(job);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermTest, RunsOfAJobThatGotALimitAreCountedWhereverTheyAre)
{
    add(every_second(1));
    begin();
    connect(alpha);
    connect(beta);
    step();
    ASSERT_THAT(orders_, SizeIs(2));  // one on each node
    for (const auto& [node, order] : orders_) report(node, order.id, RunState::running);
    const RunId on_alpha = orders_[0].second.id;
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    mutex.effective_from = midnight + 2s;
    at(2s);
    add(mutex);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    connect(alpha);
    connect(beta);
    const PlanStep both = step();
    ASSERT_FALSE(both.runs.empty());
    EXPECT_EQ(both.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(both.runs[0].reason), StartsWith("mutex: runs of this job are open on "));
    report(alpha, on_alpha, RunState::success);
    at(3s);
    connect(alpha);
    connect(beta);
    step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_EQ(orders_[0].first, beta);
}

}  // namespace
}  // namespace peercron
