#include "audit/required_audit.hpp"

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

/// Job 9 fires each minute and requires extract; audited from noon to one o'clock.
class RequiredAuditTest : public ::testing::Test {
protected:
    RequiredAuditTest()
    {
        job_.cron_set = "0 * * * * *";
        job_.required = {"extract"};
        past_.job = 9;
        version(-24h);
    }
    void version(std::chrono::milliseconds from)
    {
        Revision revision;
        revision.job = 9;
        revision.effective_from = noon + from;
        revision.by.who = "ops";
        revision.after = job_;
        past_.revisions.push_back(revision);
    }
    void extract(std::chrono::milliseconds at, RunState state, std::chrono::milliseconds took = 2s)
    {
        if (!extract_) extract_.emplace();
        RequiredAttempt row;
        row.id = {1, noon + at, 1};
        row.state = state;
        if (is_final(state)) row.ended_at = noon + at + took;
        extract_->push_back(row);
    }
    static LedgerEntry own(std::chrono::milliseconds at, std::chrono::milliseconds decided,
                           RunState state)
    {
        LedgerEntry row;
        row.id = {9, noon + at, 1};
        row.state = state;
        row.dispatched_at = noon + decided;
        if (has_run(state)) row.started_at = noon + decided;
        row.ended_at = noon + decided;
        if (state == RunState::skipped) row.reason.cause = Cause::required;
        return row;
    }
    /// "kind: what" of what is found.
    std::vector<std::string> found(const LedgerEntry& row)
    {
        const AuditRules rules;
        const AuditRange range{noon, noon + 1h};
        RequiredAudit audit(past_, rules, range, report_);
        EXPECT_TRUE(audit.is_concerned());
        if (const auto question = audit.question_of(row)) {
            audit.judge(row, *question, std::vector{extract_});
        }
        std::vector<std::string> texts;
        for (const Finding& finding : audit.take_findings()) {
            texts.push_back(std::string(to_string(finding.kind)) + ": " + finding.what);
        }
        return texts;
    }

    Job job_;
    JobPast past_;
    std::optional<std::vector<RequiredAttempt>> extract_;
    AuditReport report_;
};

TEST_F(RequiredAuditTest, FindsNothingWhereItRanAfterASuccess)
{
    extract(4min + 30s, RunState::failed);
    extract(4min + 40s, RunState::success);
    EXPECT_THAT(found(own(5min, 5min, RunState::failed)), IsEmpty());
    EXPECT_EQ(report_.unjudged_rows, 0);
}

TEST_F(RequiredAuditTest, FindsWhatRanAlthoughTheOtherHadNotSucceeded)
{
    extract(4min + 30s, RunState::failed);
    const std::string what = "extra: it ran although the last fire of extract had not succeeded";
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), ElementsAre(what));
    extract_.reset();
    extract(4min, RunState::success);
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), ElementsAre(what))
        << "the fire before has built upon that";
    extract(4min + 30s, RunState::success, 2min);
    EXPECT_THAT(found(own(5min, 5min, RunState::running)), ElementsAre(what));
}

TEST_F(RequiredAuditTest, AFireThatFailedSinceIsTheLast)
{
    extract(4min + 20s, RunState::success);
    extract(4min + 40s, RunState::failed);
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), ElementsAre(HasSubstr("extra")));
}

TEST_F(RequiredAuditTest, FindsWhatWasSkippedBeforeItsWaitWasOver)
{
    job_.requires_wait = 30s;
    past_.revisions.clear();
    version(-24h);
    extract(4min + 30s, RunState::failed);
    EXPECT_THAT(found(own(5min, 5min + 30s, RunState::skipped)), IsEmpty());
    EXPECT_THAT(found(own(5min, 5min + 10s, RunState::skipped)),
                ElementsAre("missing: it was skipped 20000 ms before its wait was over"));
}

TEST_F(RequiredAuditTest, CountsWhatWasSkippedThoughAllHaveSucceededByNow)
{
    extract(4min + 30s, RunState::success);
    EXPECT_THAT(found(own(5min, 5min, RunState::skipped)), IsEmpty());
    EXPECT_EQ(report_.unjudged_rows, 1) << "it may have been lost until later";
}

TEST_F(RequiredAuditTest, DoesNotJudgeWhatItCannotKnow)
{
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), IsEmpty()) << "extract is not there";
    EXPECT_EQ(report_.unjudged_rows, 1);
    extract(-1min, RunState::failed);
    EXPECT_THAT(found(own(0min, 1s, RunState::success)), IsEmpty()) << "older rows may be gone";
    EXPECT_EQ(report_.unjudged_rows, 2);
    LedgerEntry by_hand = own(5min, 5min, RunState::success);
    by_hand.requested = true;
    EXPECT_THAT(found(by_hand), IsEmpty());
    version(5min + 1s);
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), IsEmpty());
}

TEST_F(RequiredAuditTest, WhatWasLetGoAndThenWaitedForANodeIsRight)
{
    extract(4min + 30s, RunState::success);
    extract(5min + 30s, RunState::failed);
    EXPECT_THAT(found(own(5min, 5min + 40s, RunState::success)), IsEmpty());
    extract(4min + 45s, RunState::failed);
    EXPECT_THAT(found(own(5min, 5min + 40s, RunState::success)), ElementsAre(HasSubstr("extra")));
}

TEST_F(RequiredAuditTest, ARowOfSeveralFiresCountsAtItsLastIfThatHadCome)
{
    extract(4min + 30s, RunState::success);
    extract(4min + 10s, RunState::skipped);
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), IsEmpty());
    extract_->back().gap_end = noon + 4min + 50s;
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), ElementsAre(HasSubstr("extra")));
    extract_->back().id.scheduled_at = noon + 2min;
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), ElementsAre(HasSubstr("extra")));
    extract_->back().gap_end = noon + 9min;
    EXPECT_THAT(found(own(5min, 5min, RunState::success)), IsEmpty()) << "it may have grown since";
}

TEST_F(RequiredAuditTest, CountsASkipOfWhichTheOtherCannotBeTold)
{
    EXPECT_THAT(found(own(5min, 5min, RunState::skipped)), IsEmpty());
    EXPECT_EQ(report_.unjudged_rows, 1);
}

TEST_F(RequiredAuditTest, FindsASkipOfAJobThatRequiresNothing)
{
    job_.required.clear();
    version(10min);
    EXPECT_THAT(found(own(20min, 20min, RunState::skipped)),
                ElementsAre("missing: it was skipped although its job requires no others"));
}

}  // namespace
}  // namespace peercron
