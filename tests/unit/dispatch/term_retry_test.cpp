#include "term_fixture.hpp"

#include "model/retry.hpp"
#include "model/run_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Job 1 fires once a minute, at its first second, and is tried again three times.
class RetryTest : public TermTest {
protected:
    RetryTest()
    {
        job_ = every_second(1);
        job_.cron_set = "1 * * * * *";
        job_.retries = 3;
        job_.retry_delay = 10s;
    }

    /// Its first fire has been handed to alpha.
    void hand_out()
    {
        at(0ms);
        add(job_);
        begin();
        connect(alpha);
        step();
        at(1s);
        report(alpha, first_, RunState::running);
    }
    void fail(const RunId& id, std::chrono::milliseconds after_midnight,
              RunState state = RunState::failed)
    {
        at(after_midnight);
        RunReport report;
        report.id = id;
        report.state = state;
        report.exit_code = 1;
        report.ended_at = now_.wall;
        term_->report(alpha, report, now_);
    }
    RunId attempt(std::int32_t number) const
    {
        RunId id = first_;
        id.attempt = number;
        return id;
    }
    WallTime due(std::int32_t number, std::chrono::milliseconds ended) const
    {
        return midnight + ended + retry_delay(job_, attempt(number));
    }
    void change(std::chrono::milliseconds after_midnight)
    {
        at(after_midnight);
        job_.effective_from = now_.wall;
        add(job_);
        const std::vector<JobId> changed{1};
        term_->jobs_changed(changed, {}, now_);
    }
    LogRow row(std::int32_t number, RunState state) const
    {
        LogRow row;
        row.run.id = attempt(number);
        row.run.state = state;
        return row;
    }

    Job job_;
    const RunId first_ = fire(1, 1s);
};

TEST_F(RetryTest, WhatFailedIsTriedAgainAtItsTime)
{
    hand_out();
    fail(first_, 2s);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, attempt(2));
    EXPECT_EQ(planned.runs[0].state, RunState::planned);
    EXPECT_EQ(planned.runs[0].run_server, "");
    EXPECT_EQ(planned.runs[0].retry_at, due(2, 2s));
    EXPECT_THAT(orders_, IsEmpty());
    EXPECT_EQ(term_->open_runs(), 0U) << "waiting takes no place";
    EXPECT_EQ(term_->waiting_runs(), 1U);

    at(5s);
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().moved, IsEmpty());
    now_.wall = due(2, 2s) - settings_.lookahead;
    now_.steady += 10s;
    connect(alpha);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep moved = step();
    EXPECT_THAT(moved.runs, IsEmpty());
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].id, attempt(2));
    EXPECT_EQ(moved.moved[0].run_server, alpha);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, attempt(2));
    EXPECT_EQ(orders_[0].second.start_at, due(2, 2s));
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, OnlyAsOftenAsTheJobSays)
{
    job_.retries = 1;
    job_.retry_delay = 0s;
    hand_out();
    fail(first_, 2s, RunState::timeout);
    step();
    ASSERT_THAT(orders_, SizeIs(1)) << "at once";
    fail(attempt(2), 3s);
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(RetryTest, NotAfterAnotherEnd)
{
    for (const RunState state : {RunState::success, RunState::killed, RunState::fenced}) {
        hand_out();
        fail(first_, 2s, state);
        EXPECT_THAT(step().runs, IsEmpty()) << to_string(state);
        EXPECT_EQ(term_->waiting_runs(), 0U);
    }
}

TEST_F(RetryTest, TheNextFireSupersedesWhatCouldOnlyStartLater)
{
    job_.retry_delay = 70s;
    hand_out();
    fail(first_, 2s);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, attempt(2));
    EXPECT_EQ(planned.runs[0].state, RunState::skipped);
    EXPECT_EQ(planned.runs[0].reason.cause, Cause::superseded);
    ASSERT_THAT(planned.ended, SizeIs(1)) << "what it follows from";
    EXPECT_EQ(planned.ended[0].id, first_);
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, TheNextFireSupersedesWhatNobodyCouldStartInTime)
{
    hand_out();
    fail(first_, 2s);
    step();
    at(62s);
    connect(alpha);
    const PlanStep late = step();
    ASSERT_THAT(late.ended, SizeIs(1));
    EXPECT_EQ(late.ended[0].id, attempt(2));
    EXPECT_EQ(late.ended[0].state, RunState::skipped);
    EXPECT_EQ(late.ended[0].reason.cause, Cause::superseded);
}

