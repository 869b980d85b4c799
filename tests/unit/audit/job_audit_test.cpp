#include "audit/job_audit.hpp"

#include "model/jitter.hpp"
#include "model/retry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr JobId job_id = 12;
constexpr WallTime t0{1'795'219'200'000ms};  // 2026-11-21T00:00:00Z

std::string describe(const Finding& finding)
{
    std::string text =
        fmt::format("{} {}", to_string(finding.kind), (finding.run.scheduled_at - t0) / 1s);
    if (finding.fires != 1) text += fmt::format("-{} {}", (finding.until - t0) / 1s, finding.fires);
    return text;
}

class JobAuditTest : public ::testing::Test {
protected:
    JobAuditTest() { past_.job = job_id; }

    static Job every(int seconds)
    {
        Job job;
        job.id = job_id;
        job.cron_set = fmt::format("@every {}s", seconds);
        return job;
    }

    Revision& change(WallTime at, std::optional<Job> job, std::string who = "ann")
    {
        Revision revision;
        revision.id = std::ssize(past_.revisions) + 1;
        revision.job = job_id;
        revision.effective_from = at;
        revision.by.who = std::move(who);
        revision.after = std::move(job);
        past_.revisions.push_back(std::move(revision));
        past_.run_num = 0;
        return past_.revisions.back();
    }

    LedgerEntry& row(WallTime at, RunState state = RunState::success, std::int32_t attempt = 1)
    {
        LedgerEntry entry;
        entry.id = RunId{job_id, at, attempt};
        entry.state = state;
        entry.dispatched_at = at - 2s;
        const bool ran = has_run(state) || state == RunState::running;
        if (ran) entry.started_at = at + 1ms;
        return rows_.insert_or_assign(entry.id, entry).first->second;
    }

    void rows(WallTime from, WallTime to, std::chrono::seconds interval)
    {
        for (WallTime at = from; at < to; at += interval) row(at);
    }

    LedgerEntry& gap(WallTime from, WallTime to, std::int64_t fires)
    {
        LedgerEntry& entry = row(from, RunState::skipped);
        entry.reason = parse_reason("misfire-policy: 4 fires were missed");
        entry.fires = fires;
        entry.gap_end = to;
        return entry;
    }

    /// What is found from t0 to `to`, as text.
    std::vector<std::string> audit(WallTime to, std::size_t at_once = 1'000'000)
    {
        report_ = {};
        findings_.clear();
        const AuditRange range{t0, to};
        JobAudit audit(past_, rules_, range, now_.value_or(to + 10s), report_, pauses_, calendars_);
        if (covered_) audit.cover(*covered_);
        const auto pass = [&](WallTime until) {
            std::size_t budget = at_once;
            while (!audit.pass(until, budget)) budget = at_once;
        };
        for (const auto& [id, entry] : rows_) {
            if (id.scheduled_at < range.from || id.scheduled_at >= range.to) continue;
            pass(id.scheduled_at);
            audit.take(entry);
        }
        pass(to);
        audit.finish();
        findings_ = audit.take_findings();
        std::vector<std::string> texts;
        for (const Finding& finding : findings_) texts.push_back(describe(finding));
        return texts;
    }

    JobPast past_;
    PauseHistory pauses_;
    CalendarHistory calendars_;
    std::map<RunId, LedgerEntry> rows_;
    AuditRules rules_;
    std::optional<WallTime> now_;
    std::optional<WallTime> covered_;
    AuditReport report_;
    std::vector<Finding> findings_;
};

TEST_F(JobAuditTest, AWholeLedgerIsClean)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 1h, 10s);
    EXPECT_THAT(audit(t0 + 1h), IsEmpty());
    EXPECT_TRUE(report_.clean());
    EXPECT_EQ(report_.due, 360);
    EXPECT_EQ(report_.rows, 360);
    EXPECT_EQ(report_.jobs, 1);
    EXPECT_EQ(report_.unjudged_fires + report_.unjudged_rows, 0);
}

/// Of a job whose fires have three parts each.
class ShardsAuditTest : public JobAuditTest {
protected:
    ShardsAuditTest() { change(t0 - 1h, cut(3)); }

    static Job cut(std::int64_t shards)
    {
        Job job = every(10);
        job.spread = Spread::shards;
        job.shards = shards;
        return job;
    }
    LedgerEntry& part(WallTime at, std::int32_t number, RunState state = RunState::success,
                      std::int32_t attempt = 1)
    {
        auto first = rows_.extract(RunId{job_id, at, attempt});
        LedgerEntry entry = row(at, state, attempt);
        rows_.erase(entry.id);
        if (first) rows_.insert(std::move(first));
        entry.id.part = number;
        entry.id.parts = 3;
        return rows_.insert_or_assign(entry.id, entry).first->second;
    }
    void parts(WallTime from, WallTime to)
    {
        for (WallTime at = from; at < to; at += 10s) {
            for (const std::int32_t number : {0, 1, 2}) part(at, number);
        }
    }
};

TEST_F(ShardsAuditTest, AFireHasARowOfEachPart)
{
    parts(t0, t0 + 1min);
    EXPECT_THAT(audit(t0 + 1min), IsEmpty());
    EXPECT_EQ(report_.due, 6);
    EXPECT_EQ(report_.rows, 18);

    rows_.erase({job_id, t0 + 20s, 1, 1});
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("missing 20"));
    EXPECT_EQ(findings_[0].run, (RunId{job_id, t0 + 20s, 1, 1}));
    EXPECT_EQ(findings_[0].what, "part 1 of 3 of it has no row");
    EXPECT_FALSE(report_.clean());
}

TEST_F(ShardsAuditTest, NoPartStartsTwice)
{
    parts(t0, t0 + 1min);
    part(t0 + 10s, 2, RunState::lost);
    part(t0 + 10s, 2, RunState::success, 2).started_at = t0 + 12s;
    rows_.at({job_id, t0 + 10s, 1, 2}).started_at = t0 + 10s;
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("doubled 10"));
    EXPECT_EQ(findings_[0].run.part, 2);
}

