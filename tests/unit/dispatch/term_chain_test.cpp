#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr JobId extract = 1;
constexpr JobId load = 2;
constexpr JobId report_job = 3;

/// Job 1, extract, fires once a minute, at its first second; job 2, load, runs after it.
class ChainTest : public TermTest {
protected:
    ChainTest()
    {
        parent_ = every_second(extract);
        parent_.name = "extract";
        parent_.cron_set = "1 * * * * *";
        child_ = after(load, "load", {"extract"});
    }

    static Job after(JobId id, std::string name, std::vector<std::string> parents)
    {
        Job job;
        job.id = id;
        job.name = std::move(name);
        job.command = "true";
        job.run_after = std::move(parents);
        return job;
    }

    /// Nothing is open when the term begins, and the store owes nothing.
    void start()
    {
        at(0ms);
        add(parent_);
        add(child_);
        begin();
        connect(alpha);
        answer({});
    }
    void answer(std::vector<ChainRow> rows)
    {
        term_->take_chain_questions(100);
        term_->found_chain_rows(std::move(rows), now_.steady + 90s);
    }
    void end(const RunId& id, RunState state, std::optional<int> exit_code = {})
    {
        RunReport report;
        report.id = id;
        report.state = state;
        report.exit_code = exit_code;
        report.ended_at = now_.wall;
        term_->report(alpha, report, now_);
    }
    /// The clock goes on until the term has forgotten the ends before, which takes ten seconds when
    /// the changes of jobs are known: only what Chains itself knows of them counts from here on.
    void forget_ends(std::chrono::milliseconds after_midnight)
    {
        at(after_midnight);
        term_->changes_are_known_until(now_.wall);
        step();
    }
    /// Extract's first fire has been handed out, and runs.
    void run_parent()
    {
        step();
        at(1s);
        report(alpha, fire(extract, 1s), RunState::running);
    }
    static Account running(const std::vector<RunId>& runs)
    {
        Account account;
        for (const RunId& id : runs) {
            RunReport report;
            report.id = id;
            report.state = RunState::running;
            account.running.push_back(report);
        }
        return account;
    }
    ChainRow row(RunState state, std::chrono::milliseconds ended = 2s) const
    {
        ChainRow row;
        row.edge = {extract, load};
        row.id = fire(extract, 1s);
        row.state = state;
        if (is_final(state)) row.ended_at = midnight + ended;
        return row;
    }
    void change(const Job& job)
    {
        add(job);
        const std::vector<JobId> changed(1, job.id);
        term_->jobs_changed(changed, {}, now_);
    }

    /// The row of a run among those of a step.
    static std::optional<PlannedRun> row_of(const PlanStep& step, const RunId& id)
    {
        for (const PlannedRun& row : step.runs) {
            if (row.id == id) return row;
        }
        return std::nullopt;
    }

    Job parent_;
    Job child_;
};

TEST_F(ChainTest, TheChildRunsWhenItsParentHasSucceeded)
{
    start();
    run_parent();
    EXPECT_THAT(step().runs, IsEmpty());
    at(20s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_TRUE(term_->has_chain_news());
    const PlanStep done = step();
    const auto row = row_of(done, fire(load, 1s));
    ASSERT_TRUE(row) << "it has the scheduled time of its parent";
    EXPECT_EQ(row->state, RunState::planned);
    EXPECT_EQ(row->retry_at, midnight + 20s);
    EXPECT_EQ(row->requested_by, "after extract (job 1: success, exit code 0)");
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(load, 1s));
    EXPECT_EQ(orders_[0].second.parent, row->requested_by);
    EXPECT_EQ(orders_[0].second.start_at, midnight + 20s);
    EXPECT_EQ(orders_[0].second.due_at, midnight + 20s);
    EXPECT_THAT(step().runs, IsEmpty()) << "once";
}