TEST_F(RetryTest, AtItsLimitAJobHasNoNextFire)
{
    job_.retry_delay = 70s;
    job_.run_limit = 1;
    hand_out();
    fail(first_, 2s);
    step();
    EXPECT_EQ(term_->waiting_runs(), 1U);
}

TEST_F(RetryTest, FurtherAttemptsTakeNoPlaceAtTheLimitOfRuns)
{
    job_.run_limit = 2;
    job_.retry_delay = 0s;
    hand_out();
    fail(first_, 2s);
    step();
    report(alpha, attempt(2), RunState::running);
    at(60s);
    connect(alpha);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, 61s));
}

TEST_F(RetryTest, StopDeleteAndChangeEndTheWait)
{
    const auto how = [this](std::chrono::milliseconds when) {
        const PlanStep ended = step();
        EXPECT_EQ(term_->waiting_runs(), 0U);
        EXPECT_THAT(ended.ended, SizeIs(1));
        if (ended.ended.empty()) return Cause::none;
        EXPECT_EQ(ended.ended[0].id, attempt(2));
        EXPECT_EQ(ended.ended[0].state, RunState::revoked);
        at(when + 20s);
        connect(alpha);
        EXPECT_THAT(step().runs, IsEmpty());
        return ended.ended[0].reason.cause;
    };
    hand_out();
    fail(first_, 2s);
    step();
    job_.command = "false";
    change(3s);
    EXPECT_EQ(how(3s), Cause::job_changed);

    jobs_.erase(1);
    job_.effective_from = {};
    hand_out();
    fail(first_, 2s);
    step();
    job_.stop = true;
    change(3s);
    EXPECT_EQ(how(3s), Cause::job_stopped);

    job_.stop = false;
    job_.effective_from = {};
    jobs_.erase(1);
    hand_out();
    fail(first_, 2s);
    step();
    jobs_.erase(1);
    const std::vector<JobId> deleted{1};
    term_->jobs_changed(deleted, {}, now_);
    EXPECT_EQ(how(3s), Cause::job_deleted);
}

TEST_F(RetryTest, AChangeTakesBackWhatWasHandedOut)
{
    hand_out();
    fail(first_, 2s);
    step();
    at(11s);
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    job_.command = "false";
    job_.effective_from = now_.wall;
    add(job_);
    const std::vector<JobId> changed{1};
    EXPECT_THAT(term_->handed_out(changed).at(alpha), ElementsAre(attempt(2)));
    const std::vector<RunId> given_back{attempt(2)};
    term_->jobs_changed(changed, given_back, now_);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::revoked);
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(RetryTest, ANewDispatcherGoesOnWaiting)
{
    at(5s);
    add(job_);
    TermStart found;
    found.planned_through = now_.wall;
    found.waiting.push_back({attempt(2), midnight + 12s, midnight + 2s, ""});
    begin(found);
    connect(alpha);
    EXPECT_EQ(term_->waiting_runs(), 1U);
    EXPECT_EQ(term_->find_run(attempt(2)).whereabouts, TermRules::Whereabouts::here);
    EXPECT_THAT(step().moved, IsEmpty());
    at(10s);
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, midnight + 12s);
}

TEST_F(RetryTest, ANewDispatcherTakesBackWhatAChangeEnded)
{
    at(5s);
    job_.effective_from = midnight + 3s;
    add(job_);
    TermStart found;
    found.planned_through = now_.wall;
    found.waiting.push_back({attempt(2), midnight + 12s, midnight + 2s, ""});
    begin(found);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::revoked);
}