TEST_F(ShardsAuditTest, EachPartHasTheRetriesThatItOwes)
{
    Job job = cut(3);
    job.retries = 1;
    job.retry_delay = 1s;
    change(t0 - 30min, job);
    parts(t0, t0 + 1min);
    for (const std::int32_t number : {0, 2}) {
        LedgerEntry& failed = part(t0 + 10s, number, RunState::failed);
        failed.ended_at = t0 + 11s;
        failed.exit_code = 1;
    }
    LedgerEntry& retry = part(t0 + 10s, 2, RunState::success, 2);
    retry.retry_at = t0 + 11s + retry_delay(job, retry.id);
    retry.started_at = retry.retry_at;
    EXPECT_THAT(audit(t0 + 10min), ::testing::Contains("missing 10"));
    ASSERT_FALSE(findings_.empty());
    EXPECT_EQ(findings_[0].run, (RunId{job_id, t0 + 10s, 2, 0})) << "of the part that has none";
}

TEST_F(ShardsAuditTest, AFireThatDoesNotRunIsOneRow)
{
    parts(t0, t0 + 1min);
    for (const std::int32_t number : {0, 1, 2}) rows_.erase({job_id, t0 + 20s, 1, number});
    row(t0 + 20s, RunState::skipped).reason = parse_reason("mutex: the previous run");
    EXPECT_THAT(audit(t0 + 1min), IsEmpty());
}

TEST_F(ShardsAuditTest, AFireThatIsCutOtherwiseIsFound)
{
    parts(t0, t0 + 1min);
    for (const std::int32_t number : {0, 1, 2}) rows_.erase({job_id, t0 + 20s, 1, number});
    row(t0 + 20s);
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("extra 20"));
    change(t0 + 21s, cut(2));
    EXPECT_THAT(audit(t0 + 30s), IsEmpty()) << "near a change";
}

TEST_F(ShardsAuditTest, AFireAtEveryNodeHasAsManyPartsAsItsRowsSay)
{
    Job everywhere = every(10);
    everywhere.spread = Spread::every;
    change(t0 - 30min, everywhere);
    parts(t0, t0 + 1min);
    for (const std::int32_t number : {0, 1, 2}) rows_.erase({job_id, t0 + 20s, 1, number});
    row(t0 + 20s);
    EXPECT_THAT(audit(t0 + 1min), IsEmpty()) << "there was one node then";

    rows_.erase({job_id, t0 + 30s, 1, 0});
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("missing 30"));
    EXPECT_EQ(findings_[0].what, "part 0 of 3 of it has no row");

    part(t0 + 30s, 0).id.parts = 2;
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("extra 30"));
}

TEST_F(JobAuditTest, AFireThatDidNotRunForAReasonThatNobodyAskedForIsMissed)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 1min, 10s);
    row(t0, RunState::skipped).reason =
        parse_reason("misfire: missed while no node was planning; …");
    row(t0 + 10s, RunState::skipped).reason =
        parse_reason("mutex: the previous run is still running");
    row(t0 + 20s, RunState::skipped).reason =
        parse_reason("misfire-policy: …; the job's misfire policy is skip");
    row(t0 + 30s, RunState::lost).reason = parse_reason("node-died: alpha died");
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("missed 0", "missed 30"));
    EXPECT_EQ(findings_[0].what, "skipped: misfire: missed while no node was planning; …");
    EXPECT_FALSE(report_.clean());
    EXPECT_EQ(report_.found_of(FindingKind::missed), 2);
}

TEST_F(JobAuditTest, TheRowOfAGapIsOneFindingOfAllItsFires)
{
    change(t0 - 1h, every(10));
    gap(t0, t0 + 50s, 6).reason = parse_reason("misfire: 6 fires were missed");
    EXPECT_THAT(audit(t0 + 1min), ElementsAre("missed 0-50 6"));
    EXPECT_EQ(report_.found_of(FindingKind::missed), 6);
    EXPECT_EQ(report_.due, 6);
}

TEST_F(JobAuditTest, ALostRunThatRanAgainIsNotMissed)
{
    Job job = every(10);
    job.delivery = Delivery::at_least_once;
    change(t0 - 1h, job);
    row(t0, RunState::lost).reason = parse_reason("node-died: alpha died");
    row(t0, RunState::success, 2);
    row(t0 + 10s, RunState::lost).reason = parse_reason("node-died: alpha died");
    now_ = t0 + 30s;
    EXPECT_THAT(audit(t0 + 20s), IsEmpty()) << "the second may run again any moment";
    now_ = t0 + 2min;
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("missed 10"));
}

TEST_F(JobAuditTest, ARunThatWasAskedForMayBeMissedAsWell)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 10s, 10s);
    LedgerEntry& asked = row(t0 + 3500ms, RunState::skipped);
    asked.requested = true;
    asked.reason = parse_reason("no-node: no node could take it");
    EXPECT_THAT(audit(t0 + 10s), SizeIs(1));
    EXPECT_EQ(findings_[0].kind, FindingKind::missed);
}

TEST_F(JobAuditTest, TheRangeHoldsItsFirstMomentAndNotItsLast)
{
    change(t0 - 1h, every(10));
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("missing 0-10 2"));
    EXPECT_THAT(audit(t0 + 20s + 1ms), ElementsAre("missing 0-20 3"));
}

TEST_F(JobAuditTest, FiresWithoutRowsAreMissingAndThoseThatFollowOnEachOtherAreOneFinding)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 200s, 10s);
    for (const int second : {50, 60, 70, 120, 190}) rows_.erase({job_id, t0 + second * 1s, 1});
    EXPECT_THAT(audit(t0 + 200s), ElementsAre("missing 50-70 3", "missing 120", "missing 190"));
    EXPECT_EQ(report_.found_of(FindingKind::missing), 5);
    EXPECT_EQ(report_.due, 20);
    EXPECT_FALSE(report_.clean());
    EXPECT_EQ(findings_.at(1).what, "it was due and has no row");
}

TEST_F(JobAuditTest, SpendsNoMoreThanItsBudgetAndFindsTheSame)
{
    change(t0 - 1h, every(1));
    row(t0 + 500s);
    EXPECT_THAT(audit(t0 + 1000s, 7), ElementsAre("missing 0-499 500", "missing 501-999 499"));
    JobAudit audit(past_, rules_, AuditRange{t0, t0 + 1000s}, t0 + 2000s, report_, pauses_,
                   calendars_);
    std::size_t budget = 7;
    EXPECT_FALSE(audit.pass(t0 + 500s, budget));
    EXPECT_EQ(audit.next_due(), t0 + 7s);
}

TEST_F(JobAuditTest, ARowThatNoFireAskedForIsExtra)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    row(t0 + 45s);
    row(t0 + 56s, RunState::skipped);
    EXPECT_THAT(audit(t0 + 100s), ElementsAre("extra 45", "extra 56"));
}

