#include "notify/notice_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);  // 2026-11-21T12:00:00Z

std::vector<NoticeKind> kinds(const std::vector<Notice>& notices)
{
    std::vector<NoticeKind> found;
    for (const Notice& notice : notices) found.push_back(notice.kind);
    return found;
}

/// Job 12 fires each minute.
class NoticeRulesTest : public ::testing::Test {
protected:
    NoticeRulesTest()
    {
        job_.id = 12;
        job_.name = "backup";
        job_.cron_set = "0 * * * * *";
        job_.notify = {"ops"};
        job_.effective_from = noon - 24h;
        watched_.watched_since = noon - 24h;
    }

    static LogRow row(WallTime at, RunState state, std::int32_t attempt = 1)
    {
        LogRow row;
        row.id = 4000 + (at - noon) / 1min;
        row.run.id = {12, at, attempt};
        row.run.state = state;
        if (state != RunState::skipped) {
            row.run.started_at = at + 1ms;
            row.run.ended_at = at + 5s;
            row.run.use_time = 5s;
        }
        if (state == RunState::failed) row.run.exit_code = 1;
        return row;
    }

    /// Of a fire of three.
    static LogRow part(WallTime at, std::int32_t number, RunState state)
    {
        LogRow of_part = row(at, state);
        of_part.id += 100 * number;
        of_part.run.id.part = number;
        of_part.run.id.parts = 3;
        return of_part;
    }

    static LogRow skipped(WallTime at, Cause cause, std::int32_t attempt = 1)
    {
        LogRow skip = row(at, RunState::skipped, attempt);
        skip.run.reason.cause = cause;
        return skip;
    }

    std::vector<Notice> ended(const LogRow& row) { return rules_.ended(job_, row, watched_); }
    std::vector<Notice> ended(const LogRow& row, const LogRow& before)
    {
        return rules_.ended(job_, row, watched_, {}, &before);
    }
    std::vector<NoticeKind> told(const LogRow& row) { return kinds(ended(row)); }
    std::vector<NoticeKind> passed(WallTime now)
    {
        return kinds(rules_.passed(job_, watched_, now));
    }

    Job job_;
    WatchedJob watched_;
    NoticeRules rules_{NoticeDefaults()};
};

TEST_F(NoticeRulesTest, OneNoticeWhenItBeginsToFailAndOneWhenItIsWellAgain)
{
    EXPECT_THAT(told(row(noon, RunState::success)), IsEmpty());
    const auto first = ended(row(noon + 1min, RunState::failed));
    ASSERT_THAT(kinds(first), ElementsAre(NoticeKind::failing));
    EXPECT_EQ(first[0].id, "failing-12-1795262465000");
    EXPECT_EQ(first[0].at, noon + 1min + 5s);
    EXPECT_EQ(first[0].job_name, "backup");
    ASSERT_TRUE(first[0].run);
    EXPECT_EQ(first[0].run->id, 4001);
    EXPECT_EQ(first[0].run->exit_code, 1);
    EXPECT_THAT(told(row(noon + 2min, RunState::timeout)), IsEmpty());
    const auto well = ended(row(noon + 3min, RunState::success));
    ASSERT_THAT(kinds(well), ElementsAre(NoticeKind::recovered));
    EXPECT_THAT(well[0].over, ElementsAre(NoticeKind::failing));
    EXPECT_EQ(well[0].since, noon + 1min + 5s);
    EXPECT_EQ(well[0].count, 2);
    EXPECT_EQ(well[0].run->id, 4003) << "which run it was";
    EXPECT_THAT(told(row(noon + 4min, RunState::success)), IsEmpty());
}

