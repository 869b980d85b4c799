#include "model/chain.hpp"

#include "model/run_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;

bool runs(RunAfterOn on, const std::vector<RunState>& parents)
{
    return runs_after(on, parents);
}

TEST(RunsAfter, SuccessIsThatOfAll)
{
    EXPECT_TRUE(runs(RunAfterOn::success, {RunState::success, RunState::success}));
    EXPECT_FALSE(runs(RunAfterOn::success, {RunState::success, RunState::failed}));
    EXPECT_FALSE(runs(RunAfterOn::success, {RunState::skipped}));
    EXPECT_FALSE(runs(RunAfterOn::success, {RunState::lost}));
}

TEST(RunsAfter, FailureIsThatOfAnyWhichHasRun)
{
    for (const RunState state : {RunState::failed, RunState::timeout, RunState::killed,
                                 RunState::lost, RunState::fenced}) {
        EXPECT_TRUE(runs(RunAfterOn::failure, {RunState::success, state})) << to_string(state);
    }
    EXPECT_FALSE(runs(RunAfterOn::failure, {RunState::success}));
    EXPECT_FALSE(runs(RunAfterOn::failure, {RunState::skipped})) << "it did not run";
}

TEST(RunsAfter, EndIsThatOfAnyWhichHasRun)
{
    EXPECT_TRUE(runs(RunAfterOn::end, {RunState::success}));
    EXPECT_TRUE(runs(RunAfterOn::end, {RunState::failed}));
    EXPECT_TRUE(runs(RunAfterOn::end, {RunState::skipped, RunState::failed}));
    EXPECT_FALSE(runs(RunAfterOn::end, {RunState::skipped, RunState::skipped}));
}

TEST(ParentEnd, IsReadBack)
{
    ParentEnd end{"extract", 12, 1, RunState::success, 0};
    EXPECT_EQ(to_string(end), "after extract (job 12: success, exit code 0)");
    EXPECT_EQ(parse_parent_end(to_string(end)), end);
    end = {"a (job 7: failed), b", 9, 3, RunState::lost, {}};
    EXPECT_EQ(to_string(end), "after a (job 7: failed), b (job 9 attempt 3: lost)");
    EXPECT_EQ(parse_parent_end(to_string(end)), end);
    for (const std::string_view other :
         {"", "alice from 10.0.0.7", "after lunch", "after x (job 1)", "after x (job y: failed)",
          "after x (job 1: gone)", "after x (job 1: failed, exit code 1"}) {
        EXPECT_EQ(parse_parent_end(other), std::nullopt) << other;
    }
}

TEST(ParentEnd, IsInTheEnvironment)
{
    const WallTime at = from_unix_millis(1'795'219'200'000);
    EXPECT_THAT(parent_variables({"extract", 12, 2, RunState::failed, 3}, at),
                ElementsAre("PEERCRON_PARENT_JOB=extract",
                            "PEERCRON_PARENT_RUN=job 12 at 2026-11-21T00:00:00Z attempt 2",
                            "PEERCRON_PARENT_STATE=failed", "PEERCRON_PARENT_EXIT_CODE=3"));
    EXPECT_THAT(parent_variables({"extract", 12, 1, RunState::lost, {}}, at),
                ElementsAre("PEERCRON_PARENT_JOB=extract",
                            "PEERCRON_PARENT_RUN=job 12 at 2026-11-21T00:00:00Z",
                            "PEERCRON_PARENT_STATE=lost"));
}

TEST(RunRequest, SaysWhatTheRunIsAfter)
{
    RunRequest request;
    request.parent = ParentEnd{"extract", 12, 1, RunState::success, 0};
    EXPECT_EQ(to_string(request), "after extract (job 12: success, exit code 0)");
    EXPECT_EQ(parse_request(to_string(request)), request);
    EXPECT_FALSE(is_of_person(to_string(request)));
    request.by = "alice, of ops from 10.0.0.7";
    request.inputs.emplace_back("DAY=2026-11-21");
    request.without_chain = true;
    EXPECT_EQ(parse_request(to_string(request)), request);
    EXPECT_TRUE(is_of_person(to_string(request)));
}

TEST(RunRequest, SaysThatItIsWithoutItsChain)
{
    const RunRequest request{"alice from 10.0.0.7", {}, true, {}};
    EXPECT_EQ(to_string(request), "alice from 10.0.0.7 (without its chain)");
    EXPECT_EQ(parse_request(to_string(request)), request);
    EXPECT_FALSE(parse_request("alice from 10.0.0.7").without_chain);
}

TEST(StateOfFire, IsThatOfTheWorstPartThatRan)
{
    using enum RunState;
    const auto state = [](std::vector<RunState> parts) { return state_of_fire(parts, 3); };
    EXPECT_EQ(state({success, success, success}), success);
    EXPECT_EQ(state({success, timeout, failed}), failed);
    EXPECT_EQ(state({lost, timeout, fenced}), timeout);
    EXPECT_EQ(state({killed, skipped, lost}), lost);
    EXPECT_EQ(state({success, killed, success}), killed);
    EXPECT_EQ(state({success, skipped, success}), failed);
    EXPECT_EQ(state({success, success}), failed) << "one was taken back";
    EXPECT_EQ(state({skipped, skipped, revoked}), skipped);
}

TEST(ChainWords, SayWhenTheJobFires)
{
    Job job;
    job.run_after = {"extract", "load"};
    EXPECT_EQ(chain_words(job), "after the success of extract, load");
    job.run_after_on = RunAfterOn::failure;
    EXPECT_EQ(chain_words(job), "after a failure of extract, load");
    job.run_after_on = RunAfterOn::end;
    EXPECT_EQ(chain_words(job), "after the end of extract, load");
}

}  // namespace
}  // namespace peercron