TEST_F(JobAuditTest, ARowOfTheSameSecondAsAnotherIsDoubled)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    row(t0 + 50s + 300ms);
    EXPECT_THAT(audit(t0 + 100s), ElementsAre("doubled 50"));
}

TEST_F(JobAuditTest, RunsOnRequestAreNeitherExtraNorDoubled)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    row(t0 + 50s + 300ms).requested = true;
    row(t0 + 55s + 1ms, RunState::failed).requested = true;
    LedgerEntry& late = row(t0 + 59s + 1ms);
    late.started_at = t0 + 80s;
    late.requested = true;
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
    EXPECT_EQ(report_.requested, 3);
}

TEST_F(JobAuditTest, WhateverBecomesOfARehearsalIsNoFindingButItHasToEnd)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    for (const RunState state : {RunState::lost, RunState::failed, RunState::skipped}) {
        LedgerEntry& rehearsal = row(t0 + 5s + 7ms * (1 + static_cast<int>(state)), state);
        rehearsal.requested = rehearsal.rehearsal = true;
        rehearsal.reason.cause = Cause::no_node;
    }
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
    EXPECT_EQ(report_.rehearsals, 3);
    EXPECT_EQ(report_.requested, 3);
    EXPECT_EQ(report_.outcomes.size(), 1U) << "that of the fires";
    LedgerEntry& open = row(t0 + 15s + 1ms, RunState::planned);
    open.requested = open.rehearsal = true;
    now_ = t0 + 1h;
    EXPECT_THAT(audit(t0 + 100s), ElementsAre("never_ended 15"));
}

TEST_F(JobAuditTest, AFireThatNobodyRanAndThatWasBackfilledIsNeitherMissingNorOneTooMany)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    rows_.erase(RunId{job_id, t0 + 30s, 1});
    LedgerEntry& first = row(t0 + 30s);
    first.requested = true;
    first.started_at = t0 + 2h;
    row(t0 + 50s, RunState::failed);
    row(t0 + 50s, RunState::success, 2).requested = true;
    row(t0 + 70s, RunState::revoked);
    row(t0 + 70s, RunState::success, 2).requested = true;
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
    EXPECT_EQ(report_.due, 10);
    EXPECT_EQ(report_.requested, 3);
}

TEST_F(JobAuditTest, ARowAccountsForItsFireInWhateverStateButRevoked)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    row(t0 + 10s, RunState::skipped).reason = parse_reason("mutex: the previous run was alive");
    row(t0 + 20s, RunState::killed);
    row(t0 + 30s, RunState::fenced);
    row(t0 + 40s, RunState::revoked).reason = parse_reason("job-changed");
    row(t0 + 45s, RunState::revoked);
    EXPECT_THAT(audit(t0 + 100s), ElementsAre("missing 40"));
    using Outcome = std::pair<RunState, Cause>;
    EXPECT_EQ(report_.outcomes.at(Outcome(RunState::skipped, Cause::mutex)), 1);
    EXPECT_EQ(report_.outcomes.at(Outcome(RunState::success, Cause::none)), 6);
}

TEST_F(JobAuditTest, AnotherAttemptAfterARevokedOneAccountsForTheFire)
{
    change(t0 - 1h, every(10));
    row(t0, RunState::revoked);
    row(t0, RunState::success, 2);
    EXPECT_THAT(audit(t0 + 10s), IsEmpty());
}

TEST_F(JobAuditTest, TheRowOfAGapAccountsForAllItsFires)
{
    change(t0 - 1h, every(10));
    gap(t0 + 10s, t0 + 80s, 8);
    row(t0);
    row(t0 + 90s);
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
    EXPECT_EQ(report_.due, 10);
    EXPECT_EQ(report_.outcomes.at({RunState::skipped, Cause::misfire_policy}), 8);
    EXPECT_THAT(audit(t0 + 130s), ElementsAre("missing 100-120 3"));
}

TEST_F(JobAuditTest, AGapThatBeganBeforeTheRangeAccountsForFiresInIt)
{
    change(t0 - 1h, every(10));
    covered_ = t0 + 20s;
    EXPECT_THAT(audit(t0 + 40s), ElementsAre("missing 30"));
    EXPECT_EQ(report_.due, 4);
}

/// t0 is the midnight of a Saturday.
Calendar freeze(std::string dates, WallTime from, std::optional<WallTime> to = {})
{
    Calendar calendar;
    calendar.name = "freeze";
    calendar.dates = std::move(dates);
    calendar.set_at = from;
    calendar.ended_at = to;
    return calendar;
}

Job in_calendar(Job job, std::string term)
{
    job.calendar = {std::move(term)};
    return job;
}

TEST_F(JobAuditTest, FiresThatCalendarsExcludeAreAccountedForByTheirRow)
{
    change(t0 - 1h, in_calendar(every(10), "workdays"));
    gap(t0, t0 + 50s, 6).reason = parse_reason("calendar: not in workdays");
    EXPECT_THAT(audit(t0 + 60s), IsEmpty());
    EXPECT_EQ(report_.due, 6);
}

TEST_F(JobAuditTest, AFireThatStartsThoughCalendarsExcludeItIsExtra)
{
    change(t0 - 1h, in_calendar(every(10), "workdays"));
    rows(t0, t0 + 20s, 10s);
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("extra 0", "extra 10"));
    for (auto& [id, entry] : rows_) entry.requested = true;
    EXPECT_THAT(audit(t0 + 20s), IsEmpty());
}

TEST_F(JobAuditTest, ARowThatSaysCalendarOfAFireThatNoneExcludesIsMissed)
{
    calendars_ = CalendarHistory({freeze("2026-11-21T00:00:20..2026-11-21T00:00:40", WallTime())});
    change(t0 - 1h, in_calendar(every(10), "!freeze"));
    row(t0, RunState::skipped).reason = parse_reason("calendar: in freeze");
    row(t0 + 10s);
    gap(t0 + 20s, t0 + 50s, 4).reason = parse_reason("calendar: in freeze");
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("missed 0", "missed 20-50 4", "missed 40"));
}

TEST_F(JobAuditTest, WhatCalendarsSaidAtTheMomentOfAFireCounts)
{
    calendars_ = CalendarHistory({freeze("sat", WallTime(), t0 + 60s), freeze("sun", t0 + 60s)});
    change(t0 - 1h, in_calendar(every(10), "!freeze"));
    gap(t0, t0 + 50s, 6).reason = parse_reason("calendar: in freeze");
    rows(t0 + 60s, t0 + 120s, 10s);
    EXPECT_THAT(audit(t0 + 120s), IsEmpty());
    // Near the change it may be by either.
    row(t0 + 60s, RunState::skipped).reason = parse_reason("calendar: in freeze");
    row(t0 + 80s, RunState::skipped).reason = parse_reason("calendar: in freeze");
    EXPECT_THAT(audit(t0 + 120s), ElementsAre("missed 80"));
}