TEST_F(RetryTest, ANewDispatcherFindsWhatFailedAndWasNotTriedAgain)
{
    at(5s);
    add(job_);
    begin();
    connect(alpha);
    EXPECT_TRUE(term_->has_hidden_ends());
    term_->begin_reading_failed();
    term_->found_failed({FailedRun{first_, RunState::failed, 1, midnight + 2s, ""}});
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].retry_at, due(2, 2s));
    term_->begin_reading_failed();
    term_->found_failed({FailedRun{first_, RunState::failed, 1, midnight + 2s, ""}});
    EXPECT_THAT(step().runs, IsEmpty()) << "it waits already";
}

TEST_F(RetryTest, ARunWhoseEndOnlyTheStoreKnewGetsNoSecondAttemptTwice)
{
    job_.delivery = Delivery::at_least_once;
    job_.misfire_window = 0s;
    hand_out();
    connect(beta);
    term_->registry({beta}, now_);
    term_->begin_reading_failed();
    term_->found_failed({FailedRun{first_, RunState::failed, 1, midnight + 2s, ""}});
    EXPECT_THAT(step().runs, SizeIs(1));
    at(12s);
    connect(beta);
    step();
    report(beta, attempt(2), RunState::success);
    for (const auto time : {13s, 20s}) {  // its end is forgotten, then alpha is gone
        at(time);
        connect(beta);
        term_->changes_are_known_until(now_.wall);
        EXPECT_THAT(step().runs, IsEmpty());
    }
}

TEST_F(RetryTest, WhatAPersonTriedAgainIsNotTriedAgainByAnOldAnswer)
{
    hand_out();
    died(alpha, now_.wall);
    step();
    connect(beta);
    term_->begin_reading_failed();
    ASSERT_TRUE(term_->retry_now(row(1, RunState::lost), "ann", now_));
    EXPECT_THAT(step().runs, SizeIs(1));
    report(beta, attempt(2), RunState::success);
    at(40s);
    connect(beta);
    term_->changes_are_known_until(now_.wall);
    step();
    // The first attempt has failed after all, and what was read lacks the step of the second one.
    term_->found_failed({FailedRun{first_, RunState::failed, 1, midnight + 1s, ""}});
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, AFireThatAChangeTookBackIsNotTriedAgain)
{
    hand_out();
    job_.cron_set = "2 * * * * *";
    job_.effective_from = midnight + 999ms;
    add(job_);
    const std::vector<JobId> changed{1};
    term_->jobs_changed(changed, {}, now_);
    fail(first_, 1500ms);
    for (const PlannedRun& run : step().runs) EXPECT_NE(run.id, attempt(2));
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, AChangeThatTookTheFireBackAndIsKnownLateEndsTheWait)
{
    hand_out();
    fail(first_, 2s);
    step();
    EXPECT_EQ(term_->waiting_runs(), 1U);
    at(3s);
    job_.cron_set = "2 * * * * *";
    job_.effective_from = midnight + 999ms;
    add(job_);
    const std::vector<JobId> changed{1};
    term_->jobs_changed(changed, {}, now_);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].id, attempt(2));
    EXPECT_EQ(ended.ended[0].state, RunState::revoked);
    EXPECT_EQ(ended.ended[0].reason.cause, Cause::job_changed);
}

TEST_F(RetryTest, ARetryOfWhatAPersonHasAskedForIsTakenBackInALaterTermToo)
{
    at(5s);
    const RunId asked{1, midnight + 1500ms, 2};
    job_.effective_from = midnight + 4s;
    add(job_);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = asked;
    row.planned.retry_at = now_.wall;
    row.failed_at = midnight + 3s;
    for (const bool is_retry : {true, false}) {
        row.planned.requested_by = is_retry ? request_of_retry("ann") : "ann";
        found.open_runs = {row};
        begin(found);
        connect(alpha);
        term_->jobs_changed(changed_, {}, now_);
        const PlanStep next = step();
        if (is_retry) {
            ASSERT_THAT(next.ended, SizeIs(1)) << "her run was tried again by the job's rules";
            EXPECT_EQ(next.ended[0].id, asked);
            EXPECT_EQ(next.ended[0].state, RunState::revoked);
        } else {
            EXPECT_THAT(next.ended, IsEmpty()) << "she has asked for this attempt";
            EXPECT_THAT(orders_, SizeIs(1));
        }
    }
}

