#include "insight/why.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);  // 2026-11-21T00:00:00Z
constexpr JobId id = 12;

/// A job that fires at 02:00 each day, and the moment of such a fire.
class WhyTest : public ::testing::Test {
protected:
    WhyTest()
    {
        job_.id = id;
        job_.name = "backup";
        job_.cron_set = "0 0 2 * * *";
        job_.effective_from = midnight - 240h;
        known_.id = id;
        known_.now = midnight + 12h;
        known_.at = fire_;
        known_.ledger_begin = midnight - 720h;
        known_.planned_through = known_.now + 2s;
        known_.dispatcher = "10.0.0.7:9991";
        change(job_, midnight - 240h, {"deploy", "10.0.0.1", ""});
    }

    void change(std::optional<Job> to, WallTime from, Author by = {"ops", "10.0.0.2", "disk full"})
    {
        Revision revision;
        revision.id = std::ssize(known_.revisions) + 1;
        revision.job = id;
        revision.effective_from = from;
        revision.by = std::move(by);
        revision.after = std::move(to);
        known_.revisions.push_back(revision);
        known_.job = known_.revisions.back().after;
    }

    LogRow& row(RunState state, WallTime at, Cause cause = Cause::none)
    {
        LogRow added;
        added.id = 4700 + std::ssize(known_.rows);
        added.run.id = {id, at, 1};
        added.run.state = state;
        added.run.reason.cause = cause;
        added.run.run_server = "db1:9991";
        return *known_.rows.insert(known_.rows.begin(), added);
    }
    LogRow& ended(RunState state)
    {
        LogRow& added = row(state, fire_);
        added.run.started_at = fire_ + 4ms;
        added.run.use_time = 192'300ms;
        added.run.ended_at = fire_ + 192'304ms;
        return added;
    }

    static std::string fact_about(const Explanation& why, std::string_view what)
    {
        const auto fact = std::ranges::find(why.facts, what, &Fact::about);
        return fact == why.facts.end() ? "" : fact->text;
    }

    const WallTime fire_ = midnight + 2h;
    Job job_;
    Circumstances known_;
};

TEST_F(WhyTest, ARunThatSucceeded)
{
    ended(RunState::success);
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::ran);
    EXPECT_EQ(why.answer,
              "It ran at 2026-11-21 02:00:00.004 on db1:9991, and succeeded after 3 m 12 s.");
    EXPECT_EQ(why.previous_fire, fire_ - 24h);
    EXPECT_EQ(why.next_fire, fire_ + 24h);
    ASSERT_TRUE(why.row);
}

TEST_F(WhyTest, TheNextFireIsNoneThatACalendarExcludes)
{
    job_.calendar = {"!freeze"};
    known_.revisions.back().after = job_;
    Calendar freeze;
    freeze.name = "freeze";
    freeze.dates = "2026-11-22..2026-11-24";
    known_.calendars.push_back(freeze);
    ended(RunState::success);
    EXPECT_EQ(explain(known_).next_fire, fire_ + 4 * 24h);
}

TEST_F(WhyTest, ARunThatFailedSaysHow)
{
    LogRow& run = ended(RunState::failed);
    run.run.exit_code = 2;
    EXPECT_THAT(explain(known_).answer, HasSubstr("failed after 3 m 12 s with exit code 2"));
    EXPECT_EQ(explain(known_).verdict, Verdict::failed);
    known_.rows.front().run.state = RunState::timeout;
    EXPECT_THAT(explain(known_).answer, HasSubstr("ended at its timeout"));
}

TEST_F(WhyTest, AttemptsAreCountedWhereThereMayBeSeveral)
{
    job_.retries = 3;
    known_.revisions.back().after = job_;
    ended(RunState::failed);
    LogRow& second = ended(RunState::failed);
    second.run.id.attempt = 2;
    EXPECT_THAT(explain(known_).answer, HasSubstr("(attempt 2 of 4)"));
    LogRow& third = row(RunState::planned, fire_);
    third.run.id.attempt = 3;
    third.retry_at = midnight + 13h;
    EXPECT_EQ(explain(known_).verdict, Verdict::retrying);
    EXPECT_THAT(explain(known_).answer, HasSubstr("attempt 3 starts at 2026-11-21 13:00:00"));
}