TEST_F(JobAuditTest, AFireOfAGapThatHasARowOfItsOwnIsDoubled)
{
    change(t0 - 1h, every(10));
    gap(t0, t0 + 50s, 6);
    row(t0 + 30s);
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("doubled 30"));
}

TEST_F(JobAuditTest, AGapThatWasNotCountedToItsEndGoesOnToTheNextRow)
{
    change(t0 - 1h, every(10));
    gap(t0, t0 + 20s, 100'000);
    row(t0 + 60s);
    EXPECT_THAT(audit(t0 + 80s), ElementsAre("missing 70"));
    EXPECT_EQ(report_.unjudged_fires, 3);
}

TEST_F(JobAuditTest, TwoStartedAttemptsAreDoubledWhereTheJobRunsAtMostOnce)
{
    change(t0 - 1h, every(10));
    row(t0, RunState::lost);
    row(t0, RunState::success, 2);
    row(t0 + 10s, RunState::lost).started_at.reset();
    row(t0 + 10s, RunState::success, 2);
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("doubled 0"));
    past_.revisions.at(0).after->delivery = Delivery::at_least_once;
    EXPECT_THAT(audit(t0 + 20s), IsEmpty());
}

TEST_F(JobAuditTest, ARunThatWasLostRunsAgainAsItsJobWantsItThen)
{
    change(t0 - 1h, every(60));
    Job reliable = every(60);
    reliable.delivery = Delivery::at_least_once;
    change(t0 + 30s, reliable);
    row(t0, RunState::lost);
    row(t0, RunState::success, 2).started_at = t0 + 50s;
    EXPECT_THAT(audit(t0 + 60s), IsEmpty());
}

TEST_F(JobAuditTest, AStartBeyondTheBoundIsLate)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 60s, 10s);
    row(t0 + 10s).started_at = t0 + 13s;
    row(t0 + 20s).started_at = t0 + 23s + 1ms;
    row(t0 + 30s, RunState::killed).started_at.reset();
    row(t0 + 40s).reason = parse_reason("misfire");
    rows_.at({job_id, t0 + 40s, 1}).started_at = t0 + 70s;
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("late 20", "late 40"));
    EXPECT_EQ(findings_.at(1).what, "started 30 s late");
    rules_.late = 100ms;
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("late 10", "late 20", "late 40"));
}

TEST_F(JobAuditTest, AFireThatWaitsForAnotherRunAsItsJobWantsItIsNotLate)
{
    Job job = every(10);
    job.overlap = Overlap::queue;
    change(t0 - 1h, job);
    row(t0).started_at = t0 + 30s;
    EXPECT_THAT(audit(t0 + 10s), IsEmpty());
    now_ = t0 + 1h;
    row(t0, RunState::planned);
    EXPECT_THAT(audit(t0 + 10s), IsEmpty());
}

TEST_F(JobAuditTest, AnOpenRowThatShouldHaveEndedNeverEnded)
{
    Job job = every(10);
    job.timeout = 30s;
    change(t0 - 1h, job);
    row(t0, RunState::planned);
    row(t0 + 10s, RunState::running);
    now_ = t0 + 60s;
    EXPECT_THAT(audit(t0 + 20s), IsEmpty());
    now_ = t0 + 61s;
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("never_ended 0"));
    now_ = t0 + 10s + 30s + 62s;
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("never_ended 0", "never_ended 10"));
    past_.revisions.at(0).after->timeout = 0s;
    EXPECT_THAT(audit(t0 + 20s), ElementsAre("never_ended 0"));
}

TEST_F(JobAuditTest, AFireThatWasPlannedLateHasItsMinuteFromThen)
{
    change(t0 - 1h, every(3600));
    row(t0, RunState::planned).dispatched_at = t0 + 20min;
    now_ = t0 + 21min;
    EXPECT_THAT(audit(t0 + 10s), IsEmpty());
    now_ = t0 + 22min;
    EXPECT_THAT(audit(t0 + 10s), ElementsAre("never_ended 0"));
}

TEST_F(JobAuditTest, EachVersionIsDueUpToTheChangeAndTheNextAfterIt)
{
    change(t0 - 1h, every(10));
    change(t0 + 100s, every(7));
    rows(t0, t0 + 101s, 10s);
    for (WallTime at = t0; at < t0 + 200s; at += 1s) {
        const bool due = (at.time_since_epoch() / 1s) % 7 == 0;
        if (due && at > t0 + 100s) row(at);
    }
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    EXPECT_GT(report_.due, 20);
    row(t0 + 120s);  // as the old one would have it
    rows_.erase({job_id, t0 + 50s, 1});
    EXPECT_THAT(audit(t0 + 200s), ElementsAre("missing 50", "extra 120"));
}

TEST_F(JobAuditTest, NearAChangeNeitherMissingNorExtraIsSaidButDoubledIs)
{
    change(t0 - 1h, every(1));
    change(t0 + 100s, every(3600));
    rows(t0, t0 + 95s, 1s);  // the last ones were revoked
    row(t0 + 97s, RunState::revoked);
    rows(t0 + 101s, t0 + 106s, 1s);  // and these had been handed out
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    EXPECT_EQ(report_.unjudged_fires, 6);
    EXPECT_EQ(report_.unjudged_rows, 5);
    rows_.erase({job_id, t0 + 94s, 1});
    row(t0 + 106s);
    row(t0 + 103s, RunState::success, 2);
    EXPECT_THAT(audit(t0 + 200s), ElementsAre("missing 94", "doubled 103", "extra 106"));
}

TEST_F(JobAuditTest, WhatWasSkippedAheadOfTheChangeThatTookItBackIsNotExtra)
{
    change(t0 - 1h, every(10));
    change(t0 + 25s, std::nullopt);
    rows(t0, t0 + 30s, 10s);
    row(t0 + 40s, RunState::skipped).dispatched_at = t0 + 20s;
    EXPECT_THAT(audit(t0 + 60s), IsEmpty());
    EXPECT_EQ(report_.unjudged_rows, 1);

    // Decided after the change, …
    row(t0 + 40s, RunState::skipped).dispatched_at = t0 + 35s;
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("extra 40"));
    // … never due, …
    rows_.erase({job_id, t0 + 40s, 1});
    row(t0 + 41s, RunState::skipped).dispatched_at = t0 + 20s;
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("extra 41"));
    // … or started.
    rows_.erase({job_id, t0 + 41s, 1});
    row(t0 + 40s).dispatched_at = t0 + 20s;
    EXPECT_THAT(audit(t0 + 60s), ElementsAre("extra 40"));
}

