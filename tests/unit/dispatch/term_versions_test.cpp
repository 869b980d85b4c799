#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(TermTest, AStoppedJobsRunsAreRevokedWhenTheirNodesGiveThemBack)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    Job stopped = every_second(1);
    stopped.stop = true;
    stopped.effective_from = midnight + 100ms;
    at(100ms);
    add(stopped);
    const std::vector<JobId> jobs{1};
    const auto handed = term_->handed_out(jobs);
    ASSERT_THAT(handed.at(alpha), SizeIs(2));
    // The second one had started by then and is not given back.
    report(alpha, fire(1, 2s), RunState::running);
    const std::vector<RunId> given_back{fire(1, 1s)};
    term_->jobs_changed(jobs, given_back, now_);
    const PlanStep revoking = step();
    EXPECT_THAT(revoking.runs, IsEmpty());
    ASSERT_THAT(revoking.ended, SizeIs(1));
    EXPECT_EQ(revoking.ended[0].id, fire(1, 1s));
    EXPECT_EQ(revoking.ended[0].state, RunState::revoked);
    EXPECT_EQ(to_string(revoking.ended[0].reason), "job-stopped");
    at(10s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, AChangedJobFiresAtTheSameMomentWithItsNewCommand)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    Job changed = every_second(1);
    changed.command = "false";
    changed.effective_from = midnight + 100ms;
    at(100ms);
    add(changed);
    const std::vector<JobId> jobs{1};
    const std::vector<RunId> given_back{fire(1, 1s), fire(1, 2s)};
    term_->jobs_changed(jobs, given_back, now_);
    const PlanStep again = step();
    EXPECT_THAT(again.runs, IsEmpty());   // their rows stand …
    EXPECT_THAT(again.moved, SizeIs(2));  // … as planned
    EXPECT_THAT(again.ended, IsEmpty());
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].second.command, "false");
}

TEST_F(TermTest, AChangeNeverFiresAgainAtAMomentThatHasFired)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1100ms);
    report(alpha, fire(1, 1s), RunState::success);
    Job changed = every_second(1);
    changed.command = "false";
    changed.effective_from = midnight + 900ms;  // a node whose clock is behind
    add(changed);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    for (const PlannedRun& run : step().runs) EXPECT_GT(run.id.scheduled_at, midnight + 2s);
}

TEST_F(TermTest, AChangeThatCouldNotBeReadIsPlannedFromItsMomentOn)
{
    Job job = every_second(1);
    job.cron_set = "0/10 * * * * *";
    add(job);
    begin();
    std::set<RunId> planned;
    const auto plan = [&](std::chrono::seconds time) {
        at(time);
        connect(alpha);
        for (const PlannedRun& run : step().runs) planned.insert(run.id);
    };
    for (auto time = 1s; time <= 12s; time += 1s) plan(time);
    EXPECT_THAT(planned, UnorderedElementsAre(fire(1, 10s)));
    report(alpha, fire(1, 10s), RunState::success);

    Job changed = every_second(1);
    changed.effective_from = midnight + 3s;
    add(changed);
    const std::vector<JobId> jobs{1};
    term_->changes_are_known_until(midnight + 2s);
    term_->jobs_changed(jobs, {}, now_);
    plan(12s);
    EXPECT_THAT(planned, SizeIs(11)) << "4 s to 14 s, and 10 s once";
    EXPECT_FALSE(planned.contains(fire(1, 3s)));
    EXPECT_TRUE(planned.contains(fire(1, 4s)));
}

TEST_F(TermTest, AChangeThatMustHaveBeenReadLongAgoIsPlannedFromNowOn)
{
    begin();
    at(20s);
    connect(alpha);
    step();
    Job fresh = every_second(5);
    fresh.effective_from = midnight + 3s;  // by a clock that is behind
    add(fresh);
    const std::vector<JobId> jobs{5};
    term_->changes_are_known_until(midnight + 18s);
    term_->jobs_changed(jobs, {}, now_);
    for (const PlannedRun& run : step().runs) EXPECT_GT(run.id.scheduled_at, midnight + 20s);
}