TEST_F(WhyTest, AnAttemptThatDidNotRunDoesNotHideTheOneThatFailed)
{
    job_.retries = 3;
    known_.revisions.back().after = job_;
    LogRow& first = ended(RunState::failed);
    first.run.exit_code = 7;
    for (const RunState state : {RunState::skipped, RunState::revoked, RunState::killed}) {
        known_.rows.erase(known_.rows.begin(), std::prev(known_.rows.end()));
        LogRow& second = row(state, fire_);
        second.run.id.attempt = 2;
        second.run.reason = {Cause::superseded, "the next fire is due before"};
        const Explanation why = explain(known_);
        EXPECT_EQ(why.verdict, Verdict::failed) << to_string(state);
        EXPECT_THAT(why.answer,
                    HasSubstr("failed after 3 m 12 s with exit code 7 (attempt 1 of 4)"));
        EXPECT_THAT(why.answer, EndsWith("It was not tried again: the next fire is due before."));
    }
}

TEST_F(WhyTest, ARunThatWaitsForANodeSaysForWhich)
{
    LogRow& waits = row(RunState::planned, fire_);
    waits.run.run_server.clear();
    EXPECT_EQ(explain(known_).answer, "It was due at 2026-11-21 02:00:00 and waits for a node.");
    known_.job->run_on = {"db", "!spare"};
    EXPECT_THAT(explain(known_).answer, HasSubstr("waits for a node that fits run_on db, !spare."));
    waits.run.id.node = "10.0.0.7:9991";
    EXPECT_THAT(explain(known_).answer, HasSubstr("waits for its node, 10.0.0.7:9991."));
}

TEST_F(WhyTest, ASkipForTheMutexNamesTheRunInItsWay)
{
    LogRow& before = row(RunState::running, fire_ - 24h);
    before.run.started_at = fire_ - 24h;
    const std::int64_t blocker = before.id;
    row(RunState::skipped, fire_, Cause::mutex).run.reason.detail = "the previous run goes on";
    known_.usual_time = 720s;
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::skipped);
    ASSERT_TRUE(why.blocker);
    EXPECT_EQ(why.blocker->id, blocker);
    EXPECT_THAT(why.answer, HasSubstr("was skipped: the previous run goes on; run 4700 was still "
                                      "running, since 2026-11-20 02:00:00, usually 12 m 0 s."));
}

TEST_F(WhyTest, AFireThatCameAfterAnotherJobNamesThat)
{
    row(RunState::skipped, fire_, Cause::parent).requested_by =
        "after extract (job 3: failed, exit code 2)";
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::skipped);
    EXPECT_EQ(fact_about(why, "parent"), "after extract (job 3: failed, exit code 2)");
}

TEST_F(WhyTest, AFireThatAPauseWillKeepFromRunningSaysSo)
{
    Pause pause;
    pause.begins_at = midnight;
    pause.until = midnight + 72h;
    pause.reason = "db upgrade";
    pause.made_by = "ops";
    known_.pauses.push_back(pause);
    known_.at = fire_ + 24h;
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::future);
    EXPECT_THAT(why.answer, HasSubstr("It will be skipped: paused: db upgrade (ops)."));
    EXPECT_EQ(fact_about(why, "pause"),
              "paused: db upgrade (ops), from 2026-11-21 00:00:00 to 2026-11-24 00:00:00");
}

TEST_F(WhyTest, OfAFireWithPartsTheOneThatWentWorstIsExplained)
{
    const auto part = [this](RunState state, std::int32_t number, std::int32_t attempt = 1) {
        LogRow& added = ended(state);
        added.run.id.part = number;
        added.run.id.parts = 4;
        added.run.id.attempt = attempt;
        return added.id;
    };
    part(RunState::failed, 0);
    part(RunState::success, 3);
    const std::int64_t worst = part(RunState::failed, 1);
    part(RunState::killed, 2);
    part(RunState::success, 0, 2);
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::failed);
    ASSERT_TRUE(why.row);
    EXPECT_EQ(why.row->id, worst) << "part 0 has succeeded at its second attempt";
    EXPECT_THAT(why.answer,
                HasSubstr(". This is part 1 of 4, of which 1 failed, 1 killed, 2 succeeded."));
    for (LogRow& row : known_.rows) row.run.state = RunState::success;
    EXPECT_EQ(explain(known_).verdict, Verdict::ran);
    EXPECT_THAT(explain(known_).answer, HasSubstr("part 0 of 4, of which 4 succeeded."));
    // Two parts that a change took back, which made fewer of them.
    known_.rows[1].run.state = RunState::revoked;
    known_.rows[2].run.state = RunState::running;
    EXPECT_EQ(explain(known_).verdict, Verdict::running);
}