TEST_F(JobAuditTest, ALateFireThatAStopTookBackIsNotMissing)
{
    Job stopped = every(10);
    stopped.stop = true;
    change(t0 - 1h, every(10));
    change(t0 + 47s, stopped);
    rows(t0, t0 + 40s, 10s);
    row(t0 + 40s, RunState::revoked).reason = parse_reason("job-stopped");
    EXPECT_THAT(audit(t0 + 2h), IsEmpty());
    EXPECT_EQ(report_.due, 5);

    row(t0 + 40s, RunState::revoked).reason = parse_reason("job-changed");
    EXPECT_THAT(audit(t0 + 2h), ElementsAre("missing 40"));
    // Nothing waits for so long.
    row(t0 + 40s, RunState::revoked).reason = parse_reason("job-stopped");
    past_.revisions.back().effective_from = t0 + 110s;
    rows(t0 + 50s, t0 + 111s, 10s);
    EXPECT_THAT(audit(t0 + 2h), ElementsAre("missing 40"));
}

TEST_F(JobAuditTest, AChangeInTheDatabaseItselfReachesFurther)
{
    change(t0 - 1h, every(10));
    change(t0 + 100s, every(3600), "");
    rows(t0, t0 + 160s, 10s);
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());
    row(t0 + 170s);
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("extra 170"));
}

TEST_F(JobAuditTest, AVersionDoesNotBeginBeforeTheOneThatItFollows)
{
    change(t0 - 1h, every(10));
    change(t0 + 100s, every(3600));
    change(t0 + 80s, every(20));  // by a clock that is behind
    rows(t0, t0 + 100s, 10s);
    rows(t0 + 100s, t0 + 200s, 20s);
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    rows_.erase({job_id, t0 + 80s, 1});
    EXPECT_THAT(audit(t0 + 200s), ElementsAre("missing 80"));
}

TEST_F(JobAuditTest, AStoppedJobAndOneWithABadScheduleAreNeverDue)
{
    Job stopped = every(10);
    stopped.stop = true;
    change(t0 - 1h, stopped);
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());
    past_.revisions.clear();
    Job bad = every(10);
    bad.cron_set = "whenever";
    change(t0 - 1h, bad);
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());
    EXPECT_EQ(report_.due, 0);
    row(t0 + 500s);
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("extra 500"));
}

TEST_F(JobAuditTest, TheWindowBoundsWhatIsDue)
{
    Job job = every(10);
    job.start_time = to_unix_seconds(t0 + 100s);
    job.end_time = to_unix_seconds(t0 + 200s);
    change(t0 - 1h, job);
    rows(t0 + 100s, t0 + 200s, 10s);
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());
    row(t0 + 200s);
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("extra 200"));
}

TEST_F(JobAuditTest, ADeletedJobIsDueUpToItsEnd)
{
    change(t0 - 1h, every(10));
    change(t0 + 100s, std::nullopt);
    past_.run_num.reset();
    rows(t0, t0 + 80s, 10s);
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("missing 80-90 2"));
}

TEST_F(JobAuditTest, NobodyKnowsWhenAJobThatWasDeletedByHandReallyWas)
{
    change(t0 - 1h, every(10));
    change(t0 + 1000s, std::nullopt, "");
    rows(t0, t0 + 300s, 10s);
    EXPECT_THAT(audit(t0 + 2000s), IsEmpty());
    EXPECT_EQ(report_.unjudged_fires, 71);
    EXPECT_EQ(report_.due, 30);
    EXPECT_TRUE(report_.clean());
    rows_.erase({job_id, t0 + 100s, 1});
    EXPECT_THAT(audit(t0 + 2000s), ElementsAre("missing 100"));
}

TEST_F(JobAuditTest, WhatIsBeforeTheFirstKnownVersionIsNotJudged)
{
    change(t0 + 100s, every(10));
    rows(t0, t0 + 200s, 10s);
    row(t0 + 33s);
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    EXPECT_EQ(report_.unjudged_rows, 12);
    EXPECT_EQ(report_.due, 9);
}

TEST_F(JobAuditTest, AJobWithRowsAndWithoutAHistoryIsUnknown)
{
    row(t0 + 33s);
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    EXPECT_EQ(report_.unknown_jobs, 1);
    EXPECT_EQ(report_.jobs, 0);
    EXPECT_EQ(report_.unjudged_rows, 1);
    change(t0 - 1h, every(10));
    past_.whole = false;
    EXPECT_THAT(audit(t0 + 200s), IsEmpty());
    EXPECT_EQ(report_.unknown_jobs, 1);
}

TEST_F(JobAuditTest, AJobAtItsLimitMissesNothing)
{
    Job job = every(10);
    job.run_limit = 5;
    change(t0 - 1h, job);
    rows(t0, t0 + 50s, 10s);
    past_.run_num = 5;
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
    EXPECT_EQ(report_.unjudged_fires, 5);
    past_.run_num.reset();  // it is deleted, and its number with it
    EXPECT_THAT(audit(t0 + 100s), IsEmpty());
}

TEST_F(JobAuditTest, AJobThatCannotHaveReachedItsLimitMissesFires)
{
    Job job = every(10);
    job.run_limit = 5;
    change(t0 - 1h, job);
    row(t0);
    past_.run_num = 1;
    EXPECT_THAT(audit(t0 + 30s), ElementsAre("missing 10-20 2"));
    // Rows that have not run may each have taken a place when the next fire was due.
    row(t0 + 1s, RunState::running).requested = true;
    row(t0 + 2s, RunState::skipped).requested = true;
    row(t0 + 3s, RunState::planned).requested = true;
    row(t0 + 11s, RunState::planned).requested = true;
    EXPECT_THAT(audit(t0 + 30s), ElementsAre("missing 10"));
}

