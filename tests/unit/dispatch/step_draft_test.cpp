#include "dispatch/step_draft.hpp"

#include "model/output_to_come.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const NodeName self = "127.0.0.1:9991";
const NodeName other = "127.0.0.1:9993";
constexpr WallTime noon{1000h};

RunId run(JobId job)
{
    return RunId{job, noon, 1};
}

class StepDraftTest : public ::testing::Test {
protected:
    StepDraft draft_{7, self};
};

TEST_F(StepDraftTest, AStepHasWhatWasDraftedSinceTheLastOne)
{
    EXPECT_TRUE(draft_.is_empty());
    PlannedRun row;
    row.id = run(1);
    draft_.add(row);
    EXPECT_FALSE(draft_.is_empty());
    draft_.move(run(2), other, noon + 1s);
    draft_.end(run(3), other, RunState::lost, Reason{Cause::node_died}, noon + 2s);
    EXPECT_THAT(draft_.ended(), UnorderedElementsAre(run(3)));

    const PlanStep step = draft_.take(noon + 3s);
    EXPECT_EQ(step.epoch, 7U);
    EXPECT_EQ(step.dispatch_server, self);
    EXPECT_EQ(step.planned_through, noon + 3s);
    EXPECT_THAT(step.runs, ElementsAre(row));
    ASSERT_THAT(step.moved, SizeIs(1));
    EXPECT_EQ(step.moved[0].id, run(2));
    EXPECT_EQ(step.moved[0].run_server, other);
    EXPECT_EQ(step.moved[0].dispatched_at, noon + 1s);
    ASSERT_THAT(step.ended, SizeIs(1));
    EXPECT_EQ(step.ended[0].id, run(3));
    EXPECT_EQ(step.ended[0].state, RunState::lost);
    EXPECT_EQ(step.ended[0].reason, Reason{Cause::node_died});
    EXPECT_EQ(step.ended[0].run_server, other);
    EXPECT_EQ(step.ended[0].dispatch_server, self);
    EXPECT_EQ(step.ended[0].epoch, 7U);
    EXPECT_EQ(step.ended[0].ended_at, noon + 2s);

    EXPECT_TRUE(draft_.is_empty());
    const PlanStep next = draft_.take(noon + 4s);
    EXPECT_THAT(next.runs, IsEmpty());
    EXPECT_THAT(next.moved, IsEmpty());
    EXPECT_THAT(next.ended, IsEmpty());
}

TEST_F(StepDraftTest, StepsAreNumberedFromOne)
{
    EXPECT_EQ(draft_.number(), 1U);
    draft_.take(noon);
    EXPECT_EQ(draft_.number(), 2U);
}

TEST_F(StepDraftTest, ARunThatEndsBeforeItHasARowGetsOneThatSaysSo)
{
    draft_.end(run(1), "", RunState::skipped, Reason{Cause::mutex, "busy"}, noon);
    PlannedRun row;
    row.id = run(1);
    row.requested_by = "ann";
    draft_.add_ended(row);
    EXPECT_FALSE(draft_.is_empty());
    const PlanStep step = draft_.take(noon);
    EXPECT_THAT(step.ended, IsEmpty());
    row.state = RunState::skipped;
    row.reason = Reason{Cause::mutex, "busy"};
    EXPECT_THAT(step.runs, ::testing::ElementsAre(row));
}

TEST_F(StepDraftTest, WhatBecomesOfARunBeforeItsRowIsWrittenIsInThatRow)
{
    PlannedRun row;
    row.id = run(1);
    draft_.add(row);
    draft_.move(run(1), other, noon + 1s, noon + 2s);
    PlannedRun skipped;
    skipped.id = run(2);
    draft_.add(skipped);
    draft_.end(run(2), "", RunState::skipped, Reason{Cause::no_node}, noon + 1s);
    const PlanStep step = draft_.take(noon + 3s);
    EXPECT_THAT(step.moved, IsEmpty());
    EXPECT_THAT(step.ended, IsEmpty());
    row.run_server = other;
    row.dispatched_at = noon + 1s;
    row.retry_at = noon + 2s;
    skipped.state = RunState::skipped;
    skipped.reason = Reason{Cause::no_node};
    EXPECT_THAT(step.runs, ::testing::ElementsAre(row, skipped));
    EXPECT_THAT(draft_.take_ended(), SizeIs(1));

    // In the next step it has a row.
    draft_.move(run(1), self, noon + 4s);
    EXPECT_THAT(draft_.take(noon + 5s).moved, SizeIs(1));
}

TEST_F(StepDraftTest, AGapIsOneRowForAllItsFires)
{
    draft_.add_gap(run(1), noon + 9s, 10, Reason{Cause::misfire, "late"}, noon + 1h);
    const PlanStep step = draft_.take(noon);
    ASSERT_THAT(step.runs, SizeIs(1));
    EXPECT_EQ(step.runs[0].id, run(1));
    EXPECT_EQ(step.runs[0].state, RunState::skipped);
    EXPECT_EQ(step.runs[0].reason, (Reason{Cause::misfire, "late"}));
    EXPECT_EQ(step.runs[0].fires, 10);
    EXPECT_EQ(step.runs[0].gap_end, noon + 9s);
    EXPECT_EQ(step.runs[0].dispatched_at, noon + 1h);
}

TEST_F(StepDraftTest, TellsOnceWhatWasEndedAndWhatWasMissed)
{
    draft_.add_gap(run(1), noon + 9s, 10, Reason{Cause::misfire}, noon);
    draft_.end(run(2), other, RunState::lost, Reason{Cause::node_died}, noon);
    draft_.take(noon);
    const std::vector<EndedFires> ended = draft_.take_ended();
    ASSERT_THAT(ended, SizeIs(2));
    EXPECT_EQ(ended[0].id, run(1));
    EXPECT_EQ(ended[0].fires, 10);
    EXPECT_EQ(ended[0].until, noon + 9s);
    EXPECT_EQ(ended[1].id, run(2));
    EXPECT_EQ(ended[1].fires, 1);
    EXPECT_EQ(ended[1].until, noon);
    EXPECT_THAT(draft_.take_ended(), IsEmpty());
}

TEST_F(StepDraftTest, AnEndThatItsNodeHasToldIsInTheStepOnceWithoutOutput)
{
    RunReport end;
    end.id = run(1);
    end.state = RunState::failed;
    end.run_server = other;
    end.epoch = 6;
    end.exit_code = 3;
    draft_.note_told_end(end);
    draft_.note_told_end(end);
    EXPECT_FALSE(draft_.is_empty());
    const PlanStep step = draft_.take(noon);
    end.output = output_to_come;
    EXPECT_THAT(step.ended, ElementsAre(end)) << "as it was told";
    EXPECT_THAT(draft_.take_ended(), IsEmpty()) << "the dispatcher did not end it";

    draft_.end(run(1), other, RunState::lost, Reason{Cause::node_died}, noon);
    draft_.note_told_end(end);
    EXPECT_THAT(draft_.take(noon).ended, SizeIs(1));
}

}  // namespace
}  // namespace peercron