TEST_F(WhyTest, AMissIsNoSkip)
{
    row(RunState::skipped, fire_, Cause::no_node).run.reason.detail = "no node could take it";
    EXPECT_EQ(explain(known_).verdict, Verdict::missed);
    EXPECT_THAT(explain(known_).answer, HasSubstr("was missed: no node could take it"));
}

TEST_F(WhyTest, AMomentWithinAGapIsOfItsRow)
{
    LogRow& gap = row(RunState::skipped, fire_ - 48h, Cause::misfire);
    gap.fires = 3;
    gap.gap_end = fire_;
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::missed);
    EXPECT_THAT(why.answer, HasSubstr("3 fires from 2026-11-19 02:00:00 to 2026-11-21 02:00:00"));
}

TEST_F(WhyTest, AFireWithJitterSaysWhenItStarts)
{
    LogRow& waits = row(RunState::planned, fire_);
    waits.retry_at = fire_ + 10min;
    known_.now = fire_ + 1min;
    EXPECT_EQ(explain(known_).verdict, Verdict::future);
    EXPECT_THAT(explain(known_).answer, HasSubstr("with its jitter starts at"));
    known_.now = fire_ + 11min;
    EXPECT_EQ(explain(known_).verdict, Verdict::waiting);
}

TEST_F(WhyTest, AFireSaysWhatItRequires)
{
    Job job = job_;
    job.required = {"extract", "load"};
    job.requires_wait = 30min;
    known_.revisions.back().after = job;
    LogRow& waits = row(RunState::planned, fire_, Cause::required);
    waits.run.reason.detail = "waits for extract, load";
    waits.run.run_server.clear();
    const Explanation why = explain(known_);
    EXPECT_EQ(why.answer, "It was due at 2026-11-21 02:00:00, and waits for extract, load.");
    const auto fact = std::ranges::find(why.facts, "requires", &Fact::about);
    ASSERT_NE(fact, why.facts.end());
    EXPECT_EQ(fact->text,
              "it runs only if extract, load succeeded since its fire before, and waits "
              "for that for 30 m 0 s");
    known_.now = fire_ - 1s;
    EXPECT_THAT(explain(known_).answer, HasSubstr("It is due at 2026-11-21 02:00:00, and waits"));
    known_.rows.clear();
    EXPECT_THAT(explain(known_).answer, HasSubstr("It runs only if extract, load succeeded"));

    known_.now = fire_ + 1h;
    row(RunState::skipped, fire_, Cause::required).run.reason.detail = "load failed at 01:02";
    EXPECT_EQ(explain(known_).verdict, Verdict::skipped);
    EXPECT_THAT(explain(known_).answer, HasSubstr("and was skipped: load failed at 01:02."));
}

TEST_F(WhyTest, WithoutARowThePlanTells)
{
    EXPECT_EQ(explain(known_).verdict, Verdict::missing);
    known_.ledger_begin = fire_ + 1h;
    EXPECT_EQ(explain(known_).verdict, Verdict::forgotten);
    known_.ledger_begin = midnight - 720h;
    known_.planned_through = fire_ - 1s;
    EXPECT_EQ(explain(known_).verdict, Verdict::unplanned);
    EXPECT_THAT(explain(known_).answer, HasSubstr("no node has planned since"));
    known_.planned_through.reset();
    EXPECT_THAT(explain(known_).answer, HasSubstr("no node has ever planned"));
    known_.now = fire_ - 1h;
    EXPECT_EQ(explain(known_).verdict, Verdict::future);
    EXPECT_THAT(explain(known_).answer, HasSubstr("in 1 h 0 m"));
}

TEST_F(WhyTest, AMomentBetweenFiresSaysWhichAreAround)
{
    known_.at = fire_ + 1h;
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::not_due);
    EXPECT_THAT(why.answer, HasSubstr("nothing was due: it fires at 02:00:00"));
    EXPECT_THAT(why.answer, HasSubstr("2026-11-21 02:00:00 and 2026-11-22 02:00:00"));
}

TEST_F(WhyTest, AStoppedJobSaysSinceWhenAndByWhom)
{
    Job stopped = job_;
    stopped.stop = true;
    change(stopped, fire_ - 10h);
    const Explanation why = explain(known_);
    EXPECT_EQ(why.verdict, Verdict::not_due);
    EXPECT_THAT(why.answer, HasSubstr("stopped at that time: as it was since 2026-11-20 16:00:00, "
                                      "by ops (disk full)"));
}