TEST_F(RetryTest, AnEndThatANodeTellsATakeOverIsTriedAgain)
{
    at(5s);
    add(job_);
    term_.emplace(7, beta, settings_, jobs_, now_);
    Account account;
    RunReport ended;
    ended.id = first_;
    ended.state = RunState::failed;
    ended.ended_at = midnight + 2s;
    account.ended.push_back(ended);
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = first_;
    row.planned.state = RunState::running;
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    EXPECT_THAT(step().runs, SizeIs(1));

    row.superseded = true;  // whoever planned that has seen to it
    found.open_runs = {row};
    term_.emplace(8, beta, settings_, jobs_, now_);
    connect(alpha, account);
    term_->begin(found, now_);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(RetryTest, ALateReportOfARunThatWasGivenUpIsLookedUp)
{
    hand_out();
    term_->begin_reading_failed();
    term_->found_failed({});
    died(alpha, now_.wall);
    step();
    EXPECT_TRUE(term_->has_hidden_ends()) << "it may have ended, and told the store alone";
    term_->begin_reading_failed();
    term_->found_failed({});
    connect(beta);
    RunReport late;
    late.id = first_;
    late.state = RunState::failed;
    late.ended_at = now_.wall;
    term_->report(beta, late, now_);
    EXPECT_TRUE(term_->has_hidden_ends());
    EXPECT_THAT(step().runs, IsEmpty()) << "the store knows whether it was tried again";
}

TEST_F(RetryTest, WhatIsGivenUpDoesNotStart)
{
    hand_out();
    fail(first_, 2s);
    step();
    term_->cancel(attempt(2), Reason{Cause::on_request, "ann"}, now_);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::killed);
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, WhatWaitsStartsNowWhenAPersonWantsThat)
{
    hand_out();
    fail(first_, 2s);
    step();
    const auto run = term_->retry_now(row(2, RunState::planned), "ann", now_);
    ASSERT_TRUE(run);
    EXPECT_EQ(*run, attempt(2));
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, attempt(2));
    EXPECT_EQ(orders_[0].second.start_at, now_.wall);
    const auto again = term_->retry_now(row(2, RunState::planned), "ann", now_);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message, ::testing::HasSubstr("has not ended"));
}

TEST_F(RetryTest, APersonMayTryAgainWhatHasNoRetriesLeft)
{
    job_.retries = 0;
    hand_out();
    fail(first_, 2s);
    step();
    const auto run = term_->retry_now(row(1, RunState::failed), "ann", now_);
    ASSERT_TRUE(run);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, attempt(2));
    EXPECT_EQ(planned.runs[0].requested_by, "ann");
    fail(attempt(2), 3s);
    EXPECT_THAT(step().runs, IsEmpty());
    LogRow elsewhere = row(1, RunState::failed);
    elsewhere.run.id.job = 2;
    EXPECT_FALSE(term_->retry_now(elsewhere, "ann", now_)) << "there is no such job";
}

TEST_F(RetryTest, WhatAPersonTriesAgainIsNoRetryOfTheJobsOwn)
{
    job_.retries = 0;
    hand_out();
    fail(first_, 2s);
    step();
    LogRow newest = row(1, RunState::failed);
    newest.requested_by = "bob (retry) (without its chain)";
    ASSERT_TRUE(term_->retry_now(newest, "ann", now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].requested_by, "ann (without its chain)");
}

TEST_F(RetryTest, ABackfillRunsAFireOfThePastAsItsNextAttemptOrItsFirst)
{
    job_.retries = 0;
    hand_out();
    report(alpha, first_, RunState::success);
    step();
    at(2h);
    connect(alpha);
    step();
    const std::string by = "backfill 7 by ann";
    const auto again = term_->run_again(first_, row(1, RunState::success), by, now_);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, attempt(2));
    const RunId old{first_.job, first_.scheduled_at - 24h, 1};
    const auto missed = term_->run_again(old, std::nullopt, by, now_);
    ASSERT_TRUE(missed);
    EXPECT_EQ(*missed, old);
    EXPECT_FALSE(term_->run_again(old, std::nullopt, by, now_)) << "it has not ended";
    const PlanStep planned = step();
    std::vector<RunId> asked;
    for (const PlannedRun& run : planned.runs) {
        if (run.requested_by != by) continue;
        asked.push_back(run.id);
        EXPECT_EQ(run.state, RunState::planned);
    }
    EXPECT_THAT(asked, ::testing::UnorderedElementsAre(attempt(2), old));
    std::size_t handed = 0;
    for (const auto& [node, order] : orders_) {
        if (order.id != old && order.id != attempt(2)) continue;
        ++handed;
        EXPECT_EQ(order.start_at, now_.wall);
        EXPECT_EQ(order.due_at, now_.wall) << "it was not due a day ago";
    }
    EXPECT_EQ(handed, 2U);
}

