#include "model/requires.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// 2026-11-21T00:00:00Z.
constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

std::string when(WallTime time)
{
    return std::to_string((time - midnight) / 1min) + " min";
}

RequiredAttempt attempt(std::chrono::milliseconds fire, RunState state, std::int32_t number = 1)
{
    RequiredAttempt row;
    row.id = {1, midnight + fire, number};
    row.state = state;
    if (is_final(state)) row.ended_at = midnight + fire + 2min;
    return row;
}

/// Of a job that fires at 8:00, and did so at 7:00 before.
class RequiresTest : public ::testing::Test {
protected:
    RequiresTest()
    {
        job_.required = {"extract"};
        times_ = times();
    }

    RequiredTimes times(std::optional<WallTime> next = std::nullopt) const
    {
        return required_times(job_, midnight + 8h, midnight + 7h, next);
    }
    RequiredVerdict judge(const std::vector<RequiredAttempt>& rows, WallTime at) const
    {
        RequiredJob extract;
        extract.name = "extract";
        extract.last = last_fire(rows, times_.since, at);
        return judge_required(std::vector{extract}, times_, at, when);
    }
    RequiredVerdict judge(const std::vector<RequiredAttempt>& rows) const
    {
        return judge(rows, times_.end);
    }

    Job job_;
    RequiredTimes times_;
};

TEST_F(RequiresTest, AFireRunsWhenTheLastFireOfTheOtherSucceeded)
{
    const auto verdict =
        judge({attempt(7h + 10min, RunState::failed), attempt(7h + 30min, RunState::success)});
    EXPECT_EQ(verdict.answer, RequiredAnswer::runs);
    EXPECT_EQ(verdict.ready, midnight + 8h);
}

TEST_F(RequiresTest, OneThatFailedSinceIsTheLast)
{
    RequiredAttempt failed = attempt(7h + 30min, RunState::failed);
    failed.exit_code = 3;
    const auto verdict = judge({attempt(7h + 10min, RunState::success), failed});
    EXPECT_EQ(verdict.answer, RequiredAnswer::skipped);
    EXPECT_EQ(verdict.why, (Reason{Cause::required, "extract failed at 452 min, exit code 3"}));
}

TEST_F(RequiresTest, WhatTheFireBeforeHasBuiltUponIsNotEnough)
{
    const auto verdict = judge({attempt(7h, RunState::success)});
    EXPECT_EQ(verdict.why, (Reason{Cause::required, "extract has not fired since 420 min"}));
    EXPECT_EQ(judge({attempt(7h + 1ms, RunState::success)}).answer, RequiredAnswer::runs);
}

TEST_F(RequiresTest, WithoutAFireBeforeAnyFireCounts)
{
    times_ = required_times(job_, midnight + 8h, std::nullopt, std::nullopt);
    EXPECT_EQ(judge({attempt(-100h, RunState::success)}).answer, RequiredAnswer::runs);
    EXPECT_EQ(judge({}).why.detail, "extract has never fired");
}

TEST_F(RequiresTest, OneOfTheSameMomentCountsAndOneThatIsStillToComeDoesNot)
{
    job_.requires_wait = 1h;
    times_ = times();
    const auto same = attempt(8h, RunState::planned);
    EXPECT_EQ(judge({attempt(7h + 30min, RunState::success), same}, midnight + 8h).answer,
              RequiredAnswer::waits);
    const auto later = attempt(8h + 1s, RunState::planned);
    EXPECT_EQ(judge({attempt(7h + 30min, RunState::success), later}, midnight + 8h).answer,
              RequiredAnswer::runs);
}

TEST_F(RequiresTest, ItWaitsAsLongAsItsJobSays)
{
    job_.requires_wait = 10min;
    times_ = times();
    const std::vector<RequiredAttempt> running{attempt(7h + 30min, RunState::running)};
    EXPECT_EQ(judge(running, midnight + 8h).answer, RequiredAnswer::waits);
    EXPECT_EQ(judge(running, midnight + 8h + 10min - 1ms).answer, RequiredAnswer::waits);
    const auto over = judge(running, midnight + 8h + 10min);
    EXPECT_EQ(over.answer, RequiredAnswer::skipped);
    EXPECT_EQ(over.why, (Reason{Cause::required, "extract of 450 min is still running"}));

    RequiredAttempt done = attempt(7h + 30min, RunState::success);
    done.ended_at = midnight + 8h + 4min;
    const auto verdict = judge({done}, midnight + 8h + 5min);
    EXPECT_EQ(verdict.answer, RequiredAnswer::runs);
    EXPECT_EQ(verdict.ready, midnight + 8h + 4min);
}

TEST_F(RequiresTest, WhatSucceedsTooLateDoesNotCount)
{
    RequiredAttempt late = attempt(7h + 30min, RunState::success);
    late.ended_at = midnight + 8h + 1ms;
    const auto verdict = judge({late});
    EXPECT_EQ(verdict.answer, RequiredAnswer::skipped);
    EXPECT_EQ(verdict.why.detail, "extract succeeded only at 480 min");
}

