#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <map>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(TermTest, OneRowTellsOfAGapLongerThanTheMisfireWindow)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight - 3600s;
    begin(found);
    connect(alpha);
    const PlanStep catching_up = step();
    ASSERT_FALSE(catching_up.runs.empty());
    const PlannedRun& gap = catching_up.runs[0];
    EXPECT_EQ(gap.state, RunState::skipped);
    EXPECT_THAT(to_string(gap.reason), StartsWith("misfire: missed while no node was planning; "));
    EXPECT_EQ(gap.fires, 3539);
    EXPECT_EQ(gap.id.scheduled_at, midnight - 3599s);
    EXPECT_EQ(gap.gap_end, midnight - 61s);
    // Those within the window run late, the rest on time.
    EXPECT_THAT(catching_up.runs, SizeIs(1 + 61 + 2));
    EXPECT_EQ(catching_up.runs[1].id.scheduled_at, midnight - 60s);
    EXPECT_EQ(orders_[0].second.start_at, midnight);
}

/// A job whose fires nobody planned for 10 s, and what happens to them.
class MisfireTest : public TermTest {
protected:
    std::vector<PlannedRun> after_ten_seconds(Job job)
    {
        add(job);
        TermStart found;
        found.planned_through = midnight - 10s;
        begin(found);
        connect(alpha);
        return step().runs;
    }
    static std::string told(const std::vector<PlannedRun>& rows)
    {
        std::string text;
        for (const PlannedRun& row : rows) {
            text += fmt::format("{}{}+{} ", row.state == RunState::skipped ? "skipped" : "",
                                (row.id.scheduled_at - midnight) / 1s, row.fires);
        }
        return text;
    }
};

TEST_F(MisfireTest, RunAllRunsThemLate)
{
    Job job = every_second(1);
    job.cron_set = "*/2 * * * * *";
    EXPECT_EQ(told(after_ten_seconds(job)), "-8+1 -6+1 -4+1 -2+1 0+1 2+1 ");
}

TEST_F(MisfireTest, SkipRunsOnlyWhatIsNotReallyLate)
{
    Job job = every_second(1);
    job.cron_set = "*/2 * * * * *";
    job.misfire_policy = Misfire::skip;
    const auto rows = after_ten_seconds(job);
    EXPECT_EQ(told(rows), "skipped-8+3 -2+1 0+1 2+1 ");
    EXPECT_EQ(rows[0].gap_end, midnight - 4s);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "misfire-policy: missed while no node was planning; the job's misfire policy is skip");
}

TEST_F(MisfireTest, RunLatestRunsTheNewestOne)
{
    Job job = every_second(1);
    job.cron_set = "1-56/5 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    const auto rows = after_ten_seconds(job);
    EXPECT_EQ(told(rows), "skipped-9+1 -4+1 1+1 ");
    EXPECT_EQ(rows[0].gap_end, midnight - 9s);
}

TEST_F(MisfireTest, RunLatestRunsNoOldOneWhenALaterOneIsDueAnyway)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-9+6 -3+1 -2+1 -1+1 0+1 1+1 2+1 ");
}

TEST_F(MisfireTest, RunLatestRunsNothingThatIsOlderThanTheWindow)
{
    Job job = every_second(1);
    job.cron_set = "52 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    EXPECT_EQ(told(after_ten_seconds(job)), "-8+1 ");
    job.misfire_window = 5s;
    job.effective_from = midnight - 1h;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-8+1 ");
}

TEST_F(MisfireTest, RunLatestFindsTheNewestOfMoreThanCanBeCounted)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    job.misfire_window = 0s;
    job.end_time = to_unix_millis(midnight) / 1000 - 100;
    job.effective_from = midnight - 100h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 99h;
    begin(found);
    connect(alpha);
    const auto rows = step().runs;
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_THAT(to_string(rows[0].reason), HasSubstr("too many to count"));
    EXPECT_EQ(rows[0].gap_end, midnight - 102s);
    EXPECT_EQ(rows[1].id.scheduled_at, midnight - 101s);
    EXPECT_EQ(rows[1].state, RunState::planned);
}

TEST_F(TermTest, AJobMayHaveAMisfireWindowOfItsOwn)
{
    Job strict = every_second(1);
    strict.cron_set = "0 * * * * *";
    Job patient = strict;
    patient.id = 2;
    patient.misfire_window = 300s;
    Job endless = strict;
    endless.id = 3;
    endless.misfire_window = 0s;
    for (Job job : {strict, patient, endless}) {
        job.effective_from = midnight - 1h;
        add(job);
    }
    TermStart found;
    found.planned_through = midnight - 10min - 1s;
    begin(found);
    connect(alpha);
    std::map<JobId, int> run;
    std::map<JobId, std::int64_t> missed;
    for (const PlannedRun& row : step().runs) {
        if (row.state == RunState::planned) ++run[row.id.job];
        if (row.state == RunState::skipped) missed[row.id.job] += row.fires;
    }
    EXPECT_EQ(run, (std::map<JobId, int>{{1, 2}, {2, 6}, {3, 11}}));
    EXPECT_EQ(missed, (std::map<JobId, std::int64_t>{{1, 9}, {2, 5}}));
}

TEST_F(MisfireTest, UntilNextRunsTheNewestHoweverLateUnlessALaterOneIsDue)
{
    Job job = every_second(1);
    job.misfire_window = until_next;
    job.cron_set = "0 0 3 * * *";
    job.effective_from = midnight - 100h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 47h;
    begin(found);
    connect(alpha);
    // Two nights were missed; midnight is 21 h after the last one.
    const std::vector<PlannedRun> rows = step().runs;
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].id, fire(1, -45h));
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "misfire: missed while no node was planning; a later fire of the job was due by then");
    EXPECT_EQ(rows[1].id, fire(1, -21h));
    EXPECT_EQ(rows[1].state, RunState::planned);
    EXPECT_THAT(orders_, SizeIs(1));
}

TEST_F(MisfireTest, UntilNextDoesNotMakeAChangeOfDispatchersSkipFires)
{
    Job job = every_second(1);
    job.misfire_window = until_next;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-9+6 -3+1 -2+1 -1+1 0+1 1+1 2+1 ");
}

TEST_F(MisfireTest, WhatRunLatestDropsForANewerOneItsOwnerAskedFor)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    const auto rows = after_ten_seconds(job);
    ASSERT_FALSE(rows.empty());
    EXPECT_THAT(to_string(rows[0].reason), StartsWith("misfire-policy: "));
}

TEST_F(MisfireTest, WhenRunLatestRunsNothingNobodyAskedForThat)
{
    Job job = every_second(1);
    job.cron_set = "52 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    job.misfire_window = 5s;
    job.effective_from = midnight - 1h;
    const auto rows = after_ten_seconds(job);
    ASSERT_FALSE(rows.empty());
    EXPECT_THAT(to_string(rows[0].reason), StartsWith("misfire: "));
}

}  // namespace
}  // namespace peercron
