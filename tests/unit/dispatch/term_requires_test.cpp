#include "model/jitter.hpp"
#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr JobId extract = 1;
constexpr JobId report_job = 2;

/// Job 2, report, fires each minute and requires job 1, extract, which fires at the 30th second.
class TermRequiresTest : public TermTest {
protected:
    TermRequiresTest()
    {
        extract_ = every_second(extract);
        extract_.name = "extract";
        extract_.cron_set = "30 * * * * *";
        report_ = every_second(report_job);
        report_.name = "report";
        report_.cron_set = "0 * * * * *";
        report_.required = {"extract"};
    }

    void start(std::chrono::milliseconds after_midnight = 58s)
    {
        at(after_midnight);
        add(extract_);
        add(report_);
        begin();
        connect(alpha);
    }
    void beat()
    {
        NodeBeat beat;
        beat.echo = beat.sent_at = now_.wall;
        beat.load.slots = 100;
        term_->beat(alpha, beat, now_);
    }
    /// Job 2 is as report_ says from now on.
    void change_report()
    {
        report_.effective_from = now_.wall;
        jobs_.put(report_, now_.wall);
        term_->jobs_changed(std::vector{report_job}, {}, now_);
    }
    PlanStep step_at(std::chrono::milliseconds after_midnight)
    {
        at(after_midnight);
        beat();
        return step();
    }
    std::vector<RequiredQuestion> ask() { return term_->take_required_questions(now_, 100); }
    /// Says of all that is asked how extract's fire of that moment ended; nothing: it did not fire.
    std::size_t answer(std::optional<RequiredAttempt> last)
    {
        std::vector<RequiredFinding> findings;
        for (const RequiredQuestion& question : ask()) {
            RequiredFinding finding;
            finding.question = question;
            for (const std::string& name : question.names) {
                RequiredJob job;
                job.name = name;
                job.last = last;
                finding.jobs.push_back(job);
            }
            findings.push_back(finding);
        }
        const std::size_t count = findings.size();
        term_->found_required(std::move(findings), now_);
        return count;
    }
    RequiredAttempt attempt(RunState state, std::chrono::milliseconds fire_at = 30s) const
    {
        RequiredAttempt row;
        row.id = fire(extract, fire_at);
        row.state = state;
        if (is_final(state)) row.ended_at = midnight + fire_at + 1s;
        return row;
    }
    static PlannedRun row_of(const PlanStep& step, JobId job)
    {
        for (const PlannedRun& row : step.runs) {
            if (row.id.job == job) return row;
        }
        ADD_FAILURE() << "job " << job << " has no new row";
        return {};
    }
    TermStart found_open(Reason reason, NodeName node = "") const
    {
        TermStart found;
        found.planned_through = midnight + 60s;
        OpenRun row;
        row.planned.id = fire(report_job, 60s);
        row.planned.reason = std::move(reason);
        row.planned.run_server = std::move(node);
        found.open_runs.push_back(row);
        return found;
    }
    bool is_ordered(const RunId& id) const
    {
        return std::ranges::any_of(orders_,
                                   [&](const auto& order) { return order.second.id == id; });
    }

    Job extract_;
    Job report_;
};

TEST_F(TermRequiresTest, AFireHasItsRowAndNoNodeUntilItIsAsked)
{
    start();
    const PlannedRun row = row_of(step(), report_job);
    EXPECT_EQ(row.state, RunState::planned);
    EXPECT_EQ(row.run_server, "");
    EXPECT_EQ(row.reason, (Reason{Cause::required, "waits for extract"}));
    EXPECT_THAT(orders_, IsEmpty());
    EXPECT_THAT(ask(), IsEmpty()) << "it is not due yet";
    EXPECT_EQ(term_->next_required_question(), midnight + 60s);

    step_at(60s);
    const auto questions = ask();
    ASSERT_THAT(questions, SizeIs(1));
    EXPECT_EQ(questions[0].fire, fire(report_job, 60s));
    EXPECT_EQ(questions[0].names, std::vector<std::string>{"extract"});
    EXPECT_EQ(questions[0].times.since, midnight);
    EXPECT_EQ(questions[0].until, midnight + 60s);
}

TEST_F(TermRequiresTest, AfterASuccessItStartsAtOnce)
{
    start();
    step();
    step_at(60s);
    EXPECT_FALSE(term_->has_decided_required());
    at(60s + 3ms);
    EXPECT_EQ(answer(attempt(RunState::success)), 1U);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, alpha);
    EXPECT_TRUE(moved.moved[0].reason.empty());
    EXPECT_EQ(moved.moved[0].retry_at, std::nullopt) << "it did not have to wait";
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
    EXPECT_FALSE(term_->has_required_questions());
}