TEST_F(RequiresTest, ItsNextFireEndsTheWait)
{
    job_.requires_wait = 2h;
    times_ = times(midnight + 9h);
    EXPECT_EQ(times_.end, midnight + 9h);
    const auto verdict = judge({attempt(7h + 30min, RunState::failed)});
    EXPECT_EQ(verdict.why, (Reason{Cause::superseded,
                                   "the job's next fire is due, and extract "
                                   "failed at 452 min"}));
}

TEST_F(RequiresTest, TheEndOfItsWindowEndsTheWait)
{
    job_.requires_wait = 2h;
    job_.end_time = to_unix_seconds(midnight + 8h + 30min);
    times_ = times();
    EXPECT_EQ(times_.end, midnight + 8h + 30min);
    EXPECT_EQ(judge({}).why, (Reason{Cause::superseded,
                                     "the job's window has ended, and extract "
                                     "has not fired since 420 min"}));
}

TEST_F(RequiresTest, WithJitterItIsAskedWhenItStarts)
{
    job_.id = 1;
    job_.cron_set = "0 * * * *";
    job_.jitter = 30min;
    job_.requires_wait = 1min;
    times_ = times(midnight + 9h);
    EXPECT_GE(times_.due, midnight + 8h);
    EXPECT_LE(times_.due, midnight + 8h + 30min);
    EXPECT_EQ(times_.end, times_.due + 1min);
}

TEST_F(RequiresTest, RetriesAndWhatATakeBackLeftDecide)
{
    const auto failed = attempt(7h + 30min, RunState::failed);
    EXPECT_EQ(judge({failed, attempt(7h + 30min, RunState::planned, 2)}).why.detail,
              "extract of 450 min waits to be tried again");
    EXPECT_EQ(judge({failed, attempt(7h + 30min, RunState::success, 2)}).answer,
              RequiredAnswer::runs);
    EXPECT_EQ(judge({failed, attempt(7h + 30min, RunState::skipped, 2)}).why.detail,
              "extract failed at 452 min");
    const auto good = attempt(7h + 10min, RunState::success);
    EXPECT_EQ(judge({good, attempt(7h + 30min, RunState::revoked)}).answer, RequiredAnswer::runs);
    RequiredAttempt rehearsal = attempt(7h + 30min + 1ms, RunState::failed);
    rehearsal.rehearsal = true;
    EXPECT_EQ(judge({good, rehearsal}).answer, RequiredAnswer::runs);
}

TEST_F(RequiresTest, ARowOfSeveralFiresCountsAtItsLast)
{
    RequiredAttempt gap = attempt(7h + 10min, RunState::skipped);
    gap.gap_end = midnight + 7h + 50min;
    const auto by_hand = attempt(7h + 30min + 1ms, RunState::success);
    EXPECT_EQ(judge({by_hand, gap}).why.detail, "extract was skipped at 470 min");
    EXPECT_EQ(judge({attempt(7h + 55min, RunState::success), gap}).answer, RequiredAnswer::runs);

    gap.id.scheduled_at = midnight + 6h;
    EXPECT_EQ(judge({by_hand, gap}).answer, RequiredAnswer::skipped) << "it began before 7:00";
    gap.gap_end = midnight + 7h;
    EXPECT_EQ(judge({gap}).why.detail, "extract has not fired since 420 min");
    gap.gap_end = midnight + 9h;
    EXPECT_EQ(judge({by_hand, gap}).why.detail, "extract was skipped at 480 min");
    gap.id.scheduled_at = midnight + 8h + 1s;
    EXPECT_EQ(judge({by_hand, gap}).answer, RequiredAnswer::runs) << "it is still to come";
}

TEST_F(RequiresTest, EachEndHasItsWords)
{
    const auto words = [this](RunState state, Cause cause = Cause::none) {
        RequiredAttempt row = attempt(7h + 30min, state);
        row.cause = cause;
        return judge({row}).why.detail;
    };
    EXPECT_EQ(words(RunState::planned), "extract of 450 min has not run yet");
    EXPECT_EQ(words(RunState::timeout), "extract reached its timeout at 452 min");
    EXPECT_EQ(words(RunState::killed, Cause::on_request),
              "extract was killed at 452 min "
              "(on-request)");
    EXPECT_EQ(words(RunState::lost, Cause::node_died), "extract was lost at 452 min (node-died)");
    EXPECT_EQ(words(RunState::fenced), "extract was ended by its node at 452 min");
    EXPECT_EQ(words(RunState::skipped, Cause::paused), "extract was skipped at 450 min (paused)");
}

TEST_F(RequiresTest, AllOfThemAreNeeded)
{
    RequiredJob extract;
    extract.name = "extract";
    extract.last = attempt(7h + 30min, RunState::success);
    RequiredJob gone;
    gone.name = "gone";
    gone.exists = false;
    const auto verdict = judge_required(std::vector{extract, gone}, times_, times_.end, when);
    EXPECT_EQ(verdict.why, (Reason{Cause::required, "there is no job gone"}));
}

TEST_F(RequiresTest, SaysWhatItWaitsFor)
{
    job_.required = {"extract", "load"};
    EXPECT_EQ(to_string(waits_for_required(job_)), "requires: waits for extract, load");
    EXPECT_EQ(required_words(job_.required), "if extract, load succeeded since its fire before");
}

}  // namespace
}  // namespace peercron