TEST_F(JobAuditTest, TheClocksOfAJobsZoneCount)
{
    // In the night of 2026-10-25 Berlin repeats 02:30; a fixed hour fires once.
    const WallTime night{std::chrono::sys_days(std::chrono::year(2026) / 10 / 25)};
    Job job = every(1);
    job.cron_set = "0 30 2 * * *";
    job.time_zone = "Europe/Berlin";
    change(t0 - 90 * 24h, job);
    const auto audit_night = [&] {
        report_ = {};
        const AuditRange range{night - 24h, night + 24h};
        JobAudit audit(past_, rules_, range, t0, report_, pauses_, calendars_);
        std::size_t budget = 1000;
        for (const auto& [id, entry] : rows_) {
            EXPECT_TRUE(audit.pass(id.scheduled_at, budget));
            audit.take(entry);
        }
        EXPECT_TRUE(audit.pass(range.to, budget));
        audit.finish();
        return audit.take_findings();
    };
    row(night - 24h + 30min);
    row(night + 30min);
    EXPECT_THAT(audit_night(), IsEmpty());
    row(night + 90min);  // the second pass
    ASSERT_EQ(audit_night().size(), 1U);
    past_.revisions.at(0).after->time_zone = "";
    rules_.default_zone = "Europe/Berlin";
    EXPECT_EQ(audit_night().size(), 1U);
    rules_.default_zone = "UTC";
    EXPECT_EQ(audit_night().size(), 5U);
}

// Histories at random.

/// A job's life and the ledger that a dispatcher without a fault would have made of it. Goes from
/// second to second, and knows nothing of how the audit does it.
class RandomLife {
public:
    explicit RandomLife(unsigned seed) : random_(seed)
    {
        past_.job = job_id;
        past_.run_num = 0;
        std::optional<Job> job = any_job();
        for (int at = any(-600, 300); at < length && job; at += any(30, 1500)) {
            Revision revision;
            revision.job = job_id;
            revision.effective_from = t0 + at * 1s + any(0, 999) * 1ms;
            revision.by.who = any(0, 3) == 0 ? "" : "ann";
            revision.after = job;
            past_.revisions.push_back(revision);
            job = any(0, 9) == 0 ? std::nullopt : std::optional(any_job());
            if (!job && any(0, 1) == 0) {
                revision.effective_from += 700s;
                revision.after = job;
                revision.by.who = "ann";
                past_.revisions.push_back(revision);
            }
        }
        for (const Revision& revision : past_.revisions) {
            schedules_.push_back(revision.after ? Schedule::make(revision.after->cron_set,
                                                                 revision.after->time_zone.empty()
                                                                     ? "UTC"
                                                                     : revision.after->time_zone,
                                                                 job_id)
                                                : Result<Schedule>(Error{"deleted"}));
        }
        for (int second = 0; second < length; ++second) {
            if (is_due(t0 + second * 1s)) due_.insert(second);
        }
        make_ledger();
    }

    std::vector<Finding> audit()
    {
        report_ = {};
        JobAudit audit(past_, rules_, {t0, t0 + length * 1s}, t0 + length * 1s + 1h, report_,
                       no_pauses_, no_calendars_);
        std::size_t budget = 1'000'000;
        for (const auto& [id, entry] : rows_) {
            audit.pass(id.scheduled_at, budget);
            audit.take(entry);
        }
        audit.pass(t0 + length * 1s, budget);
        audit.finish();
        return audit.take_findings();
    }

    /// A row of a fire that is far from any change, that of no gap, and not the last one.
    LedgerEntry* any_row()
    {
        std::vector<LedgerEntry*> there;
        for (auto& [id, entry] : rows_) {
            const bool planned = !entry.requested && entry.state != RunState::revoked;
            if (planned && entry.fires == 1 && !is_near(id.scheduled_at)) there.push_back(&entry);
        }
        // What is missing before a deletion by hand may have been after it.
        if (!there.empty()) there.pop_back();
        if (there.empty()) return nullptr;
        return there[static_cast<std::size_t>(any(0, static_cast<int>(there.size()) - 1))];
    }

    /// A second in which nothing was due, far from any change and after the first one.
    std::optional<WallTime> any_idle_second()
    {
        for (int i = 0; i < 100; ++i) {
            const int second = any(0, length - 1);
            const WallTime at = t0 + second * 1s;
            const bool known = at > past_.revisions.front().effective_from;
            if (known && !due_.contains(second) && !is_near(at)) return at;
        }
        return std::nullopt;
    }

    int any(int least, int most)
    {
        return std::uniform_int_distribution<int>(least, most)(random_);
    }

    static constexpr int length = 3600;
    std::map<RunId, LedgerEntry> rows_;
    std::set<int> due_;
    const PauseHistory no_pauses_;
    const CalendarHistory no_calendars_;
    AuditReport report_;

private:
    Job any_job()
    {
        const std::vector<std::string> schedules{"* * * * * *", "*/7 * * * * *",  "@every 11s",
                                                 "0 * * * * *", "30 */5 * * * *", "@hourly",
                                                 "bad"};
        Job job;
        job.id = job_id;
        job.cron_set = schedules[static_cast<std::size_t>(any(0, 6))];
        if (any(0, 2) == 0) job.time_zone = "Asia/Kolkata";
        job.stop = any(0, 5) == 0;
        if (any(0, 4) == 0) job.start_time = to_unix_seconds(t0) + any(0, length);
        if (any(0, 4) == 0) job.end_time = to_unix_seconds(t0) + any(0, length);
        return job;
    }

    bool is_due(WallTime at) const
    {
        std::size_t version = past_.revisions.size();
        for (std::size_t i = 0; i < past_.revisions.size(); ++i) {
            if (past_.revisions[i].effective_from < at) version = i;
        }
        if (version == past_.revisions.size() || !schedules_[version]) return false;
        const Job& job = *past_.revisions[version].after;
        const auto second = std::chrono::floor<std::chrono::seconds>(at);
        const std::int64_t unix_second = second.time_since_epoch().count();
        if (job.stop || (job.start_time != 0 && unix_second < job.start_time)) return false;
        if (job.end_time != 0 && unix_second >= job.end_time) return false;
        return schedules_[version]->next(second - 1s) == second;
    }

    bool is_near(WallTime at) const
    {
        return std::ranges::any_of(past_.revisions, [&](const Revision& revision) {
            const auto reach = revision.by.who.empty() ? rules_.change_by_hand : rules_.change;
            return std::chrono::abs(revision.effective_from - at) <= reach;
        });
    }