TEST_F(ChainTest, AParentThatFailsSkipsTheChildAndWhatComesAfterThat)
{
    start();
    change(after(report_job, "report", {"load"}));
    answer({});
    run_parent();
    end(fire(extract, 1s), RunState::failed, 3);
    const PlanStep done = step();
    const auto row = row_of(done, fire(load, 1s));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->state, RunState::skipped);
    EXPECT_EQ(to_string(row->reason), "parent: extract failed, exit code 3");
    const auto last = row_of(done, fire(report_job, 1s));
    ASSERT_TRUE(last);
    EXPECT_EQ(to_string(last->reason), "parent: load was skipped (parent)");
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(ChainTest, AParentThatIsTriedAgainIsNotOver)
{
    parent_.retries = 1;
    parent_.retry_delay = 10s;
    start();
    run_parent();
    end(fire(extract, 1s), RunState::failed, 1);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
    at(20s);
    step();
    RunId again = fire(extract, 1s);
    again.attempt = 2;
    end(again, RunState::success, 0);
    const auto row = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->requested_by, "after extract (job 1 attempt 2: success, exit code 0)");
}

TEST_F(ChainTest, ALostParentThatIsDeliveredAgainIsNotOver)
{
    parent_.delivery = Delivery::at_least_once;
    start();
    connect(beta);
    step();
    at(1s);
    const NodeName where = orders_.empty() ? alpha : orders_[0].first;
    report(where, fire(extract, 1s), RunState::running);
    at(3s);
    died(where, now_.wall);
    const PlanStep moved = step();
    EXPECT_FALSE(row_of(moved, fire(load, 1s)));
    RunId again = fire(extract, 1s);
    again.attempt = 2;
    EXPECT_TRUE(row_of(moved, again));
}

TEST_F(ChainTest, ALostParentIsAFailure)
{
    child_.run_after_on = RunAfterOn::failure;
    start();
    connect(beta);
    step();
    at(1s);
    ASSERT_THAT(orders_, SizeIs(1));
    const NodeName where = orders_[0].first;
    report(where, fire(extract, 1s), RunState::running);
    at(3s);
    died(where, now_.wall);
    const auto row = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->state, RunState::planned);
}

TEST_F(ChainTest, AJoinWaitsForAllOfThem)
{
    Job second = parent_;
    second.id = 4;
    second.name = "second";
    add(second);
    child_.run_after = {"extract", "second"};
    start();
    run_parent();
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
    at(5s);
    end(fire(4, 1s), RunState::success, 0);
    const auto row = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->requested_by, "after second (job 4: success, exit code 0)");
}

TEST_F(ChainTest, AStoppedChildHasNoFire)
{
    start();
    run_parent();
    child_.stop = true;
    child_.effective_from = now_.wall;
    change(child_);
    at(2s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
    at(3s);
    child_.stop = false;
    child_.effective_from = now_.wall;
    change(child_);
    answer({row(RunState::success)});
    EXPECT_FALSE(row_of(step(), fire(load, 1s))) << "it was over while the job was stopped";
}

TEST_F(ChainTest, AChangeOfSomethingElseTakesNoFire)
{
    start();
    run_parent();
    at(5s);
    child_.command = "false";
    child_.effective_from = now_.wall;
    change(child_);
    at(6s);
    end(fire(extract, 1s), RunState::success, 0);
    ASSERT_TRUE(row_of(step(), fire(load, 1s)));
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.command, "false") << "it runs as the job is now";
}

TEST_F(ChainTest, AChildThatIsAddedWhileItsParentRunsRunsAfterIt)
{
    at(0ms);
    add(parent_);
    begin();
    connect(alpha);
    run_parent();
    at(5s);
    child_.effective_from = now_.wall;
    change(child_);
    ASSERT_TRUE(term_->has_chain_questions());
    at(6s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s))) << "whether it has a row the store has to say";
    answer({row(RunState::running)});
    EXPECT_TRUE(row_of(step(), fire(load, 1s)));
}

TEST_F(ChainTest, ANewDispatcherPlansWhatTheStoreSaysIsOwed)
{
    at(30s);
    add(parent_);
    add(child_);
    begin();
    connect(alpha);
    answer({row(RunState::success)});
    const auto owed = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(owed);
    EXPECT_EQ(owed->retry_at, midnight + 2s);
    EXPECT_EQ(orders_.at(0).second.start_at, midnight + 30s);
}

