#include "insight/backfill_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const WallTime midnight = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

LedgerEntry entry(std::chrono::minutes at, RunState state, Cause cause = Cause::none,
                  std::int32_t attempt = 1)
{
    LedgerEntry row;
    row.id = {1, midnight + at, attempt};
    row.state = state;
    row.reason.cause = cause;
    return row;
}

/// Of a job that is due each ten minutes, from midnight to one o'clock.
std::vector<int> minutes_of(BackfillOnly only, const std::vector<LedgerEntry>& rows,
                            const char* expression = "0 */10 * * * *",
                            std::vector<Revision> revisions = {})
{
    BackfillPlan plan(*Schedule::make(expression, "UTC", 1), Window{}, midnight, midnight + 1h,
                      only, std::move(revisions));
    for (const LedgerEntry& row : rows) plan.take(row);
    plan.finish();
    std::vector<int> minutes;
    for (const WallTime fire : plan.fires()) {
        minutes.push_back(static_cast<int>((fire - midnight) / 1min));
    }
    return minutes;
}

TEST(BackfillPlanTest, WithoutRowsAllFiresAreMissing)
{
    EXPECT_THAT(minutes_of(BackfillOnly::missing, {}), ElementsAre(0, 10, 20, 30, 40, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::all, {}), ElementsAre(0, 10, 20, 30, 40, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::failed, {}), IsEmpty());
}

TEST(BackfillPlanTest, TheNewestAttemptSaysWhatAFireIs)
{
    const std::vector<LedgerEntry> rows{
        entry(0min, RunState::success),
        entry(10min, RunState::failed),
        entry(10min, RunState::success, Cause::none, 2),
        entry(20min, RunState::failed),
        entry(20min, RunState::timeout, Cause::none, 2),
        entry(30min, RunState::lost, Cause::node_died),
        entry(40min, RunState::skipped, Cause::no_node),
        entry(50min, RunState::skipped, Cause::mutex),
    };
    EXPECT_THAT(minutes_of(BackfillOnly::missing, rows), ElementsAre(40));
    EXPECT_THAT(minutes_of(BackfillOnly::failed, rows), ElementsAre(20, 30));
    EXPECT_THAT(minutes_of(BackfillOnly::all, rows), ElementsAre(0, 10, 20, 30, 40, 50));
}

TEST(BackfillPlanTest, WhatIsUnderWayIsLeftAlone)
{
    const std::vector<LedgerEntry> rows{entry(10min, RunState::running),
                                        entry(20min, RunState::planned),
                                        entry(30min, RunState::revoked, Cause::job_changed)};
    EXPECT_THAT(minutes_of(BackfillOnly::all, rows), ElementsAre(0, 30, 40, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::missing, rows), ElementsAre(0, 30, 40, 50));
}

TEST(BackfillPlanTest, WhatAChangeTookBackIsAFireOnlyIfTheScheduleNamesIt)
{
    const std::vector<LedgerEntry> rows{entry(5min, RunState::revoked, Cause::job_changed),
                                        entry(20min, RunState::revoked, Cause::job_changed)};
    EXPECT_THAT(minutes_of(BackfillOnly::missing, rows), ElementsAre(0, 10, 20, 30, 40, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::all, rows), ElementsAre(0, 10, 20, 30, 40, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::failed, rows), IsEmpty());
}

TEST(BackfillPlanTest, NoFireIsMissingOfATimeInWhichTheJobWasStoppedOrNotThere)
{
    const auto since = [](std::chrono::minutes at, bool stop) {
        Revision revision;
        revision.effective_from = midnight + at;
        revision.after = Job();
        revision.after->stop = stop;
        return revision;
    };
    const std::vector<Revision> revisions{since(10min, false), since(25min, true),
                                          since(45min, false)};
    const char* const usual = "0 */10 * * * *";
    EXPECT_THAT(minutes_of(BackfillOnly::missing, {}, usual, revisions), ElementsAre(20, 50));
    EXPECT_THAT(minutes_of(BackfillOnly::all, {}, usual, revisions),
                ElementsAre(0, 10, 20, 30, 40, 50));
    const std::vector<LedgerEntry> rows{entry(30min, RunState::skipped, Cause::no_node)};
    EXPECT_THAT(minutes_of(BackfillOnly::missing, rows, usual, revisions), ElementsAre(20, 30, 50));
}

TEST(BackfillPlanTest, FiresThatAreOneRowAreWhatThatRowSays)
{
    LedgerEntry gap = entry(10min, RunState::skipped, Cause::misfire);
    gap.fires = 3;
    gap.gap_end = midnight + 30min;
    EXPECT_THAT(minutes_of(BackfillOnly::missing, {gap, entry(40min, RunState::success)}),
                ElementsAre(0, 10, 20, 30, 50));
    gap.reason.cause = Cause::misfire_policy;
    EXPECT_THAT(minutes_of(BackfillOnly::missing, {gap}), ElementsAre(0, 40, 50));
}

TEST(BackfillPlanTest, FiresOfAnEarlierScheduleHaveRows)
{
    const std::vector<LedgerEntry> rows{entry(5min, RunState::failed),
                                        entry(15min, RunState::success)};
    EXPECT_THAT(minutes_of(BackfillOnly::failed, rows), ElementsAre(5));
    EXPECT_THAT(minutes_of(BackfillOnly::all, rows, "0 0 5 * * *"), ElementsAre(5, 15));
}

TEST(BackfillPlanTest, RunsByHandAreNoFires)
{
    LedgerEntry by_hand = entry(10min, RunState::failed);
    by_hand.id.scheduled_at += 1ms;
    EXPECT_THAT(minutes_of(BackfillOnly::failed, {by_hand}), IsEmpty());
}

TEST(BackfillPlanTest, CountsWhatIsDueAndStops)
{
    const BackfillPlan plan(*Schedule::make("* * * * * *", "UTC", 1), Window{}, midnight,
                            midnight + 1h, BackfillOnly::all, {});
    EXPECT_EQ(plan.count_due(10'000), 3600U);
    EXPECT_EQ(plan.count_due(1000), 1000U);
    EXPECT_THAT(plan.fires(), IsEmpty());
}

}  // namespace
}  // namespace peercron
