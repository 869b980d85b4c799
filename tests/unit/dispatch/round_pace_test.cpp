#include "dispatch/round_pace.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

DispatchSettings settings_alone()
{
    DispatchSettings settings;
    settings.is_alone = true;
    settings.longest_plan_pause = 2s;
    settings.silence_limit = 3s;
    return settings;
}

TEST(RoundPaceTest, ANodeAloneRestsForASecond)
{
    EXPECT_EQ(longest_round_pause(settings_alone()), 500ms);
    EXPECT_EQ(longest_rest(settings_alone()), 1s);
}

TEST(RoundPaceTest, InAClusterThereIsNoRest)
{
    EXPECT_EQ(longest_rest(DispatchSettings()), longest_round_pause(DispatchSettings()));
}

TEST(RoundPaceTest, ARestIsNoLongerThanCommitsAndSilenceAllow)
{
    DispatchSettings settings = settings_alone();
    settings.longest_plan_pause = 1200ms;
    EXPECT_EQ(longest_rest(settings), 600ms);
    settings.silence_limit = 1500ms;
    settings.lookahead = 1s;
    EXPECT_EQ(longest_rest(settings), 500ms);
    settings.lookahead = 6s;
    EXPECT_EQ(longest_rest(settings), 1500ms) << "as without a rest";
}

TEST(RoundPaceTest, HoweverFarItPlansItsBeatsComeBeforeItCountsAsSilent)
{
    DispatchSettings settings = settings_alone();
    EXPECT_EQ(longest_beat_rest(settings), 1s);
    settings.lookahead = 60s;
    EXPECT_EQ(longest_rest(settings), 15s);
    EXPECT_EQ(longest_beat_rest(settings), 1s);
}

TEST(RoundPaceTest, InAClusterCommitsComeWhenTheirPauseIsOver)
{
    DispatchSettings settings = settings_alone();
    settings.is_alone = false;
    EXPECT_FALSE(is_commit_due(settings, 1999ms));
    EXPECT_TRUE(is_commit_due(settings, 2s));
}

TEST(RoundPaceTest, CommitsAreNoFurtherApartThanTheirLongestPause)
{
    for (const auto late : {0ms, 1ms, 20ms, 200ms}) {
        const DispatchSettings settings = settings_alone();
        auto last = 0ms;  // when the last one was sent, a little after its round
        for (auto round = 0ms; round <= 60s; round += 1s) {
            const bool is_first = round == 0ms;
            if (!is_first && !is_commit_due(settings, round - last)) continue;
            EXPECT_LE(round + late - last, settings.longest_plan_pause + late);
            last = round + late;
        }
        EXPECT_EQ(last, 60s + late) << "and no more often than every other round";
        EXPECT_FALSE(is_commit_due(settings, 1s));
    }
}

}  // namespace
}  // namespace peercron