TEST_F(NoticeRulesTest, AFireWithSeveralPartsFailsOnceAndIsWellWhenAllAre)
{
    EXPECT_THAT(told(part(noon, 0, RunState::success)), IsEmpty());
    EXPECT_THAT(told(part(noon, 1, RunState::failed)), ElementsAre(NoticeKind::failing));
    EXPECT_THAT(told(part(noon, 2, RunState::failed)), IsEmpty());
    EXPECT_EQ(watched_.alarm(NoticeKind::failing)->count, 1) << "one fire";
    watched_ = read_watch(watch_text(watched_), noon);
    EXPECT_THAT(told(part(noon + 1min, 0, RunState::success)), IsEmpty());
    EXPECT_THAT(told(part(noon + 1min, 2, RunState::success)), IsEmpty());
    watched_ = read_watch(watch_text(watched_), noon);
    EXPECT_THAT(told(part(noon + 1min, 1, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, TheEndsOfPartsMayBeToldInAnyOrder)
{
    const auto ends = [&](WallTime at, std::int32_t number, RunState state, WallTime end) {
        LogRow of_part = part(at, number, state);
        of_part.run.ended_at = end;
        return told(of_part);
    };
    EXPECT_THAT(ends(noon, 1, RunState::success, noon + 5200ms), IsEmpty());
    EXPECT_THAT(ends(noon, 2, RunState::success, noon + 5200ms), IsEmpty());
    EXPECT_THAT(ends(noon, 0, RunState::failed, noon + 5100ms), ElementsAre(NoticeKind::failing));
    const WallTime next = noon + 1min;
    EXPECT_THAT(ends(next, 1, RunState::success, next + 5200ms), IsEmpty());
    EXPECT_THAT(ends(next, 0, RunState::success, next + 5100ms), IsEmpty());
    EXPECT_THAT(ends(next, 2, RunState::success, next + 5s), ElementsAre(NoticeKind::recovered));
    EXPECT_EQ(watched_.last_success, next + 5200ms);
}

TEST_F(NoticeRulesTest, TheTruthAboutAPartThatWasLostIsNewsWhateverEndedSince)
{
    EXPECT_THAT(told(part(noon, 0, RunState::success)), IsEmpty());
    EXPECT_THAT(told(part(noon, 1, RunState::lost)), ElementsAre(NoticeKind::missed));
    LogRow last = part(noon, 2, RunState::success);
    last.run.ended_at = noon + 30s;
    EXPECT_THAT(told(last), IsEmpty());
    EXPECT_THAT(told(part(noon, 1, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, AFireOfWhichOnePartDidNotRunHasFailedWhenTheOthersHaveEnded)
{
    const auto skip = [](WallTime at, std::int32_t number) {
        LogRow of_part = part(at, number, RunState::skipped);
        of_part.run.reason.cause = Cause::mutex;
        return of_part;
    };
    EXPECT_THAT(told(part(noon, 0, RunState::success)), IsEmpty());
    EXPECT_THAT(told(skip(noon, 1)), IsEmpty());
    EXPECT_THAT(told(part(noon, 2, RunState::success)), ElementsAre(NoticeKind::failing));
    // Also when that is what ends the fire.
    EXPECT_THAT(told(part(noon + 1min, 0, RunState::success)), IsEmpty());
    EXPECT_THAT(told(part(noon + 1min, 2, RunState::success)), IsEmpty());
    EXPECT_THAT(told(skip(noon + 1min, 1)), IsEmpty());
    EXPECT_EQ(watched_.alarm(NoticeKind::failing)->count, 2);
    for (int number = 0; number < 3; ++number) {
        EXPECT_THAT(told(skip(noon + 2min, number)), IsEmpty()) << "somebody wanted it so";
    }
    EXPECT_EQ(watched_.alarm(NoticeKind::failing)->count, 2);
}

TEST_F(NoticeRulesTest, AFireIsSlowWhenAPartIsAndNotWhenNoneIs)
{
    job_.notify_on = {"slow", "recovered"};
    job_.slow_after = 60s;
    const auto ends = [&](WallTime at, std::int32_t number, std::chrono::seconds use_time) {
        LogRow of_part = part(at, number, RunState::success);
        of_part.run.use_time = use_time;
        of_part.run.ended_at = at + use_time;
        return told(of_part);
    };
    EXPECT_THAT(ends(noon, 0, 10s), IsEmpty());
    EXPECT_THAT(ends(noon, 1, 90s), ElementsAre(NoticeKind::slow));
    EXPECT_THAT(ends(noon, 2, 95s), IsEmpty());
    EXPECT_EQ(watched_.alarm(NoticeKind::slow)->count, 1);
    EXPECT_THAT(ends(noon + 5min, 0, 10s), IsEmpty());
    EXPECT_THAT(ends(noon + 5min, 1, 90s), IsEmpty());
    watched_ = read_watch(watch_text(watched_), noon);
    EXPECT_THAT(ends(noon + 5min, 2, 91s), IsEmpty());
    EXPECT_THAT(ends(noon + 10min, 0, 10s), IsEmpty());
    EXPECT_THAT(ends(noon + 10min, 1, 10s), IsEmpty());
    EXPECT_THAT(ends(noon + 10min, 2, 10s), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, FiresWhosePartsOverlapWithManyLaterOnesAreStillJudged)
{
    for (int fire = 0; fire < 20; ++fire) {
        EXPECT_THAT(told(part(noon + fire * 1min, 0, RunState::success)), IsEmpty());
    }
    watched_ = read_watch(watch_text(watched_), noon);
    EXPECT_THAT(told(part(noon, 1, RunState::failed)), ElementsAre(NoticeKind::failing));
    EXPECT_THAT(told(part(noon + 1min, 1, RunState::success)), IsEmpty());
    EXPECT_THAT(told(part(noon + 1min, 2, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, AFurtherAttemptThatDidNotRunSaysHowTheOneBeforeEnded)
{
    LogRow before = row(noon, RunState::failed);
    before.run.exit_code = 7;
    before.run.output = "no route to host";
    const std::vector<Notice> notices = ended(skipped(noon, Cause::superseded, 2), before);
    ASSERT_THAT(notices, SizeIs(1));
    EXPECT_EQ(notices[0].run->attempt, 2);
    EXPECT_THAT(notices[0].run->reason, HasSubstr("superseded"));
    EXPECT_THAT(notices[0].run->reason, HasSubstr("; attempt 1: failed with exit code 7"));
    EXPECT_EQ(notices[0].run->output, "no route to host");
}

TEST_F(NoticeRulesTest, PartsOfAFireThatIsForgottenSayNothing)
{
    for (int fire = 0; fire < 5; ++fire) {
        for (int number = 0; number < 3; ++number) {
            told(part(noon + fire * 1min, number, RunState::success));
        }
    }
    watched_ = read_watch(watch_text(watched_), noon);
    LogRow again = part(noon, 1, RunState::failed);
    again.run.id.attempt = 2;
    again.run.ended_at = noon + 1h;
    EXPECT_THAT(told(again), IsEmpty());
    EXPECT_FALSE(watched_.alarm(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, AFireThatWaitedForItsJitterOrForAnotherJobIsNotLateByThat)
{
    job_.notify_on = {"late"};
    job_.late_after = 30s;
    LogRow run = row(noon, RunState::success);
    run.retry_at = noon + 10min;
    run.run.started_at = noon + 10min + 30s;
    run.run.ended_at = noon + 11min;
    EXPECT_THAT(told(run), IsEmpty());
    run = row(noon + 1h, RunState::success);
    run.retry_at = noon + 70min;
    run.run.started_at = noon + 70min + 31s;
    run.run.ended_at = noon + 71min;
    EXPECT_THAT(told(run), ElementsAre(NoticeKind::late));
}

TEST_F(NoticeRulesTest, TheSameRunAgainTellsNothingNew)
{
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
    job_.notify_after = 2;
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty());
    EXPECT_EQ(watched_.alarm(NoticeKind::failing)->count, 1);
}

TEST_F(NoticeRulesTest, AFireHasFailedWhenItsLastAttemptHas)
{
    job_.retries = 2;
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon, RunState::failed, 2)), IsEmpty());
    EXPECT_THAT(told(row(noon, RunState::failed, 3)), ElementsAre(NoticeKind::failing));
    EXPECT_THAT(told(row(noon + 1min, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon + 1min, RunState::success, 2)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, AnEndThatIsNotRetriedIsTheLast)
{
    job_.retries = 2;
    job_.retry_on = {"75"};
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, ARetryThatTheNextFireReplacedHasFailed)
{
    job_.retries = 2;
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(skipped(noon, Cause::superseded, 2)), ElementsAre(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, NotifyAfterCountsFiresInARow)
{
    job_.notify_after = 3;
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon + 1min, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon + 2min, RunState::success)), IsEmpty()) << "nobody was told";
    EXPECT_THAT(told(row(noon + 3min, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon + 4min, RunState::failed)), IsEmpty());
    const auto third = ended(row(noon + 5min, RunState::failed));
    ASSERT_THAT(kinds(third), ElementsAre(NoticeKind::failing));
    EXPECT_EQ(third[0].count, 3);
    EXPECT_EQ(third[0].since, noon + 3min + 5s);
}

TEST_F(NoticeRulesTest, AMissedFireIsToldOnceUntilOneSucceeds)
{
    LogRow gap = skipped(noon, Cause::misfire);
    gap.fires = 7;
    gap.gap_end = noon + 6min;
    const auto missed = ended(gap);
    ASSERT_THAT(kinds(missed), ElementsAre(NoticeKind::missed));
    EXPECT_EQ(missed[0].count, 7);
    EXPECT_EQ(missed[0].at, noon + 6min);
    EXPECT_THAT(told(skipped(noon + 7min, Cause::no_node)), IsEmpty());
    EXPECT_THAT(told(row(noon + 8min, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, ARunThatWasLostIsMissedUnlessItRunsAgain)
{
    job_.delivery = Delivery::at_least_once;
    EXPECT_THAT(told(row(noon, RunState::lost)), IsEmpty());
    job_.delivery = Delivery::at_most_once;
    EXPECT_THAT(told(row(noon + 1min, RunState::lost)), ElementsAre(NoticeKind::missed));
}

TEST_F(NoticeRulesTest, SkipsAndEndsThatSomebodyWantedSayNothing)
{
    for (const Cause cause : {Cause::mutex, Cause::replaced, Cause::misfire_policy,
                              Cause::job_stopped, Cause::job_changed}) {
        EXPECT_THAT(told(skipped(noon, cause)), IsEmpty()) << to_string(cause);
        watched_ = {};
    }
    LogRow killed = row(noon, RunState::killed);
    killed.run.reason.cause = Cause::on_request;
    EXPECT_THAT(told(killed), IsEmpty());
    EXPECT_THAT(told(row(noon, RunState::revoked)), IsEmpty());
}

TEST_F(NoticeRulesTest, AStoppedJobIsSilent)
{
    job_.expect_every = 60s;
    job_.notify_every = 60s;
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
    job_.stop = true;
    EXPECT_THAT(told(row(noon + 1min, RunState::success)), IsEmpty());
    EXPECT_THAT(passed(noon + 1h), IsEmpty());
    EXPECT_FALSE(rules_.due(job_, watched_, noon));
}

TEST_F(NoticeRulesTest, AnAlarmWithoutRemindersIsLookedAtBecauseThereMayBeSomeByThen)
{
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
    EXPECT_EQ(rules_.due(job_, watched_, noon + 1min), noon + 1min + 1h);
    job_.notify_every = 30min;
    EXPECT_THAT(passed(noon + 1h), ElementsAre(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, WhatTheWordsDoNotNameIsNotTold)
{
    job_.notify_on = {"missed"};
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(row(noon + 1min, RunState::success)), IsEmpty());
    EXPECT_THAT(told(skipped(noon + 2min, Cause::misfire)), ElementsAre(NoticeKind::missed));
    EXPECT_THAT(told(row(noon + 3min, RunState::success)), IsEmpty());
}

TEST_F(NoticeRulesTest, SingleRunsAreToldWhereTheWordsNameThem)
{
    job_.notify_on = {"failed", "success", "skipped", "lost"};
    EXPECT_THAT(told(row(noon, RunState::success)), ElementsAre(NoticeKind::success));
    EXPECT_THAT(told(row(noon + 1min, RunState::failed)), ElementsAre(NoticeKind::failed));
    const auto second = ended(row(noon + 2min, RunState::failed));
    ASSERT_THAT(kinds(second), ElementsAre(NoticeKind::failed));
    EXPECT_EQ(second[0].id, "failed-12-1795262520000-1");
    EXPECT_THAT(told(skipped(noon + 3min, Cause::mutex)), ElementsAre(NoticeKind::skipped));
    EXPECT_THAT(told(row(noon + 4min, RunState::lost)), ElementsAre(NoticeKind::lost));
}

TEST_F(NoticeRulesTest, TheRunThatEndedLastDecides)
{
    EXPECT_THAT(told(row(noon + 1min, RunState::success)), IsEmpty());
    EXPECT_THAT(told(row(noon, RunState::failed)), IsEmpty()) << "it had ended before";
    EXPECT_FALSE(watched_.alarm(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, LateAndSlowRunsAreToldUntilOneIsNot)
{
    job_.notify_on = {"late", "slow", "recovered"};
    job_.late_after = 30s;
    job_.slow_after = 60s;
    LogRow run = row(noon, RunState::success);
    run.run.started_at = noon + 31s;
    EXPECT_THAT(told(run), ElementsAre(NoticeKind::late));
    run = row(noon + 1min, RunState::success);
    run.run.started_at = noon + 1min + 31s;
    EXPECT_THAT(told(run), IsEmpty());
    run = row(noon + 2min, RunState::success);
    run.run.use_time = 61s;
    EXPECT_THAT(told(run), ElementsAre(NoticeKind::slow, NoticeKind::recovered));
    EXPECT_THAT(told(row(noon + 3min, RunState::success)), ElementsAre(NoticeKind::recovered));
    run = row(noon + 4min, RunState::success);
    run.run.started_at = noon + 4min + 40s;
    run.requested_by = "ann";
    EXPECT_THAT(told(run), IsEmpty()) << "somebody asked for it when it suited";
}

TEST_F(NoticeRulesTest, ARunThatHangsIsToldWhileItHangs)
{
    job_.notify_on = {"slow", "recovered"};
    job_.slow_after = 60s;
    LogRow running = row(noon, RunState::running);
    running.run.ended_at.reset();
    EXPECT_THAT(rules_.takes_long(job_, running, watched_, noon + 1ms + 60s), IsEmpty());
    const auto slow = rules_.takes_long(job_, running, watched_, noon + 61s);
    ASSERT_THAT(kinds(slow), ElementsAre(NoticeKind::slow));
    EXPECT_EQ(slow[0].at, noon + 1ms + 60s);
    EXPECT_THAT(rules_.takes_long(job_, running, watched_, noon + 70s), IsEmpty());
    LogRow ended = row(noon, RunState::success);
    ended.run.use_time = 90s;
    EXPECT_THAT(told(ended), IsEmpty()) << "it was told";
    EXPECT_THAT(told(row(noon + 5min, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, WithoutASlowAfterOfItsOwnTheUsualTimeDecides)
{
    const UsualTime usual{30s, 2s};
    job_.notify_on = {"slow", "fast", "recovered"};
    EXPECT_TRUE(rules_.follows_usual_time(job_));
    LogRow running = row(noon, RunState::running);
    running.run.ended_at.reset();
    EXPECT_THAT(rules_.takes_long(job_, running, watched_, noon + 1h), IsEmpty())
        << "nothing is known yet";
    EXPECT_THAT(rules_.takes_long(job_, running, watched_, noon + 30s, usual), IsEmpty());
    EXPECT_THAT(kinds(rules_.takes_long(job_, running, watched_, noon + 31s, usual)),
                ElementsAre(NoticeKind::slow));
    const auto ends = [&](WallTime at, std::chrono::milliseconds use_time,
                          RunState state = RunState::success) {
        LogRow ended = row(at, state);
        ended.run.use_time = use_time;
        return kinds(rules_.ended(job_, ended, watched_, usual));
    };
    EXPECT_THAT(ends(noon, 40s), IsEmpty());
    EXPECT_THAT(ends(noon + 1min, 30s), ElementsAre(NoticeKind::recovered));
    EXPECT_THAT(ends(noon + 2min, 1999ms), ElementsAre(NoticeKind::fast));
    EXPECT_THAT(ends(noon + 3min, 1s), IsEmpty()) << "it was told";
    EXPECT_THAT(ends(noon + 4min, 2s), ElementsAre(NoticeKind::recovered));
    EXPECT_THAT(ends(noon + 5min, 1s, RunState::failed), IsEmpty()) << "it is no success";
    job_.slow_after = 60s;
    EXPECT_THAT(ends(noon + 6min, 50s), IsEmpty()) << "its own word counts";
    job_.notify_on = {"slow"};
    EXPECT_FALSE(rules_.follows_usual_time(job_));
    job_.slow_after = 0s;
    job_.kind = JobKind::daemon;
    EXPECT_FALSE(rules_.follows_usual_time(job_));
    EXPECT_THAT(rules_.takes_long(job_, running, watched_, noon + 1h, usual), IsEmpty());
}

TEST_F(NoticeRulesTest, WhatAJobDoesNotSayItsTagSays)
{
    NoticeDefaults defaults;
    defaults.tags = {{.tag = "db", .channels = {"dba"}, .notify_after = 3, .notify_every = 1h},
                     {.tag = "nightly",
                      .channels = {"night"},
                      .notify_on = {"failed"},
                      .notify_after = 2,
                      .late_after = 10s}};
    const NoticeRules rules(defaults);
    const auto ends = [&](const LogRow& row) { return kinds(rules.ended(job_, row, watched_)); };
    job_.notify.clear();
    EXPECT_THAT(rules.channels(job_), IsEmpty()) << "it has no such tag";
    job_.tags = {"nightly", "db"};
    EXPECT_THAT(rules.channels(job_), ElementsAre("dba")) << "the first one of the configuration";
    EXPECT_THAT(ends(row(noon, RunState::failed)), ElementsAre(NoticeKind::failed))
        << "the second one says it, since the first does not";
    job_.notify_on = {"failing", "late"};
    EXPECT_THAT(ends(row(noon + 1min, RunState::failed)), IsEmpty());
    EXPECT_THAT(ends(row(noon + 2min, RunState::failed)), ElementsAre(NoticeKind::failing))
        << "after three";
    EXPECT_EQ(rules.due(job_, watched_, noon + 3min), noon + 2min + 5s + 1h);
    LogRow late = row(noon + 4min, RunState::failed);
    late.run.started_at = noon + 4min + 11s;
    EXPECT_THAT(ends(late), ElementsAre(NoticeKind::late));
    job_.notify = {"ops"};
    EXPECT_THAT(rules.channels(job_), ElementsAre("ops")) << "its own word counts";
}

TEST_F(NoticeRulesTest, WhatIsSlowItsTagSays)
{
    NoticeDefaults defaults;
    defaults.slow_after = 60s;
    defaults.tags = {{.tag = "db", .slow_after = 30s}};
    const NoticeRules rules(defaults);
    UsualTime usual;
    usual.slow_after = 1s;
    job_.notify_on = {"slow"};
    job_.tags = {"db"};
    LogRow running = row(noon, RunState::running);
    running.run.started_at = noon;
    const auto takes = [&](std::chrono::seconds time) {
        WatchedJob watched = watched_;
        return kinds(rules.takes_long(job_, running, watched, noon + time, usual));
    };
    EXPECT_FALSE(rules.follows_usual_time(job_));
    EXPECT_THAT(takes(30s), IsEmpty());
    EXPECT_THAT(takes(31s), ElementsAre(NoticeKind::slow));
    job_.tags.clear();
    EXPECT_THAT(takes(60s), IsEmpty()) << "as for other jobs";
    EXPECT_THAT(takes(61s), ElementsAre(NoticeKind::slow));
    LogRow ended = row(noon + 1min, RunState::success);
    ended.run.use_time = 61s;
    EXPECT_THAT(kinds(rules.ended(job_, ended, watched_, usual)), ElementsAre(NoticeKind::slow));
    job_.kind = JobKind::daemon;
    EXPECT_THAT(takes(61s), IsEmpty());
}

TEST_F(NoticeRulesTest, AJobWithoutTheSuccessThatItsTagExpectsIsSilent)
{
    NoticeDefaults defaults;
    defaults.tags = {{.tag = "nightly", .expect_by = "04:00"}};
    const NoticeRules rules(defaults);
    const auto passed = [&](WallTime now) { return kinds(rules.passed(job_, watched_, now)); };
    job_.notify_every = 1h;
    rules.note_expected(job_, watched_, noon - 24h);
    EXPECT_EQ(rules.due(job_, watched_, noon), std::nullopt) << "it has no such tag";
    job_.tags = {"nightly"};
    rules.note_expected(job_, watched_, noon - 24h);
    EXPECT_EQ(rules.due(job_, watched_, noon - 8h - 10min), noon - 8h);
    EXPECT_THAT(passed(noon - 8h - 1ms), IsEmpty());
    EXPECT_THAT(passed(noon - 8h), ElementsAre(NoticeKind::silent));
    job_.expect_by = "none";
    rules.note_expected(job_, watched_, noon);
    EXPECT_THAT(passed(noon), IsEmpty()) << "nobody waits for it any more";
    EXPECT_EQ(rules.due(job_, watched_, noon), noon + 1h) << "somebody may again";
    job_.expect_by = "";
    EXPECT_THAT(passed(noon), ElementsAre(NoticeKind::silent)) << "it goes on";
    job_.expect_by = "none";
    EXPECT_THAT(kinds(rules.ended(job_, row(noon + 1min, RunState::success), watched_)),
                ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, WhatTheConfigurationDidNotAskForBeforeIsExpectedFromThenOn)
{
    const NoticeRules before{NoticeDefaults()};
    NoticeDefaults defaults;
    defaults.expect_every = 1h;
    const NoticeRules rules(defaults);
    job_.effective_from = noon - 240h;
    watched_.watched_since = noon - 240h;
    EXPECT_THAT(kinds(before.ended(job_, row(noon - 24h, RunState::success), watched_)), IsEmpty());
    before.note_expected(job_, watched_, noon - 1h);
    rules.note_expected(job_, watched_, noon);
    watched_ = read_watch(watch_text(watched_), noon);
    rules.note_expected(job_, watched_, noon + 59min);
    EXPECT_EQ(rules.due(job_, watched_, noon + 59min), noon + 1h);
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 59min)), IsEmpty());
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 1h)), ElementsAre(NoticeKind::silent));
    // What the job asks for itself was asked for when the job was changed.
    job_.expect_every = 30min;
    watched_ = WatchedJob();
    watched_.watched_since = noon - 240h;
    rules.note_expected(job_, watched_, noon);
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon)), ElementsAre(NoticeKind::silent));
}

TEST_F(NoticeRulesTest, WhatTheConfigurationAsksForDoesNotPostponeWhatTheJobAsksFor)
{
    const auto silent_at = [&](const NoticeDefaults& defaults) {
        const NoticeRules rules(defaults);
        rules.note_expected(job_, watched_, noon);
        EXPECT_EQ(watched_.inherited_since, noon);
        return rules.due(job_, watched_, noon);
    };
    job_.effective_from = noon - 240h;
    watched_.watched_since = noon - 240h;
    watched_.last_success = noon - 23h - 50min;
    job_.expect_every = 24h;
    NoticeDefaults by;
    by.expect_by = "11:00";
    EXPECT_EQ(silent_at(by), noon + 10min);
    job_.expect_every = 0s;
    job_.expect_by = "12:10";
    watched_.last_success = noon - 48h;
    NoticeDefaults every;
    every.expect_every = 30min;
    EXPECT_EQ(silent_at(every), noon - 24h + 10min) << "and not in half an hour";
    job_.expect_by = "";
    EXPECT_EQ(silent_at(every), noon + 30min);
}

/// Such a job would be silent for ever.
TEST_F(NoticeRulesTest, AJobThatCannotFireAnyMoreInheritsNoExpectation)
{
    NoticeDefaults defaults;
    defaults.expect_every = 1h;
    const NoticeRules rules(defaults);
    rules.note_expected(job_, watched_, noon - 24h);
    const WatchedJob before = watched_;
    const auto passed = [&](const Job& job) {
        watched_ = before;
        return kinds(rules.passed(job, watched_, noon));
    };
    const auto expect_nothing = [&](Job job) {
        EXPECT_THAT(passed(job), IsEmpty());
        EXPECT_EQ(rules.due(job, watched_, noon), noon + 1h) << "it may get further fires";
        job.expect_every = 2h;
        EXPECT_THAT(passed(job), ElementsAre(NoticeKind::silent)) << "its own word counts";
    };
    EXPECT_THAT(passed(job_), ElementsAre(NoticeKind::silent));
    const WatchedJob silent = watched_;

    Job over = job_;
    over.end_time = to_unix_seconds(noon) + 3600;
    EXPECT_THAT(passed(over), ElementsAre(NoticeKind::silent));
    over.end_time = to_unix_seconds(noon);
    expect_nothing(over);
    over.notify_every = 1h;
    watched_ = silent;
    EXPECT_THAT(kinds(rules.passed(over, watched_, noon + 24h)), IsEmpty()) << "nor told again";
    over.end_time = 0;
    EXPECT_THAT(kinds(rules.passed(over, watched_, noon + 24h)), ElementsAre(NoticeKind::silent));

    Job used_up = job_;
    used_up.run_limit = 3;
    used_up.counters.run_num = 2;
    EXPECT_THAT(passed(used_up), ElementsAre(NoticeKind::silent));
    used_up.counters.run_num = 3;
    expect_nothing(used_up);

    Job past = job_;
    past.cron_set = "0 0 4 1 1 * 2026";
    expect_nothing(past);
    past.cron_set = "every day";
    EXPECT_THAT(passed(past), ElementsAre(NoticeKind::silent)) << "a mistake is not the end of it";

    Job chained = job_;
    chained.cron_set = "";
    chained.run_after = {"extract"};
    EXPECT_THAT(passed(chained), ElementsAre(NoticeKind::silent));
    chained.end_time = to_unix_seconds(noon);
    expect_nothing(chained);

    Job by_hand = job_;
    by_hand.cron_set = "";
    EXPECT_THAT(passed(by_hand), IsEmpty());
    EXPECT_EQ(rules.due(by_hand, watched_, noon), std::nullopt);
    by_hand.expect_every = 2h;
    EXPECT_THAT(passed(by_hand), ElementsAre(NoticeKind::silent)) << "its own word counts";
}

TEST_F(NoticeRulesTest, WhatAJobInheritsIsExpectedFromItsStartTimeOn)
{
    NoticeDefaults defaults;
    defaults.expect_every = 1h;
    const NoticeRules rules(defaults);
    rules.note_expected(job_, watched_, noon - 24h);
    job_.start_time = to_unix_seconds(noon);
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 59min)), IsEmpty());
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 1h)), ElementsAre(NoticeKind::silent));
}

TEST_F(NoticeRulesTest, OfAStoppedJobNothingIsExpected)
{
    NoticeDefaults defaults;
    defaults.expect_every = 1h;
    const NoticeRules rules(defaults);
    rules.note_expected(job_, watched_, noon - 24h);
    job_.stop = true;
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon)), IsEmpty());
    EXPECT_EQ(rules.due(job_, watched_, noon), std::nullopt);
    job_.stop = false;
    job_.effective_from = noon;  // as of each change
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 59min)), IsEmpty());
    EXPECT_THAT(kinds(rules.passed(job_, watched_, noon + 1h)), ElementsAre(NoticeKind::silent));
}