    void make_ledger()
    {
        std::optional<int> gap_from;
        const int gap_begin = any(0, 2 * length);
        const int gap_end = gap_begin + any(1, 300);
        for (const int second : due_) {
            const WallTime at = t0 + second * 1s;
            if (is_near(at) && any(0, 3) == 0) continue;  // the change came in between
            if (second >= gap_begin && second <= gap_end) {
                if (!gap_from) {
                    gap_from = second;
                    add(at, RunState::skipped);
                } else {
                    LedgerEntry& gap = rows_.at({job_id, t0 + *gap_from * 1s, 1});
                    gap.gap_end = at;
                    ++gap.fires;
                }
                continue;
            }
            const std::vector<RunState> states{RunState::success, RunState::failed,
                                               RunState::skipped, RunState::fenced,
                                               RunState::killed,  RunState::running};
            add(at, states[static_cast<std::size_t>(any(0, 5))]);
        }
        for (int i = any(0, 20); i > 0; --i) {
            const WallTime at = t0 + any(0, length - 1) * 1s;
            if (any(0, 1) == 0) {
                add(at + any(1, 999) * 1ms, RunState::success).requested = true;
            } else if (!rows_.contains({job_id, at, 1}) && !is_due(at)) {
                add(at, is_near(at) ? RunState::success : RunState::revoked);
            }
        }
    }

    LedgerEntry& add(WallTime at, RunState state)
    {
        LedgerEntry entry;
        entry.id = RunId{job_id, at, 1};
        entry.state = state;
        entry.dispatched_at = at - 2s;
        if (has_run(state)) entry.started_at = at + any(0, 2999) * 1ms;
        return rows_.insert_or_assign(entry.id, entry).first->second;
    }

    std::mt19937 random_;
    AuditRules rules_;
    JobPast past_;
    std::vector<Result<Schedule>> schedules_;
};

constexpr unsigned lives = 400;

TEST(JobAuditPropertyTest, AFaultlessLedgerIsCleanAndEveryFireIsCounted)
{
    std::int64_t judged = 0;
    for (unsigned seed = 0; seed < lives; ++seed) {
        RandomLife life(seed);
        const std::vector<Finding> found = life.audit();
        ASSERT_THAT(found, IsEmpty()) << "seed " << seed << ": " << to_string(found.front());
        ASSERT_EQ(life.report_.due + life.report_.unjudged_fires, std::ssize(life.due_)) << seed;
        judged += life.report_.due;
    }
    EXPECT_GT(judged, 100'000);
}

TEST(JobAuditPropertyTest, EachPlantedFaultIsFoundAndNothingElse)
{
    std::array<int, 6> planted{};
    for (unsigned seed = 0; seed < lives; ++seed) {
        for (std::size_t kind = 0; kind < planted.size(); ++kind) {
            RandomLife life(seed);
            LedgerEntry* const row = life.any_row();
            const auto idle = life.any_idle_second();
            if (row == nullptr || !idle) continue;
            WallTime at = row->id.scheduled_at;
            switch (static_cast<FindingKind>(kind)) {
                case FindingKind::missing:
                    life.rows_.erase(row->id);
                    break;
                case FindingKind::extra: {
                    at = *idle;
                    LedgerEntry extra;
                    extra.id = RunId{job_id, at, 1};
                    extra.state = RunState::success;
                    life.rows_.insert_or_assign(extra.id, extra);
                    break;
                }
                case FindingKind::doubled: {
                    row->state = RunState::lost;
                    row->started_at = at;
                    LedgerEntry again = *row;
                    again.id.attempt = 2;
                    again.state = RunState::success;
                    life.rows_.emplace(again.id, again);
                    break;
                }
                case FindingKind::late:
                    row->state = RunState::success;
                    row->started_at = at + 3001ms;
                    break;
                case FindingKind::never_ended:
                    row->state = RunState::planned;
                    row->started_at.reset();
                    break;
                case FindingKind::clock_ahead:
                    continue;  // not of one job
                case FindingKind::missed:
                    row->state = RunState::skipped;
                    row->started_at.reset();
                    row->reason = parse_reason("overload: no slot was free");
                    break;
            }
            const std::vector<Finding> found = life.audit();
            ASSERT_EQ(found.size(), 1U) << "seed " << seed << ", " << finding_names[kind];
            EXPECT_EQ(found[0].kind, static_cast<FindingKind>(kind)) << seed;
            EXPECT_EQ(found[0].run.scheduled_at, at) << seed;
            ++planted[kind];
        }
    }
    for (const int count : planted) EXPECT_GT(count, 100);
}

/// Of a job that fires each ten minutes and is tried again twice.
class RetryAuditTest : public JobAuditTest {
protected:
    RetryAuditTest()
    {
        job_ = every(600);
        job_.retries = 2;
        change(t0 - 1h, job_);
        row(t0 + 10min);
        row(t0 + 20min);
        failed(t0);
    }

    LedgerEntry& failed(WallTime at, std::int32_t attempt = 1)
    {
        LedgerEntry& entry = row(at, RunState::failed, attempt);
        entry.exit_code = 1;
        entry.ended_at = at + 5s;
        return entry;
    }
    WallTime due(std::int32_t attempt = 2) const
    {
        return t0 + 5s + retry_delay(job_, RunId{job_id, t0, attempt});
    }
    LedgerEntry& retry(RunState state = RunState::success)
    {
        LedgerEntry& entry = row(t0, state, 2);
        entry.retry_at = due();
        if (entry.started_at) entry.started_at = due() + 1ms;
        return entry;
    }

    Job job_;
};

TEST_F(RetryAuditTest, WhatFailedAndWasTriedAgainIsClean)
{
    retry();
    EXPECT_THAT(audit(t0 + 30min), IsEmpty());
    retry(RunState::failed).ended_at = due() + 1s;
    LedgerEntry& third = row(t0, RunState::failed, 3);
    third.retry_at = due() + 1s + retry_delay(job_, third.id);
    third.started_at = *third.retry_at + 1ms;
    third.ended_at = *third.retry_at + 1s;
    EXPECT_THAT(audit(t0 + 30min), IsEmpty()) << "two retries, and no third";
}

TEST_F(RetryAuditTest, AnAttemptThatWasOwedAndHasNoRowIsMissing)
{
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("missing 0"));
    EXPECT_EQ(findings_[0].run, (RunId{job_id, t0, 2}));
    EXPECT_THAT(findings_[0].what, HasSubstr("the attempt before it is failed"));
    job_.retry_on = {"75"};
    past_.revisions[0].after = job_;
    EXPECT_THAT(audit(t0 + 30min), IsEmpty());
}

