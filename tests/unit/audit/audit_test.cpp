#include "audit/audit.hpp"

#include "unit/api/fake_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

// How an audit goes through the ledger. What it finds in one job is for the tests of its parts.

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime t0{1'795'219'200'000ms};  // 2026-11-21T00:00:00Z

class AuditStepsTest : public ::testing::Test {
protected:
    AuditStepsTest() { tables_.planned_through = t0 + 1h; }

    JobId add_job(const Job& job, WallTime at = t0 - 24h)
    {
        const Job& added = tables_.insert(job);
        tables_.note({}, added, Edit(at, {"ann", ""}));
        return added.id;
    }
    JobId add_job(const std::string& name, const std::string& cron_set)
    {
        Job job;
        job.name = name;
        job.cron_set = cron_set;
        return add_job(job);
    }
    /// Reports, each minute, of a job that requires extract and load.
    JobId add_reports(int count)
    {
        Job job;
        job.name = "report";
        job.cron_set = "0 * * * * *";
        job.required = {"extract", "load"};
        const JobId report = add_job(job);
        for (int i = 1; i <= count; ++i) add_row({report, t0 + i * 1min, 1}, RunState::success);
        return report;
    }
    void add_row(const RunId& id, RunState state)
    {
        LogRow row;
        row.id = std::ssize(tables_.log) + 1;
        row.run.id = id;
        row.run.state = state;
        row.run.started_at = id.scheduled_at;
        row.run.ended_at = id.scheduled_at + 1s;
        row.dispatch_time = to_unix_seconds(id.scheduled_at);
        tables_.log.push_back(row);
    }
    /// What is found of the job. Steps that fail are tried again.
    std::vector<Finding> audit(JobId job)
    {
        std::ranges::sort(tables_.log, std::greater{},
                          [](const LogRow& row) { return row.run.id; });
        Audit audit({t0, t0 + 1h}, {}, {}, t0 + 24h);
        std::vector<Finding> found;
        for (int steps = 0; steps < 1000 && !audit.done(); ++steps) {
            try {
                audit.step(store_);
            } catch (const StoreError&) {
                continue;
            }
            std::ranges::move(audit.take_findings(), std::back_inserter(found));
        }
        EXPECT_TRUE(audit.done());
        std::erase_if(found, [job](const Finding& finding) { return finding.run.job != job; });
        report_ = audit.report();
        return found;
    }

    testing::FakeTables tables_;
    testing::FakeStore store_{tables_};
    AuditReport report_;
};

TEST_F(AuditStepsTest, AMomentOfAParentMayHaveMoreRowsThanAPage)
{
    constexpr std::int32_t parts = 256;
    constexpr std::int32_t attempts = 20;
    const JobId extract = add_job("extract", "0 0,10 0 * * *");
    Job job;
    job.name = "load";
    job.run_after = {"extract"};
    const JobId load = add_job(job);
    for (std::int32_t attempt = 1; attempt <= attempts; ++attempt) {
        const RunState state = attempt == attempts ? RunState::success : RunState::failed;
        for (std::int32_t part = 0; part < parts; ++part) {
            add_row({extract, t0, attempt, part, parts}, state);
        }
    }
    add_row({extract, t0 + 10min, 1}, RunState::success);
    const auto found = audit(load);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].run, (RunId{load, t0, 1}));
    EXPECT_EQ(found[0].kind, FindingKind::missing);
    EXPECT_EQ(found[1].run, (RunId{load, t0 + 10min, 1}));
}

TEST_F(AuditStepsTest, AStepThatFailsHalfWayFindsNothingTwice)
{
    const JobId extract = add_job("extract", "30 * * * * *");
    const JobId load = add_job("load", "30 * * * * *");
    const JobId report = add_reports(59);
    for (int i = 0; i < 59; ++i) {
        add_row({extract, t0 + i * 1min + 30s, 1}, RunState::failed);
        add_row({load, t0 + i * 1min + 30s, 1}, RunState::success);
    }
    const auto found = audit(report);
    const AuditReport whole = report_;
    EXPECT_EQ(found.size(), 58U) << "of the first one older rows may be gone";
    int calls = 0;
    tables_.before_call = [&calls] {
        if (++calls % 7 == 0) throw StoreError("connection lost");
    };
    EXPECT_EQ(audit(report), found);
    EXPECT_EQ(report_, whole);
}

TEST_F(AuditStepsTest, AJobThatHadAnotherNameThenIsNotTheOneThatWasRequired)
{
    const JobId extract = add_job("old", "30 * * * * *");
    const JobId load = add_job("load", "30 * * * * *");
    Job& renamed = tables_.jobs.at(extract);
    const Job before = renamed;
    renamed.name = "extract";
    tables_.note(before, renamed, Edit(t0 + 30min + 10s, {"ann", ""}));
    const JobId report = add_reports(59);
    for (int i = 0; i < 59; ++i) {
        add_row({extract, t0 + i * 1min + 30s, 1}, RunState::failed);
        add_row({load, t0 + i * 1min + 30s, 1}, RunState::success);
    }
    const auto found = audit(report);
    ASSERT_EQ(found.size(), 29U);
    EXPECT_EQ(found[0].run, (RunId{report, t0 + 31min, 1}));
    EXPECT_EQ(report_.unjudged_rows, 30);
}

}  // namespace
}  // namespace peercron