TEST_F(ChainTest, ANewDispatcherAsksTheStoreBeforeItBelievesANode)
{
    // The dispatcher before has planned the child when it heard of the end, and that has ended; its
    // parent's node has not written it yet.
    at(30s);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun open;
    open.planned.id = fire(extract, 1s);
    open.planned.state = RunState::running;
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    begin(found);
    Account account;
    RunReport ended;
    ended.id = fire(extract, 1s);
    ended.state = RunState::success;
    ended.ended_at = midnight + 20s;
    account.ended.push_back(ended);
    connect(alpha, account);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
    answer({});
    EXPECT_FALSE(row_of(step(), fire(load, 1s))) << "it has a row";
}

TEST_F(ChainTest, ANewDispatcherHearsTheEndFromTheNodeAlone)
{
    at(30s);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun open;
    open.planned.id = fire(extract, 1s);
    open.planned.state = RunState::running;
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    Account account;
    RunReport ended;
    ended.id = fire(extract, 1s);
    ended.state = RunState::success;
    ended.ended_at = midnight + 20s;
    account.ended.push_back(ended);
    // As in a take-over: first the accounts, then the store.
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(alpha, account);
    term_->begin(found, now_);
    answer({row(RunState::running)});
    EXPECT_TRUE(row_of(step(), fire(load, 1s)));
}

TEST_F(ChainTest, WhatAClockAheadHasStartedIsTheFireOfItsMoment)
{
    start();
    connect(alpha, running({fire(load, 1s)}));
    run_parent();
    at(5s);
    end(fire(load, 1s), RunState::success, 0);
    forget_ends(40s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s))) << "though its end is long ago";
}

