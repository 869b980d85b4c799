#include "model/goal_record.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime midnight{1'795'219'200'000ms};  // 2026-11-21T00:00:00Z

EndedRun started(WallTime due, std::chrono::milliseconds late)
{
    EndedRun run;
    run.scheduled_at = due;
    run.started_at = due + late;
    return run;
}

EndedRun not_started(WallTime due, Outcome outcome, std::int64_t fires = 1)
{
    EndedRun run;
    run.scheduled_at = due;
    run.outcome = outcome;
    run.fires = fires;
    return run;
}

TEST(GoalRecordTest, AStartWithinTheGoalMeetsIt)
{
    GoalRecord record;
    record.add(started(midnight, 50ms), 50ms);
    record.add(started(midnight + 1s, 51ms), 50ms);
    EndedRun failed = started(midnight + 2s, 1ms);
    failed.outcome = Outcome::failed;
    record.add(failed, 50ms);
    EXPECT_EQ(record.all(), (GoalCount{3, 2})) << "how it ends is another matter";
    EXPECT_EQ(record.lately(midnight), (GoalCount{3, 2}));
}

TEST(GoalRecordTest, WhatWasMissedDidNotMeetItAndWhatWasSkippedAsWantedDoesNotCount)
{
    GoalRecord record;
    record.add(not_started(midnight, Outcome::missed, 3), 50ms);
    record.add(not_started(midnight + 3s, Outcome::lost), 50ms);
    record.add(not_started(midnight + 4s, Outcome::skipped), 50ms);
    record.add(not_started(midnight + 5s, Outcome::killed), 50ms);
    EXPECT_EQ(record.all(), (GoalCount{4, 0}));
    // What became of the lost one is known at last.
    EndedRun found = started(midnight + 3s, 2ms);
    found.was_lost = true;
    record.add(found, 50ms);
    EXPECT_EQ(record.all(), (GoalCount{4, 1}));
}

TEST(GoalRecordTest, OnlyFiresOfAScheduleCount)
{
    GoalRecord record;
    record.add(started(midnight + 7ms, 1ms), 50ms);
    EndedRun again = started(midnight, 1min);
    again.attempt = 2;
    record.add(again, 50ms);
    EndedRun filled = started(midnight, 24h);
    filled.of_backfill = true;
    record.add(filled, 50ms);
    EXPECT_EQ(record.all(), GoalCount());
    EndedRun delayed = started(midnight, 10min + 1ms);
    delayed.retry_at = midnight + 10min;
    record.add(delayed, 50ms);
    EXPECT_EQ(record.all(), (GoalCount{1, 1})) << "with jitter it was due then";
}

TEST(GoalRecordTest, AnotherGoalBeginsANewRecord)
{
    GoalRecord record;
    record.add(started(midnight, 80ms), 50ms);
    record.add(started(midnight + 1s, 80ms), 100ms);
    EXPECT_EQ(record.goal(), 100ms);
    EXPECT_EQ(record.all(), (GoalCount{1, 1}));
    EXPECT_EQ(record.lately(midnight), (GoalCount{1, 1}));
}

TEST(GoalRecordTest, TheLastThirtyDaysAreTheNewestOnesWhateverTheOrder)
{
    GoalRecord record;
    for (const int day : {0, 2, 1, 2, 40, 30}) {
        record.add(started(midnight + day * 24h, day == 2 ? 1s : 1ms), 50ms);
    }
    EXPECT_EQ(record.all(), (GoalCount{6, 4}));
    EXPECT_EQ(record.lately(midnight + 2 * 24h), (GoalCount{6, 4}));
    EXPECT_EQ(record.lately(midnight + 31 * 24h), (GoalCount{4, 2})) << "from the second day on";
    EXPECT_EQ(record.lately(midnight + 40 * 24h), (GoalCount{2, 2}));
    EXPECT_EQ(record.lately(midnight + 100 * 24h), GoalCount());
    for (int day = 41; day < 90; ++day) record.add(started(midnight + day * 24h, 1ms), 50ms);
    EXPECT_EQ(record.lately(midnight + 89 * 24h), (GoalCount{30, 30}));
    EXPECT_LT(record.to_text().size(), 400U);
    record.add(started(midnight, 1ms), 50ms);
    EXPECT_EQ(record.lately(midnight + 89 * 24h), (GoalCount{30, 30}));
    EXPECT_EQ(record.all().fires, 56) << "an old one counts here";
}

TEST(GoalRecordTest, IsATextAndReadBack)
{
    GoalRecord record;
    record.add(started(midnight, 80ms), 50ms);
    record.add(started(midnight + 25h, 8ms), 50ms);
    EXPECT_EQ(record.to_text(), "50 2 1 20778 1 0 20779 1 1");
    EXPECT_EQ(GoalRecord::parse(record.to_text()), record);
    for (const char* text :
         {"", "x", "50", "50 2", "50 2 1 20778", "50 2 1 x 1 0", "50,2,1", " "}) {
        EXPECT_EQ(GoalRecord::parse(text), GoalRecord()) << text;
    }
}

TEST(GoalCountTest, AShareIsRoundedDown)
{
    EXPECT_EQ(GoalCount().share(), std::nullopt);
    EXPECT_EQ((GoalCount{3, 2}).share(), 66'666);
    EXPECT_EQ((GoalCount{3, 3}).share(), 100'000);
    EXPECT_EQ((GoalCount{10'000'000, 9'999'999}).share(), 99'999) << "not all of them";
}

}  // namespace
}  // namespace peercron