TEST_F(NoticeRulesTest, WhileItIsPausedNothingIsToldThatTimeTells)
{
    job_.expect_every = 600s;
    job_.notify_every = 3600s;
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
    Pause pause;
    pause.job = job_.id;
    pause.begins_at = noon + 5min;
    pause.until = noon + 3h;
    const auto passed = [&](WallTime now) {
        return kinds(rules_.passed(job_, watched_, now, Pauses({pause})));
    };
    const auto due = [&](WallTime now) { return rules_.due(job_, watched_, now, Pauses({pause})); };
    EXPECT_THAT(passed(noon + 2h), IsEmpty()) << "neither silent nor told again";
    EXPECT_EQ(due(noon + 2h), noon + 2h + 1min) << "a person may end it";
    EXPECT_EQ(due(noon + 3h - 10s), noon + 3h);
    EXPECT_THAT(passed(noon + 3h), ElementsAre(NoticeKind::failing));
    job_.notify_every = 0s;
    EXPECT_EQ(due(noon + 3h), noon + 3h + 10min);
    EXPECT_THAT(passed(noon + 3h + 9min), IsEmpty());
    EXPECT_THAT(passed(noon + 3h + 10min), ElementsAre(NoticeKind::silent))
        << "it is expected from the end of the pause on";
}