TEST_F(TermTest, AnAddedJobFiresFromTheMomentOfItsAdding)
{
    begin();
    connect(alpha);
    at(1500ms);
    step();  // planned through 3.5 s
    Job fresh = every_second(5);
    fresh.effective_from = midnight + 1900ms;
    at(2010ms);
    add(fresh);
    const std::vector<JobId> jobs{5};
    term_->jobs_changed(jobs, {}, now_);
    const PlanStep planned = step();
    ASSERT_FALSE(planned.runs.empty());
    EXPECT_EQ(planned.runs[0].id, fire(5, 2s));
}

TEST_F(TermTest, ARunOfAJobThatIsGoneIsHandedToNobodyElse)
{
    add(every_second(1));
    add(every_second(2));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(4));
    jobs_.erase(1);
    Job changed = every_second(2);
    changed.command = "false";
    changed.effective_from = midnight + 100ms;
    at(100ms);
    add(changed);
    const std::vector<JobId> jobs{1, 2};
    term_->jobs_changed(jobs, {}, now_);  // alpha could not be asked …
    connect(beta);
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);  // … and dies before they are due
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(2));
    for (const RunReport& ended : after.ended) {
        EXPECT_EQ(ended.id.job, 1);
        EXPECT_EQ(ended.state, RunState::revoked);
    }
    ASSERT_THAT(orders_, SizeIs(2));
    for (const auto& [node, order] : orders_) {
        EXPECT_EQ(order.id.job, 2);
        EXPECT_EQ(order.command, "false");
    }
}

TEST_F(TermTest, AVersionInBetweenTakesARunBackForGood)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const std::vector<JobId> jobs{1};
    Job other = every_second(1);
    other.cron_set = "30 * * * * *";
    at(100ms);
    other.effective_from = now_.wall;
    add(other);
    term_->jobs_changed(jobs, {}, now_);  // alpha cannot be asked
    at(3s);
    other.command = "false";
    other.effective_from = now_.wall;  // the fires are before that, and would be due by it
    add(other);
    term_->jobs_changed(jobs, {}, now_);
    connect(alpha, {}, 2);  // restarted, and nothing had started
    term_->given_back_late(alpha, std::vector<RunId>{fire(1, 1s), fire(1, 2s)});
    step();
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermTest, ANewDispatcherLearnsWhatAVersionInBetweenTookBack)
{
    Job other = every_second(1);
    other.cron_set = "30 * * * * *";
    Revision taking_back;
    taking_back.job = 1;
    taking_back.effective_from = midnight - 5s;
    taking_back.before = every_second(1);
    taking_back.after = other;
    Revision and_again = taking_back;
    and_again.effective_from = midnight - 1500ms;
    and_again.before = other;
    and_again.after = every_second(1);
    Job today = every_second(1);
    today.effective_from = and_again.effective_from;
    add(today);
    TermStart found;
    found.planned_through = midnight;
    found.changes = {taking_back, and_again};
    Account holding;
    for (const RunId& id : {fire(1, -6s), fire(1, -2s), fire(1, -1s), fire(1, -2001ms)}) {
        OpenRun row;
        row.planned.id = id;
        row.planned.run_server = beta;
        found.open_runs.push_back(row);
        RunOrder held;
        held.id = id;
        held.command = today.command;
        holding.held.push_back(held);
    }
    begin(found);
    connect(beta, holding);
    const auto held = term_->handed_out(changed_);
    ASSERT_THAT(held.at(beta), SizeIs(4));
    term_->jobs_changed(changed_, held.at(beta), now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, -2s));
    EXPECT_EQ(after.ended[0].state, RunState::revoked);
    std::set<RunId> again;
    for (const auto& [node, order] : orders_) again.insert(order.id);
    for (const auto due : {-6000ms, -2001ms, -1000ms}) EXPECT_TRUE(again.contains(fire(1, due)));
}

