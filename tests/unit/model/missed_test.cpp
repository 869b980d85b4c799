#include "model/missed.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using enum Delivery;

TEST(MissedTest, AFireThatWasSkippedForAReasonThatNobodyAskedForIsMissed)
{
    for (const std::string_view word : missed_reasons) {
        const std::string reason = std::string(word) + ": in more words";
        EXPECT_EQ(missed_cause(RunState::skipped, reason, at_most_once), word);
        EXPECT_EQ(missed_cause(RunState::skipped, word, at_least_once), word);
    }
}

TEST(MissedTest, ASkipThatWasAskedForIsNotMissed)
{
    for (const std::string_view reason :
         {"mutex: the previous run is still running", "replaced: by another",
          "misfire-policy: the job's misfire policy is skip", "", "calendar: a holiday"}) {
        EXPECT_EQ(missed_cause(RunState::skipped, reason, at_most_once), std::nullopt) << reason;
    }
}

TEST(MissedTest, ALostRunIsMissedUnlessItRunsAgain)
{
    EXPECT_EQ(missed_cause(RunState::lost, "node-died: alpha died", at_most_once), "lost");
    EXPECT_EQ(missed_cause(RunState::lost, "node-died: alpha died", at_least_once), std::nullopt);
}

TEST(MissedTest, WhatRanOrWasTakenBackIsNotMissed)
{
    for (const RunState state :
         {RunState::planned, RunState::running, RunState::success, RunState::failed,
          RunState::timeout, RunState::killed, RunState::fenced, RunState::revoked}) {
        EXPECT_EQ(missed_cause(state, "misfire: no", at_most_once), std::nullopt)
            << to_string(state);
    }
}

}  // namespace
}  // namespace peercron