TEST_F(RetryAuditTest, AnAttemptThatMayStillComeIsNotMissing)
{
    EXPECT_THAT(audit(t0 + 1min), IsEmpty());
    EXPECT_THAT(audit(t0 + 2min), ElementsAre("missing 0"));
}

TEST_F(RetryAuditTest, AChangeBeforeItWasDueEndsIt)
{
    job_.command = "other";
    change(t0 + 10s, job_);
    EXPECT_THAT(audit(t0 + 30min), IsEmpty());
}

TEST_F(RetryAuditTest, TheNextFireEndsIt)
{
    job_.retry_delay = 1h;
    past_.revisions[0].after = job_;
    EXPECT_THAT(audit(t0 + 30min), IsEmpty());
    retry();
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("extra 0"));
    EXPECT_THAT(findings_[0].what, HasSubstr("next fire"));
    retry(RunState::skipped).reason.cause = Cause::superseded;
    EXPECT_THAT(audit(t0 + 30min), IsEmpty());
}

TEST_F(RetryAuditTest, AnAttemptAfterASuccessIsExtra)
{
    retry();
    row(t0).ended_at = t0 + 5s;
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("extra 0", "doubled 0"));
    retry().requested = true;
    EXPECT_THAT(audit(t0 + 30min), IsEmpty()) << "a person wanted it";
}

TEST_F(RetryAuditTest, AnAttemptAtAnotherTimeIsFound)
{
    retry().started_at = due() + 4s;
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("late 0"));
    retry().started_at = due() - 4s;
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("extra 0"));
    retry().retry_at = due() - 4s;
    EXPECT_THAT(audit(t0 + 30min), ElementsAre("extra 0", "late 0"));
}

TEST_F(RetryAuditTest, AnAttemptThatWaitsHasNotFailedToEnd)
{
    retry(RunState::planned);
    now_ = due() + 30s;
    EXPECT_THAT(audit(t0 + 5s), IsEmpty());
    now_ = due() + 61s;
    EXPECT_THAT(audit(t0 + 5s), ElementsAre("never_ended 0"));
}

Pause pause_between(WallTime from, WallTime to)
{
    Pause pause;
    pause.begins_at = from;
    pause.until = to;
    pause.reason = "db upgrade";
    return pause;
}

TEST_F(JobAuditTest, WhatAPauseKeptFromRunningWasDueInOne)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 100s, 10s);
    LedgerEntry& paused = gap(t0 + 100s, t0 + 190s, 10);
    paused.reason = parse_reason("paused: db upgrade (ops)");
    rows(t0 + 200s, t0 + 300s, 10s);
    pauses_ = PauseHistory({pause_between(t0 + 100s, t0 + 200s)});
    EXPECT_THAT(audit(t0 + 300s), IsEmpty());
    EXPECT_EQ(report_.due, 30);

    pauses_ = PauseHistory({pause_between(t0 + 100s, t0 + 150s)});
    EXPECT_THAT(audit(t0 + 300s), ElementsAre("missed 100-190 10"));

    Pause of_another = pause_between(t0 + 100s, t0 + 200s);
    of_another.job = job_id + 1;
    pauses_ = PauseHistory({of_another});
    EXPECT_THAT(audit(t0 + 300s), ElementsAre("missed 100-190 10"));
}

TEST_F(JobAuditTest, NothingStartsInAPauseButWhatIsAskedForAndWhatWasLost)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 300s, 10s);
    row(t0 + 155s + 1ms).requested = true;
    pauses_ = PauseHistory({pause_between(t0 + 100s, t0 + 118s)});
    EXPECT_THAT(audit(t0 + 300s), ElementsAre("extra 110"));
    Pause ended = pause_between(t0 + 100s, t0 + 1h);
    ended.ended_at = t0 + 108s;
    pauses_ = PauseHistory({ended});
    EXPECT_THAT(audit(t0 + 300s), IsEmpty());
}

TEST_F(JobAuditTest, AFireStartsWhenItsJitterSays)
{
    Job job = every(100);
    job.jitter = 60s;
    change(t0 - 1h, job);
    for (WallTime at = t0; at < t0 + 1000s; at += 100s) {
        LedgerEntry& entry = row(at);
        entry.retry_at = delayed_start(job, at);
        entry.started_at = *entry.retry_at + 1ms;
    }
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());

    LedgerEntry& other = rows_.at(RunId{job_id, t0 + 300s, 1});
    const WallTime start = *other.retry_at;
    other.retry_at = start + 1ms;
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("extra 300"));
    other.retry_at.reset();
    other.started_at = t0 + 300s + 1ms;
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("extra 300"));
    other.retry_at = start;
    other.started_at = start + 4s;
    EXPECT_THAT(audit(t0 + 1000s), ElementsAre("late 300"));
    other.started_at = start + 1ms;
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());

    LedgerEntry& by_hand = row(t0 + 555s + 1ms);
    by_hand.requested = true;
    EXPECT_THAT(audit(t0 + 1000s), IsEmpty());
}

TEST_F(JobAuditTest, AFireThatWaitsForItsStartIsGivenUpWhenItsJobIsStopped)
{
    Job job = every(900);
    job.jitter = 600s;
    change(t0 - 1h, job);
    Job stopped = job;
    stopped.stop = true;
    LedgerEntry& entry = row(t0, RunState::revoked);
    entry.reason = parse_reason("job-stopped");
    entry.retry_at = t0 + 500s;
    change(t0 + 400s, stopped);
    EXPECT_THAT(audit(t0 + 900s), IsEmpty());
    EXPECT_EQ(report_.due, 1);
    entry.retry_at.reset();
    EXPECT_THAT(audit(t0 + 900s), ElementsAre("missing 0"));
}

TEST_F(JobAuditTest, AFireAfterOthersStartsInNoPauseEither)
{
    change(t0 - 1h, every(10));
    rows(t0, t0 + 210s, 10s);
    LedgerEntry& child = row(t0 + 205s);
    child.requested = true;
    child.retry_at = t0 + 220s;
    child.started_at = t0 + 220s;
    pauses_ = PauseHistory({pause_between(t0 + 210s, t0 + 300s)});
    EXPECT_THAT(audit(t0 + 209s), ElementsAre("extra 205"));
    pauses_ = PauseHistory({pause_between(t0 + 203s, t0 + 210s)});
    EXPECT_THAT(audit(t0 + 209s), IsEmpty()) << "its fire was due in one, but its parents ran";
}

}  // namespace
}  // namespace peercron
