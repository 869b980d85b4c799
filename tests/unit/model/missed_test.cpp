#include "model/missed.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using enum Delivery;

TEST(MissedTest, AFireThatWasSkippedForAReasonThatNobodyAskedForIsMissed)
{
    for (const Cause cause : missed_causes) {
        EXPECT_EQ(missed_word(RunState::skipped, cause, at_most_once), to_string(cause));
        EXPECT_EQ(missed_word(RunState::skipped, cause, at_least_once), to_string(cause));
    }
}

TEST(MissedTest, ASkipThatWasAskedForIsNotMissed)
{
    for (const Cause cause : {Cause::mutex, Cause::replaced, Cause::misfire_policy, Cause::none}) {
        EXPECT_EQ(missed_word(RunState::skipped, cause, at_most_once), std::nullopt);
    }
}

TEST(MissedTest, ALostRunIsMissedUnlessItRunsAgain)
{
    EXPECT_EQ(missed_word(RunState::lost, Cause::node_died, at_most_once), "lost");
    EXPECT_EQ(missed_word(RunState::lost, Cause::node_died, at_least_once), std::nullopt);
}

TEST(MissedTest, WhatRanOrWasTakenBackIsNotMissed)
{
    for (const RunState state :
         {RunState::planned, RunState::running, RunState::success, RunState::failed,
          RunState::timeout, RunState::killed, RunState::fenced, RunState::revoked}) {
        EXPECT_EQ(missed_word(state, Cause::misfire, at_most_once), std::nullopt)
            << to_string(state);
    }
}

}  // namespace
}  // namespace peercron
