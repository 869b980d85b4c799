#include "term_fixture.hpp"

#include "model/output_to_come.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Job 1 fires once a minute, at its first second, at beta; it is tried again in ten seconds.
class ToldEndsTest : public TermTest {
protected:
    ToldEndsTest()
    {
        job_ = every_second(1);
        job_.name = "first";
        job_.cron_set = "1 * * * * *";
    }

    void run_first()
    {
        at(0ms);
        add(job_);
        begin();
        connect(beta);
        answer_chains();
        step();
        at(1s);
        report(beta, first_, RunState::running);
    }
    void answer_chains()
    {
        term_->take_chain_questions(100);
        term_->found_chain_rows({}, now_.steady + 90s);
    }
    RunReport end_of(RunState state) const
    {
        RunReport end;
        end.id = first_;
        end.state = state;
        end.run_server = beta;
        end.dispatch_server = alpha;
        end.epoch = 7;
        end.started_at = midnight + 1s;
        end.ended_at = now_.wall;
        end.use_time = now_.wall - midnight - 1s;
        end.exit_code = state == RunState::success ? 0 : 3;
        end.output_bytes = 8;
        return end;
    }
    void tell(const RunReport& end) { term_->report(beta, end, now_); }
    static RunReport without_output(RunReport end)
    {
        end.output = output_to_come;
        return end;
    }

    Job job_;
    const RunId first_ = fire(1, 1s);
};

TEST_F(ToldEndsTest, TheStepThatTriesAgainSaysHowTheRunEnded)
{
    job_.retries = 1;
    run_first();
    at(2s);
    tell(end_of(RunState::failed));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id.attempt, 2);
    EXPECT_THAT(planned.ended, ElementsAre(without_output(end_of(RunState::failed))));
    EXPECT_THAT(step().ended, IsEmpty()) << "once";
}

TEST_F(ToldEndsTest, AnEndFromWhichNothingFollowsIsItsNodesToWrite)
{
    job_.retries = 1;
    run_first();
    at(2s);
    tell(end_of(RunState::success));
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().ended, IsEmpty());
}

TEST_F(ToldEndsTest, TheStepThatDeliversAgainSaysHowTheRunEnded)
{
    job_.delivery = Delivery::at_least_once;
    run_first();
    at(2s);
    tell(end_of(RunState::fenced));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_THAT(planned.ended, ElementsAre(without_output(end_of(RunState::fenced))));
}

TEST_F(ToldEndsTest, TheStepThatRunsAJobAfterOthersSaysHowTheyEnded)
{
    Job child;
    child.id = 2;
    child.name = "second";
    child.command = "true";
    child.run_after = {"first"};
    add(child);
    run_first();
    at(2s);
    tell(end_of(RunState::success));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id.job, 2);
    EXPECT_THAT(planned.ended, ElementsAre(without_output(end_of(RunState::success))));
}

TEST_F(ToldEndsTest, AJobThatRunsAfterSeveralMayFireLongAfterTheFirstHasEnded)
{
    Job other = job_;
    other.id = 3;
    other.name = "other";
    add(other);
    Job child;
    child.id = 2;
    child.name = "second";
    child.command = "true";
    child.run_after = {"first", "other"};
    add(child);
    run_first();
    at(2s);
    const RunReport first = end_of(RunState::success);
    tell(first);
    EXPECT_THAT(step().ended, IsEmpty());
    at(40s);
    RunReport second = end_of(RunState::success);
    second.id.job = 3;
    tell(second);
    EXPECT_THAT(step().ended, ElementsAre(without_output(first), without_output(second)));
}

TEST_F(ToldEndsTest, TheStepThatStartsADaemonAgainSaysHowTheLastStartEnded)
{
    job_ = Job();
    job_.id = 1;
    job_.kind = JobKind::daemon;
    job_.command = "worker";
    job_.effective_from = midnight;
    at(1s);
    add(job_);
    begin();
    Account account;
    account.known_fields = names_of_needs(fields_for_nodes());
    connect(beta, account);
    term_->take_daemon_questions(100);
    term_->found_daemon_starts(std::vector<JobId>{1}, {}, now_.wall);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    RunReport end = end_of(RunState::failed);
    end.id = orders_[0].second.id;
    report(beta, end.id, RunState::running);
    tell(end);
    PlanStep next = step();
    for (int second = 2; second < 30 && next.runs.empty(); ++second) {
        EXPECT_THAT(next.ended, IsEmpty()) << "it waits";
        at(second * 1s);
        connect(beta, account);
        next = step();
    }
    ASSERT_THAT(next.runs, SizeIs(1));
    EXPECT_THAT(next.ended, ElementsAre(without_output(end)));
}

/// The store was read before it had the step, and says that the run of the dead node is open.
TEST_F(ToldEndsTest, WhatAStepSaysIsNotLostByAnOlderLookAtTheLedger)
{
    job_.retries = 1;
    run_first();
    connect(alpha);
    at(2s);
    tell(end_of(RunState::failed));
    died(beta, now_.wall);
    const TermRules::Doubts doubts = term_->doubts();
    TermStart found;
    OpenRun row;
    row.planned.id = first_;
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    EXPECT_THAT(step().ended, SizeIs(1));
    term_->resolve_doubts(found, doubts, now_);
    EXPECT_THAT(step().ended, IsEmpty());
}

TEST_F(ToldEndsTest, AnEndThatWasGivenUpAsLostIsNotWritten)
{
    Job child;
    child.id = 2;
    child.name = "second";
    child.command = "true";
    child.run_after = {"first"};
    child.run_after_on = RunAfterOn::end;
    add(child);
    run_first();
    connect(alpha);
    at(2s);
    tell(end_of(RunState::success));
    died(beta, now_.wall);
    TermStart found;
    OpenRun row;
    row.planned.id = first_;
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, term_->doubts(), now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    ASSERT_THAT(after.runs, SizeIs(1));
    EXPECT_EQ(after.runs[0].requested_by, "after first (job 1: lost)");
}

}  // namespace
}  // namespace peercron
