#include "audit/audit.hpp"
#include "integration/store/store_under_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

// An audit against a real store. What it finds in one job is for job_audit_test.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime t0{1'795'219'200'000ms};  // 2026-11-21T00:00:00Z
const NodeName node = "127.0.0.1:9991";

class AuditTest : public ::testing::Test {
protected:
    AuditTest() { store_.begin_term(1, node); }

    JobId add_job(const std::string& cron_set)
    {
        Job job;
        job.cron_set = cron_set;
        return store_.add_job(job, Edit(t0 - 1h, {"ann", ""})).id;
    }

    PlannedRun row(JobId job, WallTime at) const
    {
        PlannedRun run;
        run.id = RunId{job, at, 1};
        run.state = RunState::skipped;
        run.reason = parse_reason("mutex: the previous run was alive");
        run.dispatched_at = at - 2s;
        return run;
    }

    void commit(std::vector<PlannedRun> runs, WallTime through)
    {
        PlanStep step;
        step.epoch = 1;
        step.dispatch_server = node;
        step.planned_through = through;
        step.runs = std::move(runs);
        store_.commit(step);
    }

    /// All that is found in this time, as text.
    std::vector<std::string> audit(AuditRange range, std::optional<JobId> only = {},
                                   WallTime now = t0 + 24h)
    {
        Audit audit(range, only, {}, now);
        std::vector<std::string> found;
        for (steps_ = 0; !audit.done(); ++steps_) {
            audit.step(store_);
            for (const Finding& finding : audit.take_findings()) {
                found.push_back(fmt::format("{} {}@{}-{}", to_string(finding.kind), finding.run.job,
                                            (finding.run.scheduled_at - t0) / 1s,
                                            (finding.until - t0) / 1s));
            }
        }
        report_ = audit.report();
        return found;
    }

    std::unique_ptr<testing::StoreDatabase> database_ = testing::usual_database();
    std::unique_ptr<Store> session_ = database_->open();
    Store& store_ = *session_;
    AuditReport report_;
    int steps_ = 0;
};

TEST_F(AuditTest, FindsTheSameHoweverManyPagesItTakes)
{
    constexpr int jobs = 450;  // pages of 200
    std::vector<JobId> ids;
    std::vector<PlannedRun> runs;
    for (int i = 0; i < jobs; ++i) {
        ids.push_back(add_job("@every 10s"));
        for (WallTime at = t0; at < t0 + 400s; at += 10s) runs.push_back(row(ids.back(), at));
    }
    const auto without = [&](JobId job, WallTime at) {
        std::erase_if(runs, [&](const PlannedRun& run) {
            return run.id.job == job && run.id.scheduled_at == at;
        });
    };
    without(ids[0], t0 + 50s);
    for (WallTime at = t0; at < t0 + 400s; at += 10s) without(ids[200], at);
    without(ids[449], t0 + 390s);
    runs.push_back(row(ids[124], t0 + 395s));  // at the end of a page of rows
    runs.push_back(row(99'999, t0 + 1s));
    commit(runs, t0 + 400s);

    EXPECT_THAT(audit({t0, t0 + 400s}), ElementsAre(fmt::format("missing {}@50-50", ids[0]),
                                                    fmt::format("extra {}@395-395", ids[124]),
                                                    fmt::format("missing {}@0-390", ids[200]),
                                                    fmt::format("missing {}@390-390", ids[449])));
    EXPECT_EQ(report_.jobs, jobs);
    EXPECT_EQ(report_.unknown_jobs, 1);
    EXPECT_EQ(report_.due, jobs * 40);
    EXPECT_EQ(report_.rows, std::ssize(runs));
    EXPECT_EQ(report_.outcomes.at({RunState::skipped, Cause::mutex}), std::ssize(runs));
    EXPECT_GT(steps_, 6);
}

TEST_F(AuditTest, OneJobAlone)
{
    const JobId first = add_job("@every 10s");
    const JobId second = add_job("@every 10s");
    commit({row(first, t0)}, t0 + 10s);
    EXPECT_THAT(audit({t0, t0 + 1s}, first), IsEmpty());
    EXPECT_EQ(report_.jobs, 1);
    EXPECT_THAT(audit({t0, t0 + 1s}, second), ElementsAre(fmt::format("missing {}@0-0", second)));
    EXPECT_THAT(audit({t0, t0 + 1s}, 4711), IsEmpty());
    EXPECT_EQ(report_.jobs, 0);
}

TEST_F(AuditTest, AMonthOfEverySecondWithoutRowsTakesManySmallSteps)
{
    const JobId job = add_job("* * * * * *");
    const JobId other = add_job("@yearly");
    commit({row(other, t0)}, t0 + 30 * 24h);
    EXPECT_THAT(
        audit({t0, t0 + 30 * 24h}, {}, t0 + 31 * 24h),
        ElementsAre(fmt::format("missing {}@0-2591999", job), fmt::format("extra {}@0-0", other)));
    EXPECT_EQ(report_.found_of(FindingKind::missing), 2'592'000);
    EXPECT_GT(steps_, 50);
}

TEST_F(AuditTest, ARunOfWhichTwoNodesReportIsDoubled)
{
    const JobId job = add_job("@every 10s");
    commit({row(job, t0), row(job, t0 + 10s), row(job, t0 + 20s)}, t0 + 20s);
    RunReport run;
    run.id = RunId{777, t0 + 10s, 1};  // no history says what is due: it is doubled all the same
    run.state = RunState::success;
    run.run_server = "10.0.0.1:9991";
    run.started_at = t0 + 10s + 3ms;
    store_.record({&run, 1});
    EXPECT_THAT(audit({t0, t0 + 20s}), IsEmpty());
    run.run_server = "10.0.0.2:9991";
    run.state = RunState::failed;
    store_.record({&run, 1});

    EXPECT_THAT(audit({t0, t0 + 20s}), ElementsAre("doubled 777@10-10"));
    EXPECT_EQ(report_.found_of(FindingKind::doubled), 1);
    EXPECT_FALSE(report_.clean());
    EXPECT_THAT(audit({t0, t0 + 20s}, 777), ElementsAre("doubled 777@10-10"));
    EXPECT_THAT(audit({t0, t0 + 20s}, job), IsEmpty());
    EXPECT_THAT(audit({t0 + 11s, t0 + 20s}), IsEmpty());

    Audit one({t0, t0 + 20s}, {}, {}, t0 + 24h);
    std::vector<Finding> found;
    while (!one.done()) {
        one.step(store_);
        std::ranges::move(one.take_findings(), std::back_inserter(found));
    }
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].what,
              "two reports: it ran at 10.0.0.1:9991 from 2026-11-21T00:00:10.003Z (success), and it"
              " ran at 10.0.0.2:9991 from 2026-11-21T00:00:10.003Z (failed)");
}

