#include "store/ended_fires.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

/// The newest rows of a job whose fires have this many parts, newest first.
std::vector<LogRow> newest_rows(std::int32_t parts, std::size_t most)
{
    std::vector<LogRow> rows;
    for (int fire = 0; rows.size() < most; ++fire) {
        for (std::int32_t part = parts; part > 0 && rows.size() < most; --part) {
            LogRow& row = rows.emplace_back();
            row.run.id = {12, noon - fire * 1h, 1, part - 1, parts};
            row.run.state = RunState::success;
        }
    }
    return rows;
}

TEST(EndedFiresTest, StatisticsOfFiresWithManyPartsTakeMoreRows)
{
    const auto few = newest_rows(8, rows_of_statistics);
    EXPECT_EQ(rows_for_statistics(few), rows_of_statistics);
    const auto many = newest_rows(256, rows_of_statistics);
    EXPECT_EQ(statistics_of(many).successes(), 0) << "less than one fire";
    const auto enough = newest_rows(256, rows_for_statistics(many));
    EXPECT_EQ(statistics_of(enough).successes(), 10);
}

TEST(EndedFiresTest, AFireIsLateByTheTimeSinceItWasDueAndThatOfABackfillIsNot)
{
    RunReport report;
    report.id = {12, noon - 24h, 1};
    report.state = RunState::success;
    report.started_at = noon + 5ms;
    const auto late_by = [&](const FireOrigin& origin) {
        return ended_fire(report, RunState::running, GivesWay::only_open, origin)->run.lateness();
    };
    EXPECT_EQ(late_by({}), 24h + 5ms);
    EXPECT_EQ(late_by({noon, false}), 5ms);
    EXPECT_EQ(late_by({{}, true}), std::nullopt);
    LogRow row;
    row.run = report;
    row.requested_by = "backfill 7 by ann";
    EXPECT_EQ(ended_fire(row)->run.lateness(), std::nullopt);
}

}  // namespace
}  // namespace peercron