TEST_F(ChainTest, WhatAClockAheadHasStartedMayBecomeKnownAfterItsParent)
{
    start();
    run_parent();
    connect(alpha, running({fire(extract, 1s), fire(load, 1s)}));
    at(5s);
    end(fire(load, 1s), RunState::success, 0);
    forget_ends(40s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
}

TEST_F(ChainTest, WhatAClockAheadHasStartedIsRememberedUntilItsParentIsPlanned)
{
    Job last = after(report_job, "report", {"load"});
    add(last);
    start();
    connect(alpha, running({fire(report_job, 1s)}));
    run_parent();
    end(fire(report_job, 1s), RunState::success, 0);
    forget_ends(40s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_TRUE(row_of(step(), fire(load, 1s)));
    end(fire(load, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(report_job, 1s)));
}

TEST_F(ChainTest, OfFiresBeforeItsTimeATermAsksTheStoreFirst)
{
    Job last = after(report_job, "report", {"load"});
    add(last);
    at(2s);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun open;
    open.planned.id = fire(extract, 1s);
    open.planned.state = RunState::running;
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    begin(found);
    connect(alpha, running({fire(extract, 1s)}));
    answer({row(RunState::running)});
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_TRUE(row_of(step(), fire(load, 1s)));
    EXPECT_TRUE(term_->has_chain_questions());
    answer({});
    end(fire(load, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(report_job, 1s))) << "it has had its row";
}

TEST_F(ChainTest, WhatAClockAheadHadPlannedAndIsTakenBackIsPlannedAtItsMoment)
{
    at(0ms);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun early;
    early.planned.id = fire(load, 61s);
    found.open_runs.push_back(early);
    begin(found);
    connect(alpha);
    answer({});
    term_->take_back_early({}, now_);
    EXPECT_THAT(step().ended, SizeIs(1));
    at(61s);
    connect(alpha);
    step();
    end(fire(extract, 61s), RunState::success, 0);
    EXPECT_TRUE(row_of(step(), fire(load, 61s)));
}

TEST_F(ChainTest, AnAttemptThatAChangeTookBackIsTheLastWhenItIsLost)
{
    parent_.delivery = Delivery::at_least_once;
    parent_.retries = 1;
    parent_.retry_delay = 10s;
    child_.run_after_on = RunAfterOn::failure;
    at(2s);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun open;
    open.planned.id = fire(extract, 1s);
    open.planned.state = RunState::running;
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    begin(found);
    connect(alpha, running({fire(extract, 1s)}));
    answer({row(RunState::running)});
    at(4s);
    end(fire(extract, 1s), RunState::failed, 1);
    step();
    at(13s);
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id.attempt, 2);
    parent_.effective_from = now_.wall;
    change(parent_);  // its node does not answer
    at(15s);
    died(alpha, now_.wall);
    connect(beta);
    const auto decided = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(decided) << "nobody will try it again";
    EXPECT_EQ(decided->state, RunState::planned);
}

TEST_F(ChainTest, AnEndThatTheStoreSaysMayBeTriedAgainIsHeld)
{
    parent_.retries = 1;
    at(30s);
    add(parent_);
    add(child_);
    begin();
    connect(alpha);
    answer({row(RunState::failed)});
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
    at(30s + 91s);
    connect(alpha);
    const auto late = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(late) << "nobody tried it again";
    EXPECT_EQ(late->state, RunState::skipped);
}

TEST_F(ChainTest, ALostParentIsHeldUntilItIsKnownWhatIsDeliveredAgain)
{
    parent_.delivery = Delivery::at_least_once;
    child_.run_after_on = RunAfterOn::end;
    for (const bool is_repeated : {true, false}) {
        at(5s);
        add(parent_);
        add(child_);
        begin();
        connect(alpha);
        answer({row(RunState::lost)});
        EXPECT_THAT(step().runs, IsEmpty()) << "it may be delivered again";
        // A version in between may have taken the fire back.
        std::vector<RunId> runs;
        if (is_repeated) runs.push_back(fire(extract, 1s));
        term_->deliver_again(runs);
        const PlanStep next = step();
        EXPECT_EQ(row_of(next, fire(load, 1s)).has_value(), !is_repeated);
        RunId again = fire(extract, 1s);
        again.attempt = 2;
        EXPECT_EQ(row_of(next, again).has_value(), is_repeated);
    }
}

TEST_F(ChainTest, AnEndAfterWhichAnAttemptWasSkippedIsTheLast)
{
    parent_.retries = 5;
    at(30s);
    add(parent_);
    add(child_);
    begin();
    connect(alpha);
    ChainRow superseded = row(RunState::skipped, 20s);
    superseded.id.attempt = 2;
    superseded.cause = Cause::superseded;
    answer({row(RunState::failed), superseded});
    const auto decided = row_of(step(), fire(load, 1s));
    ASSERT_TRUE(decided);
    EXPECT_EQ(to_string(decided->reason), "parent: extract ended as failed");
    EXPECT_EQ(decided->retry_at, midnight + 20s);
}

TEST_F(ChainTest, WhatWasDecidedWhileTheStoreWasReadIsNotDecidedAgain)
{
    start();
    run_parent();
    change(after(report_job, "report", {"extract"}));
    term_->take_chain_questions(100);
    at(2s);
    end(fire(extract, 1s), RunState::success, 0);
    ASSERT_TRUE(row_of(step(), fire(load, 1s)));
    end(fire(load, 1s), RunState::success, 0);
    forget_ends(40s);
    // As it was before that.
    term_->found_chain_rows({row(RunState::running)}, now_.steady + 90s);
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 1s)));
}

TEST_F(ChainTest, ARunByHandTakesItsChainWithItUnlessItIsAskedNotTo)
{
    start();
    at(10s + 5ms);
    const auto alone = term_->run_now(extract, "ops from 10.0.0.7 (without its chain)", now_);
    const auto run = term_->run_now(extract, "ops from 10.0.0.7", now_);
    step();
    end(*alone, RunState::success, 0);
    end(*run, RunState::success, 0);
    const PlanStep done = step();
    EXPECT_TRUE(row_of(done, {load, run->scheduled_at, 1}));
    EXPECT_FALSE(row_of(done, {load, alone->scheduled_at, 1}));
}