TEST_F(TermRequiresTest, AfterAFailureItIsSkippedWithTheWordsOfWhy)
{
    start();
    step();
    step_at(60s);
    RequiredAttempt failed = attempt(RunState::failed);
    failed.exit_code = 3;
    answer(failed);
    const PlanStep skipped = step();
    ASSERT_THAT(skipped.ended, SizeIs(1));
    EXPECT_EQ(skipped.ended[0].id, fire(report_job, 60s));
    EXPECT_EQ(skipped.ended[0].state, RunState::skipped);
    EXPECT_EQ(to_string(skipped.ended[0].reason), "requires: extract failed at 00:00, exit code 3");
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermRequiresTest, ItWaitsAndIsAskedAgainWhenTheOtherEnds)
{
    report_.requires_wait = 30s;
    start();
    step();
    step_at(60s);
    // Extract's fire of 0:30 is known as running.
    EXPECT_EQ(answer(std::nullopt), 1U);
    EXPECT_FALSE(term_->has_decided_required());
    EXPECT_THAT(step().ended, IsEmpty());
    EXPECT_THAT(ask(), IsEmpty());

    at(60s + 100ms);
    report(alpha, fire(extract, 30s), RunState::success);
    EXPECT_EQ(term_->next_required_question(), now_.wall + 200ms);
    step_at(60s + 300ms);
    RequiredAttempt late = attempt(RunState::success);
    late.ended_at = midnight + 60s + 100ms;
    EXPECT_EQ(answer(late), 1U);
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].retry_at, now_.wall) << "it is not late by its wait";
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(report_job, 60s));
    EXPECT_EQ(orders_[0].second.due_at, now_.wall) << "and its node knows";
}

TEST_F(TermRequiresTest, WhenTheWaitIsOverItIsSkipped)
{
    report_.requires_wait = 30s;
    start();
    step();
    for (const auto second : {60s, 61s, 63s, 67s, 75s, 85s}) {
        step_at(second);
        answer(std::nullopt);
    }
    EXPECT_EQ(term_->next_required_question(), midnight + 90s);
    step_at(90s);
    answer(std::nullopt);
    const PlanStep skipped = step();
    ASSERT_THAT(skipped.ended, SizeIs(1));
    EXPECT_EQ(to_string(skipped.ended[0].reason), "requires: extract has not fired since 00:00");
}

TEST_F(TermRequiresTest, ItsNextFireEndsTheWait)
{
    report_.requires_wait = 10min;
    start();
    step();
    step_at(60s);
    answer(attempt(RunState::failed));
    step_at(118s);
    step_at(120s);
    answer(attempt(RunState::failed));
    const PlanStep step = step_at(120s + 10ms);
    ASSERT_THAT(step.ended, SizeIs(1));
    EXPECT_EQ(step.ended[0].id, fire(report_job, 60s));
    EXPECT_EQ(step.ended[0].reason.cause, Cause::superseded);
}

TEST_F(TermRequiresTest, TheLedgerMayBeBehind)
{
    start(28s);
    step();
    at(30s);
    report(alpha, fire(extract, 30s), RunState::running);
    step_at(58s);
    report(alpha, fire(extract, 30s), RunState::success);
    step_at(60s);
    // By the ledger it still runs.
    EXPECT_EQ(answer(attempt(RunState::running)), 1U);
    EXPECT_FALSE(term_->has_decided_required()) << "this dispatcher knows better";
    EXPECT_EQ(term_->next_required_question(), midnight + 60s + 200ms);
    step_at(60s + 200ms);
    answer(attempt(RunState::success));
    EXPECT_TRUE(term_->has_decided_required());
    step();
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
}

TEST_F(TermRequiresTest, WhatRunsAsThisDispatcherKnowsIsWaitedForNoLonger)
{
    start(28s);
    step();
    at(30s);
    report(alpha, fire(extract, 30s), RunState::running);
    step_at(58s);
    step_at(60s);
    answer(attempt(RunState::running));
    const PlanStep skipped = step();
    ASSERT_THAT(skipped.ended, SizeIs(1));
    EXPECT_EQ(to_string(skipped.ended[0].reason), "requires: extract of 00:00 is still running");
}

TEST_F(TermRequiresTest, ANewDispatcherAsksForWhatWaits)
{
    add(extract_);
    add(report_);
    at(70s);
    report_.requires_wait = 30s;
    add(report_);
    begin(found_open({Cause::required, "waits for extract"}));
    connect(alpha);
    step();
    EXPECT_THAT(orders_, IsEmpty());
    EXPECT_EQ(answer(attempt(RunState::success)), 1U);
    step();
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
}

TEST_F(TermRequiresTest, ANewDispatcherDoesNotAskForWhatWasLetGo)
{
    add(extract_);
    add(report_);
    at(62s);
    begin(found_open({}));
    connect(alpha);
    step();
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
}

TEST_F(TermRequiresTest, WhatWasLetGoAndFoundNoNodeSaysSo)
{
    at(58s);
    add(extract_);
    add(report_);
    begin();
    step();
    at(60s);
    step();
    answer(attempt(RunState::success));
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, "");
    EXPECT_TRUE(moved.moved[0].reason.empty());
    EXPECT_THAT(step().moved, IsEmpty());
    connect(alpha);
    step();
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
}