TEST_F(AuditTest, JudgesNoMoreThanWhatThePlanAndTheLedgerCover)
{
    const JobId job = add_job("@every 10s");
    commit({row(job, t0), row(job, t0 + 10s)}, t0 + 15s);
    EXPECT_THAT(audit({t0 - 30min, t0 + 20s}), IsEmpty());
    EXPECT_EQ(report_.judged, (AuditRange{t0, t0 + 15s + 1ms}));
    EXPECT_TRUE(report_.clean());
    // What is happening now may not be recorded yet.
    EXPECT_THAT(audit({t0, t0 + 1h}, {}, t0 + 12s), IsEmpty());
    EXPECT_EQ(report_.judged.to, t0 + 7s);
    EXPECT_TRUE(report_.clean());
}

TEST_F(AuditTest, TimeThatNobodyPlannedIsNotClean)
{
    const JobId job = add_job("@every 10s");
    commit({row(job, t0), row(job, t0 + 10s)}, t0 + 15s);
    EXPECT_THAT(audit({t0, t0 + 25s}), IsEmpty());
    EXPECT_FALSE(report_.unplanned);
    EXPECT_THAT(audit({t0, t0 + 26s}), IsEmpty());
    EXPECT_TRUE(report_.unplanned);
    EXPECT_FALSE(report_.clean());
}

TEST_F(AuditTest, NothingWasEverPlanned)
{
    add_job("@every 10s");
    EXPECT_THAT(audit({t0, t0 + 1h}), IsEmpty());
    EXPECT_TRUE(report_.unplanned);
    EXPECT_EQ(report_.due, 0);
}

TEST_F(AuditTest, AGapThatBeganBeforeTheTimeIsKnown)
{
    const JobId job = add_job("@every 10s");
    PlannedRun gap = row(job, t0);
    gap.reason = parse_reason("misfire: missed while no node was planning");
    gap.fires = 31;
    gap.gap_end = t0 + 300s;
    commit({gap, row(job, t0 + 310s)}, t0 + 400s);
    EXPECT_THAT(audit({t0 + 60s, t0 + 320s}), IsEmpty());
    EXPECT_EQ(report_.due, 26);
    EXPECT_THAT(audit({t0 + 60s, t0 + 200s}), IsEmpty());
    EXPECT_THAT(audit({t0 + 60s, t0 + 321s}), ElementsAre(fmt::format("missing {}@320-320", job)));
}

TEST_F(AuditTest, AStepThatTheStoreFailedIsTriedAgain)
{
    const JobId first = add_job("@every 10s");
    const JobId second = add_job("@every 10s");
    commit({row(first, t0), row(second, t0 + 10s)}, t0 + 20s);
    Audit audit({t0, t0 + 20s}, {}, {}, t0 + 24h);
    int failed = 0;
    std::vector<Finding> found;
    while (!audit.done()) {
        database_->execute("ALTER TABLE log RENAME TO away");
        try {
            audit.step(store_);
        } catch (const StoreError&) {
            ++failed;
        }
        database_->execute("ALTER TABLE away RENAME TO log");
        audit.step(store_);
        std::ranges::move(audit.take_findings(), std::back_inserter(found));
    }
    EXPECT_GE(failed, 3);
    EXPECT_EQ(audit.report().rows, 2);
    EXPECT_EQ(audit.report().due, 4);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].run, (RunId{first, t0 + 10s, 1}));
    EXPECT_EQ(found[1].run, (RunId{second, t0, 1}));
}

TEST_F(AuditTest, ADeletedJobIsAuditedUpToItsEnd)
{
    const JobId job = add_job("@every 10s");
    store_.delete_job(job, Edit(t0 + 100s, {"ann", ""}));
    commit({row(job, t0), row(job, t0 + 200s)}, t0 + 400s);
    EXPECT_THAT(audit({t0, t0 + 400s}), ElementsAre(fmt::format("missing {}@10-90", job),
                                                    fmt::format("extra {}@200-200", job)));
}

}  // namespace
}  // namespace peercron