TEST_F(TermTest, WhatAVersionInBetweenTookBackThatNobodyHereHasSeenDoesNotRun)
{
    Job known = every_second(1);
    known.effective_from = midnight - 1h;
    add(known);
    begin();
    connect(alpha);
    step();
    at(5s);  // this process stood still, and the job was changed twice
    Job today = known;
    today.effective_from = midnight + 4s;
    const auto query = term_->wanted_past(today);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->only, 1);
    EXPECT_EQ(query->from, known.effective_from + 1ms);
    NodeBeat beat;
    beat.echo = beat.sent_at = now_.wall;
    term_->beat(alpha, beat, now_);
    step();  // what is due meanwhile is planned by the version that is known
    add(today);

    Job other = known;
    other.cron_set = "3 * * * * *";
    JobPast past;
    past.job = 1;
    past.revisions.resize(4);
    past.revisions[0].effective_from = known.effective_from;
    past.revisions[0].after = other;  // made what is known by hand, which has no revision yet
    past.revisions[1].effective_from = midnight + 1500ms;
    past.revisions[1].after = other;
    past.revisions[2].effective_from = midnight + 3500ms;
    past.revisions[2].after = known;
    past.revisions[3].effective_from = today.effective_from;
    past.revisions[3].after = today;
    term_->learn_unwanted(std::vector{past});
    const std::vector<JobId> jobs{1};
    const auto held = term_->handed_out(jobs);
    ASSERT_THAT(held.at(alpha), SizeIs(7));
    term_->jobs_changed(jobs, held.at(alpha), now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 2s));
    EXPECT_EQ(after.ended[0].state, RunState::revoked);
    EXPECT_THAT(orders_, SizeIs(6));
}

TEST_F(TermTest, OfAPastThatIsNotWholeTheLastVersionIsNotTakenForTheOneThatHeld)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    Job other = every_second(1);
    other.stop = true;
    JobPast past;
    past.job = 1;
    past.whole = false;
    past.revisions.resize(2);
    past.revisions[1].effective_from = midnight;
    past.revisions[1].after = other;
    Job today = every_second(1);
    today.effective_from = midnight + 3s;
    add(today);
    term_->learn_unwanted(std::vector{past});
    const std::vector<JobId> jobs{1};
    const auto held = term_->handed_out(jobs);
    term_->jobs_changed(jobs, held.at(alpha), now_);
    EXPECT_THAT(step().ended, IsEmpty());
}

TEST_F(TermTest, ThePastOfAJobIsReadOnlyWhenFiresBeforeItsChangeAreStillToStart)
{
    Job known = every_second(1);
    known.effective_from = midnight - 1h;
    add(known);
    begin();
    connect(alpha);
    step();
    at(1500ms);
    Job today = known;
    EXPECT_FALSE(term_->wanted_past(today));  // not changed
    today.effective_from = now_.wall;
    EXPECT_TRUE(term_->wanted_past(today));
    report(alpha, fire(1, 1s), RunState::running);
    EXPECT_FALSE(term_->wanted_past(today));
    report(alpha, fire(1, 2s), RunState::running);
    today.effective_from = midnight + 2500ms;  // later than anything is planned
    EXPECT_TRUE(term_->wanted_past(today));
    EXPECT_FALSE(term_->wanted_past(every_second(2)));  // new
}

TEST_F(TermTest, RunsThatComeBackAfterNobodyWaitsAreNotForgotten)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    Job changed = every_second(1);
    changed.command = "false";
    changed.effective_from = midnight + 500ms;
    at(500ms);
    add(changed);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);  // the node did not answer in time
    at(2500ms);                           // it answers now
    connect(beta);
    const std::vector<RunId> runs{fire(1, 1s), fire(1, 2s)};
    term_->given_back_late(beta, runs);  // not the node that has them
    EXPECT_THAT(step().ended, IsEmpty());
    term_->given_back_late(alpha, runs);
    const PlanStep after = step();

    // They are due under the new version too, so they are handed out again with its command.
    std::map<RunId, std::string> sent;
    for (const auto& [node, order] : orders_) sent[order.id] = order.command;
    EXPECT_EQ(sent[fire(1, 1s)], "false");
    EXPECT_EQ(sent[fire(1, 2s)], "false");
    for (const RunReport& report : after.ended) EXPECT_NE(report.state, RunState::planned);
    term_->given_back_late(alpha, runs);  // said twice, changes nothing that is wrong
    step();
}

TEST_F(TermTest, RunsOfADeletedJobThatComeBackLateEnd)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    jobs_.erase(1);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    at(2500ms);
    const std::vector<RunId> runs{fire(1, 1s), fire(1, 2s)};
    term_->given_back_late(alpha, runs);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(2));
    for (const RunReport& report : after.ended) EXPECT_EQ(report.state, RunState::revoked);
}