TEST_F(TermRequiresTest, WhatPeopleAskForIsNotAsked)
{
    start();
    ASSERT_TRUE(term_->run_now(report_job, "ann", now_));
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id.job, report_job);
}

TEST_F(TermRequiresTest, AFireThatWaitsIsInNobodysWay)
{
    report_.is_mutex = true;
    report_.overlap = Overlap::queue;
    report_.requires_wait = 30s;
    start();
    step();
    step_at(60s);
    answer(std::nullopt);
    at(61s);
    beat();
    ASSERT_TRUE(term_->run_now(report_job, "ann", now_));
    step();
    ASSERT_THAT(orders_, SizeIs(1)) << "it does not queue behind the one that waits";
}

TEST_F(TermRequiresTest, AStoppedJobsWaitingFireIsTakenBack)
{
    report_.requires_wait = 30s;
    start();
    step();
    step_at(60s);
    answer(std::nullopt);
    at(65s);
    report_.stop = true;
    change_report();
    const PlanStep taken_back = step_at(66s);
    ASSERT_THAT(taken_back.ended, SizeIs(1));
    EXPECT_EQ(taken_back.ended[0].state, RunState::revoked);
    EXPECT_FALSE(term_->has_required_questions());
}

TEST_F(TermRequiresTest, AJobThatRequiresNothingAnyMoreLetsItsFireGo)
{
    report_.requires_wait = 30s;
    start();
    step();
    step_at(60s);
    answer(std::nullopt);
    at(65s);
    report_.required.clear();
    report_.requires_wait = 0s;
    change_report();
    step_at(66s);
    EXPECT_TRUE(is_ordered(fire(report_job, 60s)));
}

TEST_F(TermRequiresTest, AnAnswerToAnotherQuestionDoesNotCount)
{
    report_.requires_wait = 30s;
    start();
    step();
    step_at(60s);
    std::vector<RequiredFinding> findings;
    for (const RequiredQuestion& question : ask()) {
        RequiredJob job;
        job.name = "extract";
        job.last = attempt(RunState::success);
        findings.push_back({question, {job}});
    }
    report_.required = {"load"};
    change_report();
    term_->found_required(std::move(findings), now_);
    step();
    EXPECT_FALSE(is_ordered(fire(report_job, 60s)));
    const auto questions = ask();
    ASSERT_THAT(questions, SizeIs(1));
    EXPECT_EQ(questions[0].names, std::vector<std::string>{"load"});
}

TEST_F(TermRequiresTest, NorDoesOneThatAChangeHasOvertaken)
{
    start();
    step();
    step_at(60s);
    answer(attempt(RunState::success));
    report_.required = {"load"};
    change_report();
    step();
    EXPECT_FALSE(is_ordered(fire(report_job, 60s)));
    EXPECT_TRUE(term_->has_required_questions());
}

TEST_F(TermRequiresTest, APersonMayEndAFireThatWaits)
{
    report_.requires_wait = 30s;
    start();
    step();
    term_->cancel(fire(report_job, 60s), Reason{Cause::on_request, "by ann"}, now_);
    const PlanStep ended = step_at(61s);
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::killed);
    EXPECT_FALSE(term_->has_required_questions());
}

TEST_F(TermRequiresTest, ALateFireIsAskedOnlyWhenAllThatWasDueIsPlanned)
{
    // Both were due while nobody planned.
    add(extract_);
    add(report_);
    TermStart found;
    found.planned_through = midnight + 20s;
    at(70s);
    begin(found);
    connect(alpha);
    EXPECT_THAT(ask(), IsEmpty());
    step();
    const auto questions = ask();
    ASSERT_THAT(questions, SizeIs(1));
    EXPECT_EQ(questions[0].until, midnight + 60s) << "what came later does not count";
}

TEST_F(TermRequiresTest, AFireThatHasWaitedAndIsLostRunsAgain)
{
    report_.requires_wait = 30s;
    report_.misfire_window = 5s;
    report_.delivery = Delivery::at_least_once;
    start();
    step();
    step_at(60s);
    answer(std::nullopt);
    step_at(68s);
    answer(std::nullopt);
    step_at(75s);
    RequiredAttempt late = attempt(RunState::success);
    late.ended_at = midnight + 74s;
    answer(late);
    step();
    const RunId run = fire(report_job, 60s);
    ASSERT_TRUE(is_ordered(run));
    report(alpha, run, RunState::running);
    step_at(80s);
    report(alpha, run, RunState::fenced);
    EXPECT_EQ(row_of(step(), report_job).id, next_attempt(run));
}

TEST_F(TermRequiresTest, AFurtherAttemptIsNotAskedAgain)
{
    report_.retries = 1;
    report_.retry_delay = 1s;
    start();
    step();
    step_at(60s);
    answer(attempt(RunState::success));
    step();
    report(alpha, fire(report_job, 60s), RunState::failed);
    step_at(62s);
    step_at(63s);
    EXPECT_FALSE(term_->has_required_questions());
}

}  // namespace
}  // namespace peercron
