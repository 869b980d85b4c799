#include "audit/job_audit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

/// A daemon that was added a minute after noon, audited from noon to one o'clock.
class DaemonAuditTest : public ::testing::Test {
protected:
    DaemonAuditTest()
    {
        Job job;
        job.kind = JobKind::daemon;
        version(1min, job);
    }
    Job& version(std::chrono::milliseconds from, const Job& job)
    {
        Revision revision;
        revision.job = 1;
        revision.effective_from = noon + from;
        revision.by.who = "ops";
        revision.after = job;
        past_.job = 1;
        past_.revisions.push_back(revision);
        return *past_.revisions.back().after;
    }
    LedgerEntry& ran(std::chrono::milliseconds from, std::chrono::milliseconds to,
                     RunState state = RunState::failed, Cause cause = Cause::none)
    {
        LedgerEntry row;
        row.id = {1, noon + from, 1};
        row.state = state;
        row.reason.cause = cause;
        row.dispatched_at = noon + from;
        row.started_at = noon + from;
        row.ended_at = noon + to;
        rows_.push_back(row);
        return rows_.back();
    }
    void is_up_since(std::chrono::milliseconds from)
    {
        LedgerEntry& row = ran(from, from, RunState::running);
        row.ended_at.reset();
    }
    /// "kind: what" of what is found.
    std::vector<std::string> found()
    {
        AuditRules rules;
        AuditReport report;
        const AuditRange range{noon, noon + 1h};
        JobAudit audit(past_, rules, range, noon + 1h + 5s, report, pauses_, calendars_);
        std::size_t budget = 1000;
        for (const LedgerEntry& row : rows_) {
            audit.pass(row.id.scheduled_at, budget);
            audit.take(row);
        }
        audit.pass(range.to, budget);
        audit.finish();
        std::vector<std::string> found;
        for (const Finding& finding : audit.take_findings()) {
            found.push_back(std::string(to_string(finding.kind)) + ": " + finding.what);
        }
        return found;
    }

    JobPast past_;
    PauseHistory pauses_;
    CalendarHistory calendars_;
    std::vector<LedgerEntry> rows_;
};

TEST_F(DaemonAuditTest, WhatFollowedAsItsRulesSayIsRight)
{
    ran(61s, 70s);
    ran(71s, 72s);
    ran(74s, 10min);
    ran(10min + 1s, 20min, RunState::lost, Cause::node_died);
    ran(20min, 21min, RunState::killed, Cause::on_request).requested = false;
    is_up_since(21min + 1s);
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DaemonAuditTest, OneThatIsDownAndWasDueIsMissing)
{
    ran(61s, 10min);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("missing: it is down, was due to start at")));
    rows_.clear();
    EXPECT_THAT(found(), ElementsAre(HasSubstr("missing: "))) << "it was never started";
}

TEST_F(DaemonAuditTest, OneThatWasDownForLongerThanItHadToBeIsLate)
{
    ran(61s, 10min);
    is_up_since(15min);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("late: it was down, and due to start at")));
}

TEST_F(DaemonAuditTest, ABackOffThatWasNotKeptIsExtra)
{
    past_.revisions.back().after->restart_delay = 30s;
    ran(61s, 10min);
    is_up_since(10min + 100ms);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: started 29.9 s before its back-off")));
}

TEST_F(DaemonAuditTest, TwoAtOnceAreDoubled)
{
    ran(61s, 10min);
    is_up_since(9min);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("doubled: started 60.0 s before the start of")));
    rows_.clear();
    is_up_since(61s);
    is_up_since(9min);
    EXPECT_THAT(found(), ElementsAre(HasSubstr("doubled: started while the start of")));
}

TEST_F(DaemonAuditTest, WhatIsDownForGoodIsRight)
{
    past_.revisions.back().after->restart = Restart::on_failure;
    ran(61s, 2min, RunState::success);
    EXPECT_THAT(found(), IsEmpty());

    rows_.clear();
    past_.revisions.back().after->start_limit = 1;
    ran(61s, 70s);
    ran(71s, 71s, RunState::skipped, Cause::start_limit).started_at.reset();
    EXPECT_THAT(found(), IsEmpty());

    rows_.clear();
    ran(61s, 30min, RunState::killed, Cause::job_stopped);
    Job stopped = *past_.revisions.back().after;
    stopped.stop = true;
    version(30min, stopped);
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(DaemonAuditTest, OneThatGoesOnThoughItIsStoppedNeverEnded)
{
    is_up_since(61s);
    Job stopped = *past_.revisions.back().after;
    stopped.stop = true;
    version(30min, stopped);
    EXPECT_THAT(found(), ElementsAre("never_ended: still running, and it should not be up"));
}

TEST_F(DaemonAuditTest, APauseHoldsItDown)
{
    ran(61s, 10min, RunState::killed, Cause::paused);
    is_up_since(20min);
    Pause pause;
    pause.begins_at = noon + 10min;
    pause.until = noon + 20min;
    pauses_ = PauseHistory({pause});
    EXPECT_THAT(found(), IsEmpty());
    pause.until = noon + 15min;
    pauses_ = PauseHistory({pause});
    EXPECT_THAT(found(), ElementsAre(HasSubstr("late: it was down")));
    pause.until = noon + 2h;
    pauses_ = PauseHistory({pause});
    EXPECT_THAT(found(), ElementsAre(HasSubstr("extra: started during a pause"),
                                     HasSubstr("never_ended: ")));
}

}  // namespace
}  // namespace peercron
