#include "audit/chain_audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

/// Job 9 runs after jobs 1 and 2; audited from noon to one o'clock.
class ChainAuditTest : public ::testing::Test {
protected:
    ChainAuditTest() : parents_(2)
    {
        job_.run_after = {"extract", "load"};
        version(-24h);
    }
    void version(std::chrono::milliseconds from)
    {
        Revision revision;
        revision.job = 9;
        revision.effective_from = noon + from;
        revision.by.who = "ops";
        revision.after = job_;
        past_.job = 9;
        past_.revisions.push_back(revision);
    }
    static LedgerEntry row(JobId job, std::chrono::milliseconds at, RunState state)
    {
        LedgerEntry row;
        row.id = {job, noon + at, 1};
        row.state = state;
        row.dispatched_at = noon + at;
        const bool ran = has_run(state);
        if (ran) row.started_at = noon + at;
        if (is_final(state)) row.ended_at = noon + at + 10s;
        return row;
    }
    void parents(std::chrono::milliseconds at, RunState first, RunState second)
    {
        parents_[0].push_back(row(1, at, first));
        parents_[1].push_back(row(2, at, second));
    }
    LedgerEntry& child(std::chrono::milliseconds at, RunState state)
    {
        LedgerEntry own = row(9, at, state);
        own.requested = true;
        own.retry_at = noon + at + 10s;
        if (own.started_at) own.started_at = noon + at + 11s;
        if (state == RunState::skipped) own.reason.cause = Cause::parent;
        own_.push_back(own);
        return own_.back();
    }
    /// "kind: what" of what is found.
    std::vector<std::string> found()
    {
        const AuditRules rules;
        const AuditRange range{noon, noon + 1h};
        ChainAudit audit(past_, rules, range, noon + 2h, report_, calendars_);
        audit.judge(noon, noon + 1h, parents_, own_);
        std::vector<std::string> texts;
        for (const Finding& finding : audit.take_findings()) {
            texts.push_back(std::string(to_string(finding.kind)) + ": " + finding.what);
        }
        return texts;
    }

    Job job_;
    JobPast past_;
    CalendarHistory calendars_;
    std::vector<std::vector<LedgerEntry>> parents_;
    std::vector<LedgerEntry> own_;
    AuditReport report_;
};

TEST_F(ChainAuditTest, OneRowForEachFireOfTheParentsIsRight)
{
    parents(1min, RunState::success, RunState::success);
    child(1min, RunState::success);
    parents(2min, RunState::success, RunState::failed);
    child(2min, RunState::skipped);
    parents(3min, RunState::skipped, RunState::success);
    child(3min, RunState::skipped);
    EXPECT_THAT(found(), IsEmpty());
    EXPECT_EQ(report_.due, 3);
}

TEST_F(ChainAuditTest, AFireWithoutARowIsMissing)
{
    parents(1min, RunState::success, RunState::success);
    parents(2min, RunState::success, RunState::failed);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("missing: the jobs that it runs after were over at "
                                               "2026-11-21T12:01:10Z"),
                                     HasSubstr("missing: ")));
}

TEST_F(ChainAuditTest, WhatIsNotOverOrHasNoPartnerIsNotOwed)
{
    parents(1min, RunState::success, RunState::running);
    parents(2min, RunState::success, RunState::revoked);
    parents_[0].push_back(row(1, 3min, RunState::success));
    parents(59min + 50s, RunState::success, RunState::success);
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ChainAuditTest, NothingIsOwedAfterAFireThatABackfillRan)
{
    parents(1min, RunState::success, RunState::success);
    parents_[0].back().requested = true;
    EXPECT_THAT(found(), IsEmpty());
    EXPECT_EQ(report_.unjudged_fires, 1);
}

TEST_F(ChainAuditTest, AChildThatRanAgainstItsWishIsExtra)
{
    parents(1min, RunState::success, RunState::failed);
    child(1min, RunState::success);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: it ran although")));
}

TEST_F(ChainAuditTest, AChildThatStartedBeforeItsParentsWereOverIsExtra)
{
    parents(1min, RunState::success, RunState::success);
    child(1min, RunState::success).started_at = noon + 1min + 1s;
    parents(2min, RunState::success, RunState::running);
    child(2min, RunState::running).started_at = noon + 2min + 1s;
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: it started before"),
                                     HasSubstr("extra: it started before")));
}

TEST_F(ChainAuditTest, AChildThatWasSkippedAgainstItsWishIsMissing)
{
    job_.run_after_on = RunAfterOn::failure;
    version(-1h);
    parents(1min, RunState::success, RunState::failed);
    child(1min, RunState::skipped);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("missing: it was skipped although")));
}

TEST_F(ChainAuditTest, EachPartOfAFireIsJudged)
{
    parents(1min, RunState::success, RunState::failed);
    child(1min, RunState::skipped);
    child(1min, RunState::success);
    parents(2min, RunState::success, RunState::running);
    child(2min, RunState::planned);
    child(2min, RunState::running);
    for (std::size_t i = 0; i < own_.size(); ++i) {
        own_[i].id.part = static_cast<std::int32_t>(i % 2);
        own_[i].id.parts = 2;
    }
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: it ran although"),
                                     HasSubstr("extra: it started before")));
    EXPECT_EQ(report_.due, 1) << "two parts are one fire";
}

TEST_F(ChainAuditTest, AFireThatItsParentsDidNotHaveIsExtra)
{
    parents_[0].push_back(row(1, 1min, RunState::success));
    child(1min, RunState::success);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: not all jobs")));
}

TEST_F(ChainAuditTest, TheLastAttemptOfAParentCounts)
{
    parents(1min, RunState::failed, RunState::success);
    LedgerEntry second = row(1, 1min, RunState::success);
    second.id.attempt = 2;
    second.ended_at = noon + 5min;
    parents_[0].push_back(second);
    child(1min, RunState::success).started_at = noon + 5min + 1s;
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ChainAuditTest, NearAChangeNothingIsJudged)
{
    parents(1min, RunState::success, RunState::success);
    version(1min + 12s);
    EXPECT_THAT(found(), IsEmpty());
    EXPECT_EQ(report_.unjudged_fires, 1);
}

TEST_F(ChainAuditTest, AStoppedJobOwesNothing)
{
    job_.stop = true;
    version(-1h);
    parents(1min, RunState::success, RunState::success);
    EXPECT_THAT(found(), IsEmpty());
}

/// Noon is that of a Saturday.
TEST_F(ChainAuditTest, AFireThatCalendarsExcludeIsSkippedHoweverItsParentsEnded)
{
    job_.calendar = {"workdays"};
    past_.revisions.clear();
    version(-24h);
    parents(1min, RunState::success, RunState::success);
    child(1min, RunState::skipped).reason.cause = Cause::calendar;
    parents(2min, RunState::success, RunState::failed);
    child(2min, RunState::skipped).reason.cause = Cause::calendar;
    EXPECT_THAT(found(), IsEmpty());
    own_[0] = row(9, 1min, RunState::success);
    own_[0].requested = true;
    own_[0].retry_at = noon + 1min + 10s;
    EXPECT_THAT(found(), ElementsAre("extra: it ran although its calendars exclude it"));
}

TEST_F(ChainAuditTest, ARowThatSaysCalendarOfAFireThatNoneExcludesIsMissing)
{
    parents(1min, RunState::success, RunState::success);
    child(1min, RunState::skipped).reason.cause = Cause::calendar;
    EXPECT_THAT(found(),
                ElementsAre(::testing::StartsWith("missing: it was skipped for its calendars")));
}

}  // namespace
}  // namespace peercron