TEST_F(TermTest, AnUpdateDoesNotTakeBackWhatWasDueBefore)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1500ms);
    Job noon = every_second(1);
    noon.cron_set = "0 0 12 * * *";
    noon.command = "echo new";
    noon.effective_from = now_.wall;
    add(noon);
    const std::vector<JobId> jobs{1};
    const std::vector<RunId> given_back{fire(1, 1s), fire(1, 2s)};
    term_->jobs_changed(jobs, given_back, now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 2s));
    EXPECT_EQ(after.ended[0].state, RunState::revoked);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(1, 1s));
    EXPECT_EQ(orders_[0].second.command, "echo new");
}

/// The job fired each second until 5 s before midnight; the plan ended 10 s before it.
class OldVersionTest : public TermTest {
protected:
    std::string planned(std::optional<Job> today)
    {
        Revision change;
        change.job = 1;
        change.effective_from = midnight - 5s;
        change.before = every_second(1);
        change.before->cron_set = "*/2 * * * * *";
        if (today) {
            today->cron_set = "0 0 12 * * *";
            today->effective_from = change.effective_from;
            change.after = *today;
            add(*today);
        }
        TermStart found;
        found.planned_through = midnight - 10s;
        found.changes.push_back(change);
        begin(found);
        connect(alpha);
        std::string text;
        for (const PlannedRun& row : step().runs) {
            text += fmt::format("{}{}+{} ", row.state == RunState::skipped ? "skipped" : "",
                                (row.id.scheduled_at - midnight) / 1s, row.fires);
            reason_ = to_string(row.reason);
        }
        return text;
    }
    std::string reason_;
};

TEST_F(OldVersionTest, RunsLate)
{
    EXPECT_EQ(planned(every_second(1)), "-8+1 -6+1 ");
}

TEST_F(OldVersionTest, IsARowWhenTheJobWasStoppedOrDeleted)
{
    Job stopped = every_second(1);
    stopped.stop = true;
    EXPECT_EQ(planned(stopped), "skipped-8+2 ");
    EXPECT_EQ(reason_, "misfire: missed while no node was planning; the job was stopped meanwhile");
}

TEST_F(OldVersionTest, IsARowWhenTheJobIsGone)
{
    EXPECT_EQ(planned(std::nullopt), "skipped-8+2 ");
    EXPECT_THAT(reason_, HasSubstr("deleted"));
}

TEST_F(TermTest, AnOldVersionIsPlannedUpToItsEndByAClockThatIsAhead)
{
    for (const auto& [ahead, fires] : {std::pair(1050ms, 2), std::pair(3'600'000ms, 3)}) {
        TermStart found;
        found.planned_through = midnight - 500ms;
        Revision deleted;
        deleted.job = 1;
        deleted.effective_from = midnight + ahead;
        deleted.before = every_second(1);
        found.changes.push_back(deleted);
        begin(found);
        connect(alpha);
        const PlanStep planned = step();
        ASSERT_THAT(planned.runs, SizeIs(1));
        EXPECT_EQ(planned.runs[0].id, fire(1, 0ms));
        EXPECT_EQ(planned.runs[0].fires, fires);
    }
}

TEST_F(OldVersionTest, FollowsTheMisfirePolicy)
{
    Job skips = every_second(1);
    skips.misfire_policy = Misfire::skip;
    EXPECT_EQ(planned(skips), "skipped-8+2 ");
}

TEST_F(TermTest, ALateAnswerIsNotAboutWhatWasOrderedAfterwards)
{
    add(every_second(1));
    begin();
    connect(alpha);
    term_->step(now_);
    term_->messages(now_, 6);
    std::vector<RunId> answer{fire(1, 1s), fire(1, 77s)};
    term_->drop_later_orders(6, answer);
    EXPECT_THAT(answer, ElementsAre(fire(1, 77s)));
    answer = {fire(1, 1s)};
    term_->drop_later_orders(7, answer);
    EXPECT_THAT(answer, ElementsAre(fire(1, 1s)));
}

}  // namespace
}  // namespace peercron