TEST_F(ChainTest, ARehearsalRunsAlone)
{
    Account knows;
    knows.known_fields = names_of_needs(fields_for_nodes());
    knows.known_fields.emplace_back(rehearsal_need);
    start();
    connect(alpha, knows);
    at(10s + 5ms);
    const auto run = term_->run_now(extract, "ops from 10.0.0.7 (rehearsal)", now_);
    ASSERT_TRUE(run) << run.error().message;
    step();
    end(*run, RunState::success, 0);
    EXPECT_FALSE(row_of(step(), {load, run->scheduled_at, 1}));
}

TEST_F(ChainTest, AFireThatABackfillRunsRunsAlone)
{
    start();
    at(10s + 5ms);
    const RunId old = fire(extract, -1h + 1s);
    ASSERT_TRUE(term_->run_again(old, std::nullopt, "backfill 7 by ops", now_));
    step();
    end(old, RunState::success, 0);
    EXPECT_THAT(step().runs, IsEmpty()) << "its child may have a row of that time";
    ChainRow found = row(RunState::success);
    found.id = old;
    found.requested_by = "backfill 7 by ops";
    answer({found});
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(ChainTest, TheMissedFiresOfAParentAreOneRowOfTheChild)
{
    parent_.cron_set = "* * * * * *";
    parent_.misfire_policy = Misfire::skip;
    at(60s);
    add(parent_);
    add(child_);
    TermStart found;
    found.planned_through = midnight;
    begin(found);
    connect(alpha);
    const PlanStep late = step();
    const auto gap = row_of(late, fire(extract, 1s));
    ASSERT_TRUE(gap);
    const auto own = row_of(late, fire(load, 1s));
    ASSERT_TRUE(own);
    EXPECT_EQ(own->state, RunState::skipped);
    EXPECT_EQ(own->reason.cause, Cause::parent);
    EXPECT_EQ(own->fires, gap->fires);
    EXPECT_EQ(own->gap_end, gap->gap_end);
}

TEST_F(ChainTest, TheNextFireEndsTheWaitOfTheChildsRetry)
{
    child_.retries = 3;
    child_.retry_delay = 3600s;
    start();
    run_parent();
    end(fire(extract, 1s), RunState::success, 0);
    step();
    end(fire(load, 1s), RunState::failed, 1);
    RunId retry = fire(load, 1s);
    retry.attempt = 2;
    EXPECT_TRUE(row_of(step(), retry));
    at(60s);
    connect(alpha);
    step();
    at(61s);
    end(fire(extract, 61s), RunState::success, 0);
    const PlanStep next = step();
    EXPECT_TRUE(row_of(next, fire(load, 61s)));
    ASSERT_THAT(next.ended, SizeIs(2));
    EXPECT_EQ(next.ended[0].id, fire(extract, 61s)) << "what the next fire follows from";
    EXPECT_EQ(next.ended[1].id, retry);
    EXPECT_EQ(next.ended[1].reason.cause, Cause::superseded);
}

TEST_F(ChainTest, StoppingTheChildTakesBackWhatHasNotStarted)
{
    start();
    run_parent();
    end(fire(extract, 1s), RunState::success, 0);
    step();
    child_.stop = true;
    child_.effective_from = now_.wall;
    add(child_);
    const std::vector<JobId> changed{load};
    const std::vector<RunId> back{fire(load, 1s)};
    term_->jobs_changed(changed, back, now_);
    const PlanStep done = step();
    ASSERT_THAT(done.ended, SizeIs(1));
    EXPECT_EQ(done.ended[0].state, RunState::revoked);
    EXPECT_EQ(done.ended[0].reason.cause, Cause::job_stopped);
}

TEST_F(ChainTest, RunsInAllAreCounted)
{
    child_.run_limit = 1;
    start();
    run_parent();
    end(fire(extract, 1s), RunState::success, 0);
    EXPECT_TRUE(row_of(step(), fire(load, 1s)));
    at(60s);
    connect(alpha);
    step();
    at(61s);
    end(fire(extract, 61s), RunState::success, 0);
    EXPECT_FALSE(row_of(step(), fire(load, 61s))) << "the one before is still open";
}

}  // namespace
}  // namespace peercron