TEST_F(WhyTest, ItIsTheVersionOfThatMomentThatCounts)
{
    Job later = job_;
    later.cron_set = "0 0 5 * * *";
    change(later, fire_ + 1h);
    EXPECT_EQ(explain(known_).verdict, Verdict::missing) << "the old version fired at 02:00";
    known_.at = midnight + 5h;
    EXPECT_EQ(explain(known_).verdict, Verdict::missing);
    known_.at = fire_ + 24h;
    known_.now = fire_ + 30h;
    EXPECT_EQ(explain(known_).verdict, Verdict::not_due);
}

TEST_F(WhyTest, BeforeAndAfterItsLifeThereIsNoJob)
{
    known_.at = midnight - 1000h;
    known_.revisions.erase(known_.revisions.begin());
    known_.job = job_;
    EXPECT_THAT(explain(known_).answer, HasSubstr("there was no such job yet"));
    known_.at = fire_;
    change(std::nullopt, fire_ - 1h);
    EXPECT_THAT(explain(known_).answer, HasSubstr("was deleted on 2026-11-21 01:00:00, by ops"));
}

TEST_F(WhyTest, TheWindowTells)
{
    Job late = job_;
    late.start_time = to_unix_seconds(fire_ + 10h);
    known_.revisions.back().after = late;
    EXPECT_THAT(explain(known_).answer, HasSubstr("Its window began only at 2026-11-21 12:00:00"));
    late.start_time = 0;
    late.end_time = to_unix_seconds(fire_ - 10h);
    known_.revisions.back().after = late;
    EXPECT_THAT(explain(known_).answer, HasSubstr("Its window ended at 2026-11-20 16:00:00"));
}

TEST_F(WhyTest, TimesAreThoseOfTheJobsZone)
{
    Job berlin = job_;
    berlin.time_zone = "Europe/Berlin";
    known_.revisions.back().after = berlin;
    known_.at = fire_ - 1h;
    EXPECT_EQ(explain(known_).verdict, Verdict::missing);
    EXPECT_THAT(explain(known_).answer, HasSubstr("2026-11-21 02:00:00"));
    EXPECT_EQ(explain(known_).zone, "Europe/Berlin");
}

TEST_F(WhyTest, WithoutAMomentItIsWhateverCameLast)
{
    known_.at.reset();
    EXPECT_THAT(explain(known_).answer, HasSubstr("Nothing is in the log yet"));
    ended(RunState::success);
    row(RunState::revoked, fire_ + 24h, Cause::job_changed);
    EXPECT_EQ(explain(known_).verdict, Verdict::ran);
    EXPECT_EQ(explain(known_).at, fire_);
}

TEST_F(WhyTest, AJobOfWhichNoHistoryIsKnownIsTakenAsItIs)
{
    known_.revisions.clear();
    known_.job = job_;
    EXPECT_EQ(explain(known_).verdict, Verdict::missing);
}

TEST_F(WhyTest, ADaemonHasNoSchedule)
{
    Job daemon = job_;
    daemon.kind = JobKind::daemon;
    daemon.cron_set.clear();
    known_.revisions.back().after = daemon;
    EXPECT_EQ(explain(known_).verdict, Verdict::not_due);
    EXPECT_THAT(explain(known_).answer, HasSubstr("a daemon starts when it is added"));
    ended(RunState::failed);
    EXPECT_EQ(explain(known_).verdict, Verdict::failed);
}

TEST_F(WhyTest, FindsTheFireBeforeHoweverLongAgo)
{
    for (const std::string expression : {"* * * * * *", "0 0 2 29 2 ? 2016", "0 0 0 1 1 *"}) {
        Job job = job_;
        job.cron_set = expression;
        known_.revisions.back().after = job;
        known_.at = fire_ + 500ms;
        const Schedule schedule = *Schedule::make(expression, "UTC", id);
        const auto before = explain(known_).previous_fire;
        if (expression.ends_with("2016")) {
            EXPECT_EQ(before, std::nullopt) << "further back than anybody asks";
            continue;
        }
        ASSERT_TRUE(before) << expression;
        EXPECT_EQ(schedule.next(std::chrono::floor<std::chrono::seconds>(*before) - 1s), *before);
        const auto after = schedule.next(std::chrono::floor<std::chrono::seconds>(*before));
        EXPECT_GE(*after, fire_) << expression;
    }
}

}  // namespace
}  // namespace peercron