TEST_F(RetryTest, ABackfillWaitsForRoomInAJobWithALimit)
{
    job_.is_mutex = true;
    hand_out();
    report(alpha, first_, RunState::running);
    at(3s);
    connect(alpha);
    const RunId old{first_.job, first_.scheduled_at - 24h, 1};
    EXPECT_FALSE(term_->run_again(old, std::nullopt, "backfill 7 by ann", now_));
    report(alpha, first_, RunState::success);
    EXPECT_TRUE(term_->run_again(old, std::nullopt, "backfill 7 by ann", now_));
}

TEST_F(RetryTest, TheJobsNextFireDoesNotEndTheRetriesOfABackfill)
{
    hand_out();
    report(alpha, first_, RunState::success);
    at(2h);
    connect(alpha);
    step();
    const RunId old{first_.job, first_.scheduled_at - 24h, 1};
    ASSERT_TRUE(term_->run_again(old, std::nullopt, "backfill 7 by ann", now_));
    step();
    fail(old, 2h + 1s);
    const PlanStep planned = step();
    const auto next =
        std::ranges::find(planned.runs, RunId{old.job, old.scheduled_at, 2}, &PlannedRun::id);
    ASSERT_NE(next, planned.runs.end());
    EXPECT_EQ(next->state, RunState::planned);
    EXPECT_EQ(next->requested_by, "backfill 7 by ann");
}

TEST_F(RetryTest, AWaitThatAClockAheadHasPlannedIsNotLongerThanItsDelay)
{
    at(5s);
    add(job_);
    TermStart found;
    found.planned_through = now_.wall;
    found.waiting.push_back({attempt(2), midnight + 1h, midnight + 1h - 10s, ""});
    begin(found);
    connect(alpha);
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, "");
    EXPECT_EQ(moved.moved[0].retry_at, due(2, 5s));
}

TEST_F(RetryTest, TheRetryOfAFireThatIsStillToComeIsTakenBack)
{
    at(5s);
    add(job_);
    TermStart found;
    found.planned_through = now_.wall;
    WaitingRun early;
    early.id = RunId{1, midnight + 1h + 1s, 2};
    early.retry_at = midnight + 1h + 12s;
    early.failed_at = midnight + 1h + 2s;
    found.waiting.push_back(early);
    begin(found);
    const PlanStep ended = step();
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::revoked);
}

TEST_F(RetryTest, WhatAClockAheadHasRunIsNotTriedAgain)
{
    hand_out();
    at(2s);
    term_->begin_reading_failed();
    term_->found_failed({FailedRun{fire(1, 1h + 1s), RunState::failed, 1, midnight + 1h + 2s, ""}});
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_EQ(term_->waiting_runs(), 0U);
}

TEST_F(RetryTest, ManyThatAreDueAtOnceAreStartedInSeveralSteps)
{
    at(5s);
    TermStart found;
    found.planned_through = now_.wall;
    constexpr JobId jobs = 10'001;
    job_.cron_set = "0 0 0 * * *";
    for (JobId id = 1; id <= jobs; ++id) {
        job_.id = id;
        add(job_);
        found.waiting.push_back({RunId{id, midnight, 2}, midnight + 6s, midnight + 1s, ""});
    }
    begin(found);
    connect(alpha);
    EXPECT_THAT(step().moved, SizeIs(10'000));
    EXPECT_TRUE(term_->behind());
    EXPECT_THAT(step().moved, SizeIs(1));
    EXPECT_FALSE(term_->behind());
}

}  // namespace
}  // namespace peercron