/// Noon is that of a Saturday.
TEST_F(NoticeRulesTest, WhileCalendarsExcludeItsFiresNothingIsExpected)
{
    job_.expect_every = 600s;
    job_.calendar = {"workdays"};
    const WallTime monday = noon + 36h;
    EXPECT_THAT(told(row(noon - 13h, RunState::success)), IsEmpty());
    EXPECT_THAT(passed(noon), IsEmpty());
    EXPECT_EQ(rules_.due(job_, watched_, noon), noon + 1h);
    EXPECT_EQ(rules_.due(job_, watched_, monday - 20min), monday);
    EXPECT_THAT(passed(monday + 9min), IsEmpty());
    EXPECT_EQ(rules_.due(job_, watched_, monday + 1min), monday + 10min);
    EXPECT_THAT(passed(monday + 10min), ElementsAre(NoticeKind::silent))
        << "it is expected from the end of that time on";
}

TEST_F(NoticeRulesTest, OnlyAPauseOfTheJobItselfCounts)
{
    job_.expect_every = 600s;
    job_.tags = {"db"};
    EXPECT_THAT(told(row(noon, RunState::success)), IsEmpty());
    Pause pause;
    pause.begins_at = noon + 1min;
    pause.ended_at = noon + 5min;
    const auto due = [&] { return rules_.due(job_, watched_, noon + 6min, Pauses({pause})); };
    EXPECT_EQ(due(), noon + 15min) << "of all jobs";
    pause.tag = "db";
    EXPECT_EQ(due(), noon + 15min);
    pause.tag = "ftp";
    EXPECT_EQ(due(), noon + 10min + 5s);
    pause.tag = "";
    pause.job = job_.id + 1;
    EXPECT_EQ(due(), noon + 10min + 5s);
    pause.job = job_.id;
    pause.ended_at = pause.begins_at;
    EXPECT_EQ(due(), noon + 10min + 5s) << "it never began";
}

