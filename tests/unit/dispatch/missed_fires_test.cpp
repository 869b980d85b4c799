#include "dispatch/missed_fires.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

const WallTime t0 = from_unix_millis(1'795'219'200'000);
const SteadyTime s0{1000s};

EndedFires ended(JobId job, std::int64_t fires = 1)
{
    EndedFires result;
    result.id = RunId{job, t0, 1};
    result.reason = parse_reason("misfire: missed while no node was planning");
    result.fires = fires;
    result.until = t0 + 60s;
    return result;
}

TEST(MissedReportTest, ALineNamesTheJobTheFireAndTheReason)
{
    MissedReport report;
    EXPECT_EQ(report.add(ended(12), "misfire", "job 12 (backup)", s0),
              "job 12 (backup) missed its fire of 2026-11-21T00:00:00Z: skipped (misfire: missed "
              "while no node was planning)");
    EXPECT_EQ(report.add(ended(13, 7), "misfire", "job 13", s0),
              "job 13 missed 7 fires from 2026-11-21T00:00:00Z to 2026-11-21T00:01:00Z: skipped "
              "(misfire: missed while no node was planning)");
    EXPECT_FALSE(report.due());
}

TEST(MissedReportTest, AHerdIsOneLinePerJobAFewJobsAndASummary)
{
    MissedReport report;
    std::size_t lines = 0;
    for (JobId job = 1; job <= 1000; ++job) {
        for (int fire = 0; fire < 3; ++fire) {
            if (report.add(ended(job), "overload", "job", s0 + 1s)) ++lines;
        }
    }
    report.add(ended(1, 5), "misfire", "job", s0 + 2s);
    EXPECT_EQ(lines, MissedReport::most_lines);
    ASSERT_EQ(report.due(), s0 + 11s);
    EXPECT_EQ(report.take_summary(),
              "2985 more fires of 1000 jobs were missed within 10 s (misfire 5, overload 2980); "
              "`peercron log list --missed` shows them");
    EXPECT_FALSE(report.due());
    EXPECT_TRUE(report.add(ended(1), "overload", "job", s0 + 12s)) << "the next ten seconds";
}

TEST(MissedReportTest, AJobHasALineAgainAfterAWhileAlthoughNothingWasSummedUp)
{
    MissedReport report;
    EXPECT_TRUE(report.add(ended(1), "overload", "job", s0));
    EXPECT_TRUE(report.add(ended(1), "overload", "job", s0 + 10s));
    EXPECT_FALSE(report.add(ended(1), "overload", "job", s0 + 11s));
}

}  // namespace
}  // namespace peercron