TEST_F(NoticeRulesTest, WhatGoesOnIsToldAgainAtTheInterval)
{
    job_.notify_every = 3600s;
    EXPECT_THAT(told(row(noon, RunState::failed)), ElementsAre(NoticeKind::failing));
    const WallTime at = noon + 5s;
    EXPECT_EQ(rules_.due(job_, watched_, noon + 1min), at + 1h);
    EXPECT_THAT(passed(at + 59min), IsEmpty());
    const auto again = rules_.passed(job_, watched_, at + 1h + 3s);
    ASSERT_THAT(kinds(again), ElementsAre(NoticeKind::failing));
    EXPECT_TRUE(again[0].is_reminder);
    EXPECT_EQ(again[0].at, at + 1h) << "whoever looks when, it is the same";
    EXPECT_THAT(passed(at + 1h + 4s), IsEmpty());
    EXPECT_THAT(passed(at + 5h), ElementsAre(NoticeKind::failing)) << "not one for each hour";
}

TEST_F(NoticeRulesTest, AJobWithoutTheSuccessThatItExpectsIsSilent)
{
    job_.expect_every = 600s;
    EXPECT_THAT(told(row(noon, RunState::success)), IsEmpty());
    const WallTime at = noon + 5s;
    EXPECT_EQ(rules_.due(job_, watched_, noon + 1min), at + 10min);
    EXPECT_THAT(passed(at + 9min), IsEmpty());
    EXPECT_THAT(passed(at + 10min), ElementsAre(NoticeKind::silent));
    EXPECT_THAT(passed(at + 30min), IsEmpty());
    EXPECT_THAT(told(row(noon + 40min, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, ASuccessIsExpectedByATimeOfEachDayOfItsZone)
{
    job_.expect_by = "04:00";
    job_.time_zone = "Europe/Berlin";  // 03:00 UTC in November
    const WallTime three = noon - 9h;
    EXPECT_THAT(told(row(three - 1h, RunState::success)), IsEmpty());
    EXPECT_EQ(rules_.due(job_, watched_, three - 30min), three);
    EXPECT_THAT(passed(three + 1min), IsEmpty()) << "there was one";
    EXPECT_EQ(rules_.due(job_, watched_, three + 1min), three + 61min)
        << "a person may change what is expected";
    EXPECT_EQ(rules_.due(job_, watched_, three + 23h + 30min), three + 24h);
    EXPECT_THAT(passed(three + 24h), ElementsAre(NoticeKind::silent));
    EXPECT_THAT(passed(three + 48h), IsEmpty()) << "it goes on";
    EXPECT_THAT(told(row(three + 49h, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticeRulesTest, WhatWasExpectedBeforeSomebodyAskedForItIsNot)
{
    job_.expect_by = "04:00";
    job_.effective_from = noon;
    EXPECT_THAT(passed(noon + 1h), IsEmpty());
    EXPECT_EQ(rules_.due(job_, watched_, noon + 1h), noon + 2h);
    EXPECT_EQ(rules_.due(job_, watched_, noon + 15h + 1min), noon + 16h);
}

TEST_F(NoticeRulesTest, ManyChangesAreToldAsOneAndThenHowItStands)
{
    std::vector<NoticeKind> all;
    for (int i = 0; i < 10; ++i) {
        const RunState state = i % 2 == 0 ? RunState::failed : RunState::success;
        for (const NoticeKind kind : told(row(noon + i * 1min, state))) all.push_back(kind);
    }
    EXPECT_THAT(all, ElementsAre(NoticeKind::failing, NoticeKind::recovered, NoticeKind::failing,
                                 NoticeKind::recovered, NoticeKind::failing, NoticeKind::recovered,
                                 NoticeKind::flapping));
    const WallTime last = noon + 9min + 5s;
    EXPECT_EQ(rules_.due(job_, watched_, last), last + 1h);
    EXPECT_THAT(passed(last + 59min), IsEmpty());
    EXPECT_THAT(passed(last + 1h), ElementsAre(NoticeKind::recovered));
    EXPECT_THAT(told(row(noon + 2h, RunState::failed)), ElementsAre(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, AFlappingJobThatComesToRestWhileItFailsSaysSo)
{
    for (int i = 0; i < 9; ++i) {
        told(row(noon + i * 1min, i % 2 == 0 ? RunState::failed : RunState::success));
    }
    EXPECT_THAT(passed(noon + 2h), ElementsAre(NoticeKind::failing));
}

TEST_F(NoticeRulesTest, WhatIsKeptOfAJobSurvivesAsText)
{
    job_.notify_every = 60s;
    for (int i = 0; i < 9; ++i) {
        told(row(noon + i * 1min, i % 2 == 0 ? RunState::failed : RunState::success));
    }
    told(skipped(noon + 10min, Cause::misfire));
    NoticeDefaults defaults;
    defaults.expect_every = 60s;
    defaults.expect_by = "04:00";
    NoticeRules(defaults).note_expected(job_, watched_, noon + 11min);
    EXPECT_EQ(read_watch(watch_text(watched_), noon), watched_);
    const WatchedJob fresh = read_watch("{\"of\": \"another version\"}", noon);
    EXPECT_EQ(fresh.watched_since, noon);
}

TEST_F(NoticeRulesTest, TheTruthAboutALostRunCountsAlthoughItEndedBefore)
{
    LogRow lost = row(noon, RunState::lost);
    lost.run.ended_at = noon + 2min;  // when that was noticed
    EXPECT_THAT(told(lost), ElementsAre(NoticeKind::missed));
    const auto truth = ended(row(noon, RunState::success));
    ASSERT_THAT(kinds(truth), ElementsAre(NoticeKind::recovered));
    EXPECT_EQ(truth[0].at, noon + 2min) << "not before it began";
    EXPECT_EQ(watched_.newest_end, noon + 2min);
}

TEST_F(NoticeRulesTest, ARunOfANodeWhoseClockIsAheadEndsNow)
{
    const LogRow ahead = row(noon + 1h, RunState::failed);
    const LogRow seen = not_after(noon, ahead);
    EXPECT_EQ(seen.run.ended_at, noon);
    EXPECT_EQ(*seen.run.ended_at - *seen.run.started_at,
              *ahead.run.ended_at - *ahead.run.started_at);
    EXPECT_THAT(told(seen), ElementsAre(NoticeKind::failing));
    EXPECT_THAT(told(row(noon + 1min, RunState::success)), ElementsAre(NoticeKind::recovered));
    const LogRow past = row(noon - 1h, RunState::failed);
    EXPECT_EQ(not_after(noon, past).run, past.run);
}

class NoticesOfDaemonsTest : public NoticeRulesTest {
protected:
    NoticesOfDaemonsTest()
    {
        job_.kind = JobKind::daemon;
        job_.healthy_after = 30s;
    }

    /// Was up for this long.
    static LogRow up(WallTime at, std::chrono::milliseconds time, RunState state,
                     Cause cause = Cause::none)
    {
        LogRow row = NoticeRulesTest::row(at, state);
        row.run.started_at = at;
        row.run.ended_at = at + time;
        row.run.reason.cause = cause;
        return row;
    }
};

TEST_F(NoticesOfDaemonsTest, AnEndBeforeItWasHealthyIsAFailureWithSuccessToo)
{
    EXPECT_THAT(told(up(noon, 29s, RunState::success)), ElementsAre(NoticeKind::failing));
    EXPECT_THAT(told(up(noon + 1min, 5s, RunState::killed, Cause::oom)), IsEmpty());
    EXPECT_EQ(watched_.alarm(NoticeKind::failing)->count, 2);
    EXPECT_THAT(told(up(noon + 2min, 30s, RunState::failed)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticesOfDaemonsTest, ASuccessAfterWhichItStaysDownIsGood)
{
    EXPECT_THAT(told(up(noon, 5s, RunState::failed)), ElementsAre(NoticeKind::failing));
    job_.restart = Restart::on_failure;
    EXPECT_THAT(told(up(noon + 1min, 5s, RunState::success)), ElementsAre(NoticeKind::recovered));
}

TEST_F(NoticesOfDaemonsTest, WhatWasEndedBecauseOfSomethingElseSaysNothing)
{
    WallTime at = noon;
    for (const Cause cause : {Cause::job_changed, Cause::job_stopped, Cause::job_deleted,
                              Cause::window, Cause::node_stopped, Cause::on_request}) {
        EXPECT_THAT(told(up(at += 1min, 5s, RunState::killed, cause)), IsEmpty())
            << to_string(cause);
    }
    EXPECT_THAT(told(up(at += 1min, 5s, RunState::lost)), IsEmpty());
    EXPECT_THAT(told(up(at += 1min, 5s, RunState::fenced)), IsEmpty());
    EXPECT_THAT(told(skipped(at += 1min, Cause::no_node)), IsEmpty());
    for (const auto& alarm : watched_.alarms) EXPECT_FALSE(alarm);
}

TEST_F(NoticesOfDaemonsTest, OneThatIsGivenUpIsFailingAtOnce)
{
    job_.notify_after = 10;
    EXPECT_THAT(told(up(noon, 5s, RunState::failed)), IsEmpty());
    EXPECT_THAT(told(up(noon + 10s, 5s, RunState::failed)), IsEmpty());
    const auto given_up = ended(skipped(noon + 20s, Cause::start_limit));
    ASSERT_THAT(kinds(given_up), ElementsAre(NoticeKind::failing));
    EXPECT_EQ(given_up[0].count, 2);
}

TEST_F(NoticesOfDaemonsTest, ARunThatFailsAfterItWasHealthyHasFailedAllTheSame)
{
    job_.notify_on = {"failing", "failed", "success"};
    EXPECT_THAT(told(up(noon, 1h, RunState::failed)), ElementsAre(NoticeKind::failed));
    EXPECT_THAT(told(up(noon + 2h, 1h, RunState::success)), ElementsAre(NoticeKind::success));
    EXPECT_THAT(told(up(noon + 4h, 5s, RunState::success)),
                ElementsAre(NoticeKind::failed, NoticeKind::failing));
}

TEST_F(NoticesOfDaemonsTest, OneThatStaysUpIsWellAgainBeforeItEnds)
{
    EXPECT_THAT(told(up(noon, 5s, RunState::failed)), ElementsAre(NoticeKind::failing));
    LogRow running = row(noon + 10s, RunState::running);
    running.run.started_at = noon + 10s;
    running.run.ended_at.reset();
    const auto well = rules_.stays_up(job_, running, watched_);
    ASSERT_THAT(kinds(well), ElementsAre(NoticeKind::recovered));
    EXPECT_EQ(well[0].at, noon + 40s);
    EXPECT_THAT(well[0].over, ElementsAre(NoticeKind::failing));
    EXPECT_THAT(rules_.stays_up(job_, running, watched_), IsEmpty());
    EXPECT_THAT(told(up(noon + 10s, 1h, RunState::failed)), IsEmpty()) << "as before";
}

}  // namespace
}  // namespace peercron
