#include "dispatch/term.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// 2026-11-21T00:00:00Z: a whole minute.
constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";

Job every_second(JobId id)
{
    Job job;
    job.id = id;
    job.cron_set = "* * * * * *";
    job.command = "true";
    return job;
}

/// Drives the rules as the Dispatcher does, with a clock of its own.
class TermTest : public ::testing::Test {
protected:
    void SetUp() override { at(0ms); }

    void at(std::chrono::milliseconds after_midnight)
    {
        now_.wall = midnight + after_midnight;
        now_.steady = SteadyTime(1h) + after_midnight;
    }

    void add(const Job& job) { jobs_.put(job, now_.wall); }

    Term& begin(const TermStart& found)
    {
        term_.emplace(7, alpha, settings_, jobs_, now_);
        changed_ = term_->begin(found, now_);
        return *term_;
    }
    Term& begin()
    {
        TermStart found;
        found.planned_through = now_.wall;
        return begin(found);
    }

    void connect(const NodeName& node, Account account = {}, std::uint64_t incarnation = 1)
    {
        account.node = node;
        account.incarnation = incarnation;
        if (account.slots == 0) account.slots = 100;
        if (account.uptime == 0ms) account.uptime = 1h;
        term_->connected(node, account, now_);
        NodeBeat beat;
        beat.echo = beat.sent_at = now_.wall;
        beat.load.slots = account.slots;
        beat.load.draining = account.draining;
        term_->beat(node, beat, now_);
    }

    /// The warden of the node's process says when that died.
    void died(const NodeName& node, WallTime died_at, std::uint64_t incarnation = 1)
    {
        const SteadyTime at = now_.steady - (now_.wall - died_at);
        term_->died(node, Death{incarnation, at - 1h, at}, now_);
    }

    /// One step, committed; what was handed out is in orders_.
    PlanStep step()
    {
        PlanStep step = term_->step(now_);
        orders_.clear();
        revokes_.clear();
        for (const Outgoing& outgoing : term_->messages(now_)) {
            if (const auto* batch = std::get_if<RunOrders>(&outgoing.message)) {
                for (const RunOrder& order : batch->orders) {
                    orders_.emplace_back(outgoing.node, order);
                }
            }
            if (const auto* revoke = std::get_if<Revoke>(&outgoing.message)) {
                for (const RunId& id : revoke->runs) revokes_.emplace_back(outgoing.node, id);
            }
        }
        return step;
    }

    void report(const NodeName& node, const RunId& id, RunState state)
    {
        RunReport report;
        report.id = id;
        report.state = state;
        term_->report(node, report, now_);
    }

    RunId fire(JobId job, std::chrono::milliseconds after_midnight) const
    {
        return RunId{job, midnight + after_midnight, 1};
    }

    DispatchSettings settings_;
    JobTable jobs_{"UTC"};
    Moment now_;
    std::optional<Term> term_;
    std::vector<JobId> changed_;
    std::vector<std::pair<NodeName, RunOrder>> orders_;
    std::vector<std::pair<NodeName, RunId>> revokes_;
};

TEST_F(TermTest, PlansEveryFireUpToTheLookaheadOnceAndInOrder)
{
    add(every_second(1));
    begin();
    connect(alpha);
    PlanStep first = step();
    EXPECT_EQ(first.epoch, 7U);
    EXPECT_EQ(first.planned_through, midnight + 2s);
    ASSERT_THAT(first.runs, SizeIs(2));
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
    EXPECT_EQ(first.runs[1].id, fire(1, 2s));
    EXPECT_EQ(first.runs[0].run_server, alpha);
    EXPECT_EQ(first.runs[0].state, RunState::planned);
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].second.start_at, midnight + 1s);
    EXPECT_EQ(orders_[0].second.epoch, 7U);

    at(500ms);
    EXPECT_THAT(step().runs, IsEmpty());
    at(1s);
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermTest, NothingIsSentBeforeTheStepWasTaken)
{
    add(every_second(1));
    begin();
    connect(alpha);
    EXPECT_THAT(term_->messages(now_), IsEmpty());
}

TEST_F(TermTest, PlansNothingTwiceWhenTheClockIsSetBack)
{
    add(every_second(1));
    begin();
    connect(alpha);
    at(5s);
    EXPECT_THAT(step().runs, SizeIs(7));
    now_.wall -= 10s;
    const PlanStep back = step();
    EXPECT_THAT(back.runs, IsEmpty());
    EXPECT_EQ(back.planned_through, midnight + 7s);
}

TEST_F(TermTest, WhatWasPlannedByAClockThatWasAheadIsTakenBackAndFiresAtItsTrueTime)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const RunId held = fire(1, 60s);
    const RunId kept = fire(1, 61s);
    Account account;
    for (const RunId& id : {held, kept, fire(1, 1s)}) {
        RunOrder order;
        order.id = id;
        order.start_at = id.scheduled_at;
        account.held.push_back(order);
    }
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    for (const RunId& id : {held, kept, fire(1, 1s)}) {
        OpenRun row;
        row.planned.id = id;
        row.planned.run_server = alpha;
        found.open_runs.push_back(row);
    }
    term_->begin(found, now_);
    const auto early = term_->held_early(now_);
    ASSERT_THAT(early, SizeIs(1));
    EXPECT_THAT(early.at(alpha), UnorderedElementsAre(held, kept)) << "not what is due soon";
    term_->take_back_early(std::vector{held}, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, held);
    EXPECT_EQ(first.ended[0].state, RunState::revoked);
    EXPECT_FALSE(term_->remembers_early(now_));

    std::set<RunId> planned;
    for (int second = 1; second <= 62; ++second) {
        at(second * 1s);
        connect(alpha, second < 61 ? account : Account{});
        for (const PlannedRun& run : step().runs) planned.insert(run.id);
    }
    EXPECT_TRUE(planned.contains(held));
    EXPECT_FALSE(planned.contains(kept)) << "its node has it, and it is the run of that moment";
}

TEST_F(TermTest, WhatIsDueAndWasToStartByAClockThatWasAheadIsHandedOutAgain)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const RunId late = fire(1, -1s);
    Account account;
    RunOrder order;
    order.id = late;
    order.start_at = midnight + 1h;
    account.held.push_back(order);
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = late;
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    EXPECT_THAT(term_->held_early(now_).at(alpha), ElementsAre(late));
    term_->take_back_early(std::vector{late}, now_);
    EXPECT_THAT(step().ended, IsEmpty());
    const auto handed = std::find_if(orders_.begin(), orders_.end(),
                                     [&](const auto& sent) { return sent.second.id == late; });
    ASSERT_NE(handed, orders_.end());
    EXPECT_EQ(handed->second.start_at, now_.wall);
}

TEST_F(TermTest, ALedgerThatWasReadBeforeAnAccountDoesNotSettleIt)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    const Term::BeforeRead known = term_->before_read();
    TermStart found;  // the answer is on its way; meanwhile the node has ended and recorded the run
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = fire(1, -1s);
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    connect(beta);
    term_->begin(found, now_, known);
    step();
    EXPECT_TRUE(term_->has_doubts());
    EXPECT_TRUE(std::none_of(orders_.begin(), orders_.end(),
                             [&](const auto& sent) { return sent.second.id == fire(1, -1s); }));
    term_->resolve_doubts(TermStart{}, term_->doubts(), now_);
    step();
    EXPECT_FALSE(term_->has_doubts());
    EXPECT_TRUE(std::none_of(orders_.begin(), orders_.end(), [&](const auto& sent) {
        return sent.second.id == fire(1, -1s);
    })) << "it has ended";
}

TEST_F(TermTest, ARunByAClockThatWasAheadStandsForItsMomentUntilItsRowIsMoved)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    for (const auto time : {58s, 59s}) {
        RunReport running;
        running.id = fire(1, time);
        running.state = RunState::running;
        account.running.push_back(running);
    }
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    for (const auto time : {58s, 59s}) {
        OpenRun row;
        row.planned.id = fire(1, time);
        row.planned.state = RunState::running;
        row.planned.run_server = alpha;
        found.open_runs.push_back(row);
    }
    term_->begin(found, now_);
    EXPECT_FALSE(term_->remembers_early(now_));
    report(alpha, fire(1, 58s), RunState::success);
    report(alpha, fire(1, 59s), RunState::success);
    EXPECT_TRUE(term_->remembers_early(now_));
    term_->moved(std::vector{fire(1, 59s)});
    EXPECT_TRUE(term_->remembers_early(now_));

    std::set<RunId> planned;
    for (int second = 1; second <= 62; ++second) {
        at(second * 1s);
        connect(alpha);
        for (const PlannedRun& run : step().runs) planned.insert(run.id);
    }
    EXPECT_FALSE(planned.contains(fire(1, 58s))) << "it has a row";
    EXPECT_TRUE(planned.contains(fire(1, 59s)));
    EXPECT_FALSE(term_->remembers_early(now_));
}

TEST_F(TermTest, WhatThisNodeHeldByAClockThatWasAheadItMayHaveStartedUpToTheEndOfThatPlan)
{
    add(every_second(1));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 500ms;
    account.first_epoch = 7;
    connect(alpha, account);
    TermStart found;
    found.planned_through = now_.wall;
    found.set_back_from = midnight + 60s;
    OpenRun row;
    row.planned.id = fire(1, 60s);
    row.planned.run_server = alpha;
    row.epoch = 6;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, fire(1, 60s));
    EXPECT_EQ(first.ended[0].state, RunState::lost);
    EXPECT_TRUE(term_->held_early(now_).empty());
}

TEST_F(TermTest, SpreadsFiresOverTheNodesByTheirOpenRuns)
{
    for (JobId id = 1; id <= 30; ++id) add(every_second(id));
    begin();
    connect(alpha);
    connect(beta);
    step();
    const auto on_alpha = std::count_if(orders_.begin(), orders_.end(),
                                        [](const auto& order) { return order.first == alpha; });
    EXPECT_EQ(on_alpha, 30);
    EXPECT_THAT(orders_, SizeIs(60));
}

TEST_F(TermTest, GivesADrainingOrSilentNodeNothing)
{
    add(every_second(1));
    begin();
    Account draining;
    draining.draining = true;
    connect(alpha, draining);
    connect(beta);
    step();
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, beta);
    at(3s);  // longer than the silence limit
    const PlanStep unplaced = step();
    EXPECT_THAT(orders_, IsEmpty());
    for (const PlannedRun& run : unplaced.runs) EXPECT_EQ(run.run_server, "");
    connect(beta);
    EXPECT_THAT(step().moved, SizeIs(unplaced.runs.size()));
    EXPECT_THAT(orders_, SizeIs(unplaced.runs.size()));
}

TEST_F(TermTest, EndsAFireThatNoNodeTookWithinTheMisfireWindow)
{
    settings_.misfire_window = 20s;
    add(every_second(1));
    begin();
    step();
    at(40s);
    const PlanStep late = step();
    ASSERT_FALSE(late.ended.empty());
    EXPECT_EQ(late.ended[0].id, fire(1, 1s));
    EXPECT_EQ(late.ended[0].state, RunState::skipped);
    EXPECT_EQ(to_string(late.ended[0].reason),
              "no-node: no node could take it within the misfire window");
}

TEST_F(TermTest, EndsAFireThatNoNodeTookByItsDeadline)
{
    settings_.start_deadline = 30s;
    add(every_second(1));
    begin();
    step();
    at(40s);
    const PlanStep late = step();
    ASSERT_FALSE(late.ended.empty());
    EXPECT_EQ(late.ended[0].id, fire(1, 1s));
    EXPECT_EQ(late.ended[0].state, RunState::skipped);
    EXPECT_THAT(to_string(late.ended[0].reason), StartsWith("no-node"));
}

TEST_F(TermTest, OneRowTellsOfAGapLongerThanTheMisfireWindow)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight - 3600s;
    begin(found);
    connect(alpha);
    const PlanStep catching_up = step();
    ASSERT_FALSE(catching_up.runs.empty());
    const PlannedRun& gap = catching_up.runs[0];
    EXPECT_EQ(gap.state, RunState::skipped);
    EXPECT_THAT(to_string(gap.reason), StartsWith("misfire: missed while no node was planning; "));
    EXPECT_EQ(gap.fires, 3539);
    EXPECT_EQ(gap.id.scheduled_at, midnight - 3599s);
    EXPECT_EQ(gap.gap_end, midnight - 61s);
    // Those within the window run late, the rest on time.
    EXPECT_THAT(catching_up.runs, SizeIs(1 + 61 + 2));
    EXPECT_EQ(catching_up.runs[1].id.scheduled_at, midnight - 60s);
    EXPECT_EQ(orders_[0].second.start_at, midnight);
}

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

TEST_F(TermTest, ADeadNodesFutureFiresMoveAndItsOthersAreLost)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    report(alpha, fire(1, 1s), RunState::running);
    connect(beta);
    at(1500ms);
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(to_string(after.ended[0].reason), StartsWith("node-died"));
    ASSERT_THAT(after.moved, SizeIs(1));
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
    EXPECT_EQ(after.moved[0].run_server, beta);
}

TEST_F(TermTest, WhenThisClockIsSetBackWhatADeadNodeHadStartedIsNotTakenForNotDue)
{
    add(every_second(1));
    begin();
    connect(beta);  // whose clock agrees
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    connect(alpha);
    at(1300ms);
    now_.wall -= 800ms;
    term_->disconnected(beta, now_);
    died(beta, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

TEST_F(TermTest, ANodeDiedNotBeforeItWasLastHeard)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    at(1100ms);
    report(alpha, fire(9, 1s), RunState::running);  // it lives
    connect(beta);
    at(1200ms);
    term_->disconnected(alpha, now_);
    died(alpha, midnight - 10s);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1)) << "it may have run the fire of 1 s";
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

TEST_F(TermTest, WhatAProcessHeldThatHadASuccessorIsLostUpToWhenThatListened)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    at(1900ms);
    connect(beta);
    term_->disconnected(alpha, now_);
    // The process that is dead now had listened from 1.2 s on, and was never heard here.
    const SteadyTime midnight_steady = now_.steady - 1900ms;
    term_->died(alpha, Death{2, midnight_steady + 1200ms, midnight_steady + 1700ms}, now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1)) << "the first process may have run it";
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    ASSERT_THAT(after.moved, SizeIs(1)) << "and never this one";
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ADeathThatIsToldLateIsDatedToWhenItWas)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(900ms);
    term_->disconnected(alpha, now_);
    at(1900ms);  // the warden could not be asked for a second
    connect(beta);
    died(alpha, midnight + 900ms);
    const PlanStep after = step();
    EXPECT_THAT(after.ended, IsEmpty());
    EXPECT_THAT(after.moved, SizeIs(2));
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

TEST_F(TermTest, AConnectionThatWasLostLongBeforeSaysNothingAboutWhenItsNodeDied)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    connect(beta);
    at(900ms);
    term_->disconnected(alpha, now_);  // reset by something on the way
    at(1200ms);                        // alpha has started the first one, and died since
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(after.moved, SizeIs(1));
}

TEST_F(TermTest, AFireThatWasDueWhenItsNodeDiedIsLostNotRunAgain)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    connect(beta);
    at(1100ms);  // the first one is due, and nothing was heard of it
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    ASSERT_THAT(after.moved, SizeIs(1));
    EXPECT_EQ(after.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ASilentNodeKeepsItsRunsUntilItIsGone)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    connect(beta);
    at(5s);
    term_->disconnected(alpha, now_);
    connect(beta);
    PlanStep waiting = step();
    EXPECT_THAT(waiting.moved, IsEmpty());
    EXPECT_THAT(waiting.ended, IsEmpty());
    at(20s);  // longer than lease and margin, but Consul still knows it
    connect(beta);
    EXPECT_THAT(step().ended, IsEmpty());
    term_->registry({beta}, now_);  // not for long enough yet
    EXPECT_THAT(step().ended, IsEmpty());
    at(33s);
    connect(beta);
    const PlanStep gone = step();
    ASSERT_THAT(gone.ended, SizeIs(2));
    for (const RunReport& ended : gone.ended) EXPECT_EQ(ended.state, RunState::lost);
}

TEST_F(TermTest, ANodeThatComesBackWithARunGivenUpMustNotStartIt)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const RunOrder held = orders_[0].second;
    term_->disconnected(alpha, now_);
    term_->registry({}, now_);
    at(20s);
    step();  // lost
    Account back;
    back.held.push_back(held);
    connect(alpha, back);
    step();
    ASSERT_THAT(revokes_, SizeIs(1));
    EXPECT_EQ(revokes_[0].second, held.id);
}

TEST_F(TermTest, ARestartedNodeIsADeadOne)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    at(1500ms);
    Account fresh;
    fresh.uptime = 100ms;
    connect(alpha, fresh, 2);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    EXPECT_THAT(after.moved, SizeIs(1));
}

TEST_F(TermTest, WhatWasCommittedWhileItsNodeWasLostGoesToAnother)
{
    add(every_second(1));
    begin();
    connect(alpha);
    const PlanStep planned = term_->step(now_);
    ASSERT_THAT(planned.runs, SizeIs(2));
    term_->disconnected(alpha, now_);  // while the store is at work; and it is greeted again
    EXPECT_THAT(term_->messages(now_), IsEmpty());
    connect(beta);
    EXPECT_THAT(step().moved, SizeIs(2));
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_EQ(orders_[0].first, beta);
    connect(alpha);
    EXPECT_FALSE(term_->has_doubts());
}

TEST_F(TermTest, TakeOverTakesBackWhatANodeHoldsAndTheLedgerHasEnded)
{
    add(every_second(1));
    RunOrder old;
    old.id = fire(1, -1s);
    Account woken;
    woken.held.push_back(old);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(alpha, woken);
    TermStart found;
    found.planned_through = midnight;
    found.ended_lately.push_back(old.id);  // given up, and lost
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 0U);
    const std::vector<Outgoing> revocations = term_->take_revocations();
    ASSERT_THAT(revocations, SizeIs(1));
    EXPECT_EQ(std::get<Revoke>(revocations[0].message).runs, std::vector<RunId>{old.id});
}

TEST_F(TermTest, TakeOverForgetsAJobThatWasDeletedAfterTheTableWasRead)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight;
    Revision deleted;
    deleted.job = 1;
    deleted.effective_from = midnight + 1s;
    deleted.before = every_second(1);
    found.changes.push_back(deleted);
    at(1500ms);
    begin(found);
    connect(alpha);
    const PlanStep first = step();
    EXPECT_THAT(orders_, IsEmpty());
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].state, RunState::skipped);
}

TEST_F(TermTest, TakeOverPlansByWhatWasChangedAfterTheTableWasRead)
{
    add(every_second(1));
    Revision change;
    change.job = 1;
    change.effective_from = midnight + 100ms;
    change.before = every_second(1);
    change.after = every_second(1);
    change.after->cron_set = "4 * * * * *";
    TermStart found;
    found.planned_through = midnight;
    found.changes.push_back(change);
    at(3s);
    begin(found);
    connect(alpha);
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.runs, SizeIs(1));
    EXPECT_EQ(first.runs[0].id, fire(1, 4s));
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

TEST_F(TermTest, WhoIsMissingInAnOldListOfTheRegistryIsNotGivenUp)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1s);
    term_->registry({beta}, now_);
    term_->registry_seen(now_.steady);
    at(20s);
    EXPECT_THAT(term_->step(now_).ended, IsEmpty());
    term_->registry_seen(now_.steady);
    EXPECT_THAT(term_->step(now_).ended, SizeIs(2));
}

TEST_F(TermTest, AMutexStaysWhereARunOfItIsAlive)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    connect(beta);
    step();
    ASSERT_THAT(orders_, SizeIs(2));
    const NodeName home = orders_[0].first;
    EXPECT_EQ(orders_[1].first, home);
    report(home, fire(1, 1s), RunState::running);
    at(1s);
    connect(alpha);
    connect(beta);
    step();
    EXPECT_EQ(orders_[0].first, home);
}

TEST_F(TermTest, AMutexFireIsSkippedWhileItsOwnerCannotBeAsked)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->disconnected(alpha, now_);
    connect(beta);
    at(1s);
    connect(beta);
    const PlanStep next = step();
    ASSERT_THAT(next.runs, SizeIs(1));
    EXPECT_EQ(next.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(next.runs[0].reason), StartsWith("owner-unreachable"));
    EXPECT_THAT(to_string(next.runs[0].reason), HasSubstr(alpha));
}

TEST_F(TermTest, TakeOverAdoptsWhatTheNodesHoldAndRun)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    for (const auto second : {0s, 1s, 2s}) {
        OpenRun row;
        row.planned.id = fire(1, second);
        row.planned.run_server = beta;
        row.planned.dispatched_at = midnight - 1s;
        found.open_runs.push_back(row);
    }
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 100s;
    RunReport running;
    running.id = fire(1, 0s);
    account.running.push_back(running);
    RunOrder held;
    held.id = fire(1, 1s);
    held.command = "true";
    account.held.push_back(held);
    connect(beta, account);
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 3U);
    // The third was committed, but never reached its node: it is handed out now.
    const PlanStep first = step();
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(1, 2s));
}

TEST_F(TermTest, TakeOverKnowsWhatEndedWhileTheStoreDoesNot)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 2s;
    for (const auto second : {-1s, 0s}) {
        row.planned.id = fire(1, second);
        found.open_runs.push_back(row);
    }
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 100s;
    RunReport report_of;
    report_of.id = fire(1, -1s);
    account.ended.push_back(report_of);  // waits to be recorded
    report_of.id = fire(1, 0s);
    account.running.push_back(report_of);
    connect(beta, account);
    report(beta, fire(1, 0s), RunState::success);  // after the account, before the store was read
    term_->begin(found, now_);
    EXPECT_EQ(term_->open_runs(), 0U);
    const PlanStep first = step();
    EXPECT_THAT(first.moved, IsEmpty());
    EXPECT_THAT(first.ended, IsEmpty());
}

TEST_F(TermTest, TakeOverLosesWhatItsRestartedNodeMayHaveStarted)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun due;
    due.planned.id = fire(1, -1s);
    due.planned.run_server = beta;
    due.planned.dispatched_at = midnight - 3s;
    OpenRun ahead = due;
    ahead.planned.id = fire(1, 2s);
    found.open_runs = {due, ahead};
    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    account.uptime = 500ms;
    connect(beta, account);
    term_->begin(found, now_);
    const PlanStep first = step();
    ASSERT_THAT(first.ended, SizeIs(1));
    EXPECT_EQ(first.ended[0].id, fire(1, -1s));
    EXPECT_EQ(first.ended[0].state, RunState::lost);
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, TakeOverLosesWhatTheDeadDispatchersOwnNodeMayHaveStarted)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 3s;
    OpenRun due;
    due.planned.id = fire(1, 1s);
    due.planned.run_server = beta;
    due.planned.dispatched_at = midnight - 1s;
    OpenRun late = due;  // planned late: it could start at once
    late.planned.id = fire(1, -5s);
    late.planned.dispatched_at = midnight + 900ms;
    OpenRun ahead = due;
    ahead.planned.id = fire(1, 2s);
    found.open_runs = {due, late, ahead};
    at(1060ms);  // it died 16 ms after the second; nothing it had started is in the store yet
    term_.emplace(7, alpha, settings_, jobs_, now_);
    NodeLoad self;
    self.node = alpha;
    self.clock_known = true;
    NodeLoad dead;
    dead.node = beta;
    dead.clock_known = true;
    Roster told;
    told.nodes = {self, dead};
    term_->clocks(told, now_);
    term_->begin(found, now_);
    connect(alpha);
    died(beta, midnight + 1016ms);

    const PlanStep first = step();

    std::map<RunId, RunState> ended;
    for (const RunReport& report : first.ended) ended[report.id] = report.state;
    EXPECT_EQ(ended, (std::map<RunId, RunState>{{fire(1, -5s), RunState::lost},
                                                {fire(1, 1s), RunState::lost}}));
    ASSERT_THAT(first.moved, SizeIs(1));
    EXPECT_EQ(first.moved[0].id, fire(1, 2s));
    for (const auto& [node, order] : orders_) EXPECT_GT(order.id.scheduled_at, midnight + 1s);
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

TEST_F(TermTest, ARunThatItsNodeForgotIsLookedUpInTheStore)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->disconnected(alpha, now_);
    connect(alpha);  // knows nothing of both
    EXPECT_THAT(term_->doubts().runs, ElementsAre(fire(1, 1s), fire(1, 2s)));
    OpenRun planned;
    planned.planned.id = fire(1, 2s);
    TermStart found;
    found.open_runs = {planned};
    term_->resolve_doubts(found, term_->doubts(), now_);
    EXPECT_EQ(term_->open_runs(), 1U);  // the first has ended
    const PlanStep again = step();
    ASSERT_THAT(again.moved, SizeIs(1));
    EXPECT_EQ(again.moved[0].id, fire(1, 2s));
}

TEST_F(TermTest, ARunWhoseEndItsNodeTookToItsGraveIsLost)
{
    add(every_second(1));
    begin();
    connect(alpha);
    connect(beta);
    step();
    at(1100ms);
    report(alpha, fire(1, 1s), RunState::success);  // and the store was to hear of it soon
    term_->disconnected(alpha, now_);
    EXPECT_FALSE(term_->has_doubts());
    died(alpha, now_.wall);
    ASSERT_TRUE(term_->has_doubts());
    TermStart found;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    row.planned.id = fire(1, 2s);  // goes to another node
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, term_->doubts(), now_);
    EXPECT_FALSE(term_->has_doubts());
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].id, fire(1, 1s));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
    died(alpha, now_.wall);  // still dead: nothing new to look up
    EXPECT_FALSE(term_->has_doubts());
}

TEST_F(TermTest, TakeOverRevisesJobsThatChangedLately)
{
    Job changed = every_second(1);
    changed.effective_from = midnight - 200ms;
    add(changed);
    add(every_second(2));
    TermStart found;
    found.planned_through = midnight + 2s;
    found.ended_lately.push_back(fire(1, 0s));
    begin(found);
    connect(alpha);
    EXPECT_THAT(changed_, ElementsAre(1));
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep first = step();
    // Job 2 was planned through 2 s; job 1 has fired at 0 s.
    EXPECT_THAT(first.runs, SizeIs(2));
    for (const PlannedRun& run : first.runs) EXPECT_EQ(run.id.job, 1);
    EXPECT_EQ(first.runs[0].id, fire(1, 1s));
}

TEST_F(TermTest, TakeOverPlansAJobThatTheOldDispatcherCouldNotHear)
{
    // Added at 100 ms through a node that could not reach the dispatcher; that looked for changes
    // right before, and went on to plan for two more seconds.
    Job fresh = every_second(3);
    fresh.effective_from = midnight + 100ms;
    TermStart found;
    found.planned_through = midnight + 4s;
    at(2100ms);
    add(fresh);
    begin(found);
    connect(alpha);
    term_->jobs_changed(changed_, {}, now_);
    const PlanStep planned = step();
    ASSERT_FALSE(planned.runs.empty());
    EXPECT_EQ(planned.runs[0].id, fire(3, 1s));
}

TEST_F(TermTest, WhatADrainingNodeGivesBackGoesToOthers)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const std::vector<RunId> held = term_->held_by(alpha);
    EXPECT_THAT(held, SizeIs(2));
    Account draining;
    draining.draining = true;
    for (const auto& [node, order] : orders_) draining.held.push_back(order);
    connect(alpha, draining);
    connect(beta);
    term_->evacuated(alpha, held);
    EXPECT_THAT(step().moved, SizeIs(2));
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, beta);
}

TEST_F(TermTest, WhatAnEarlierDispatcherHandedOutIsGivenToAnotherNodeUnderTheNewEpoch)
{
    add(every_second(1));
    RunOrder old;
    old.id = fire(1, 1s);
    old.epoch = 6;
    old.dispatch_server = beta;
    Account draining;
    draining.draining = true;
    draining.held.push_back(old);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect(beta, draining);
    connect(alpha);
    TermStart found;
    found.planned_through = now_.wall + 1s;
    OpenRun row;
    row.planned.id = old.id;
    row.planned.run_server = beta;
    found.open_runs.push_back(row);
    term_->begin(found, now_);
    term_->evacuated(beta, term_->held_by(beta));
    EXPECT_THAT(step().moved, SizeIs(1));
    const auto is_it = [&](const auto& order) { return order.second.id == old.id; };
    const auto handed = std::find_if(orders_.begin(), orders_.end(), is_it);
    ASSERT_NE(handed, orders_.end());
    EXPECT_EQ(handed->first, alpha);
    EXPECT_EQ(handed->second.epoch, 7);
    EXPECT_EQ(handed->second.dispatch_server, alpha);
}

// Limits of runs.

TEST_F(TermTest, ALimitedJobIsPlannedOnlyWhileRunsAreLeft)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(2));
    at(1s);
    EXPECT_THAT(step().runs, SizeIs(1));
    at(2s);
    EXPECT_THAT(step().runs, IsEmpty()) << "three are under way";

    for (const auto moment : {1s, 2s, 3s}) report(alpha, fire(1, moment), RunState::success);
    at(10s);
    EXPECT_THAT(step().runs, IsEmpty()) << "three have run";
    EXPECT_FALSE(term_->has_news(now_)) << "nothing to do for it";
}

TEST_F(TermTest, ASkippedFireLeavesItsPlaceToALaterOne)
{
    Job job = every_second(1);
    job.run_limit = 2;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(2));
    report(alpha, fire(1, 1s), RunState::success);
    at(2s);
    EXPECT_THAT(step().runs, IsEmpty());
    report(alpha, fire(1, 2s), RunState::skipped);
    at(3s);
    const PlanStep next = step();
    ASSERT_THAT(next.runs, SizeIs(1));
    EXPECT_GT(next.runs[0].id.scheduled_at, midnight + 2s);
}

TEST_F(TermTest, ARunWhoseStepIsNotStoredYetCounts)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    step();
    at(2100ms);
    report(alpha, fire(1, 1s), RunState::success);
    report(alpha, fire(1, 2s), RunState::success);
    TermStart found;  // the ledger has none of that
    found.run_numbers = {{1, 0}};
    term_->resolve_doubts(found, {}, now_);
    EXPECT_THAT(step().runs, SizeIs(1));
    found.last_step = StepId{7, 2};  // and now all, the second one not recorded
    found.run_numbers = {{1, 1}};
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, {}, now_);
    at(4s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, ARunThatIsReportedTwiceCountsOnce)
{
    Job job = every_second(1);
    job.run_limit = 3;
    add(job);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::success);
    report(alpha, fire(1, 1s), RunState::success);
    Account again;
    RunReport ended;
    ended.id = fire(1, 1s);
    ended.state = RunState::success;
    again.ended.push_back(ended);
    RunOrder held;
    held.id = fire(1, 2s);
    again.held.push_back(held);
    connect(alpha, again);
    at(2s);
    EXPECT_THAT(step().runs, SizeIs(1)) << "one has run, one is under way";
}

TEST_F(TermTest, TakeOverKnowsHowManyRunsAreLeft)
{
    Job job = every_second(1);
    job.run_limit = 4;
    add(job);
    at(10s);
    TermStart found;
    found.planned_through = midnight + 10s;
    found.run_numbers = {{1, 1}};
    OpenRun open;  // has ended at its node, which has not recorded it
    open.planned.id = fire(1, 9s);
    open.planned.run_server = alpha;
    found.open_runs.push_back(open);
    open.planned.id = fire(1, 8s);  // ended there too, but did not run
    found.open_runs.push_back(open);

    term_.emplace(7, alpha, settings_, jobs_, now_);
    Account account;
    RunReport ended;
    ended.id = fire(1, 9s);
    ended.state = RunState::failed;
    account.ended.push_back(ended);
    ended.id = fire(1, 8s);
    ended.state = RunState::skipped;
    account.ended.push_back(ended);
    connect(alpha, account);
    term_->begin(found, now_);

    EXPECT_THAT(step().runs, SizeIs(2)) << "1 + 1 have run, 2 of 4 are left";
    at(20s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, AJobWithoutRunsLeftHasNoMisfires)
{
    Job job = every_second(1);
    job.run_limit = 1;
    job.counters.run_num = 1;
    job.effective_from = midnight - 1h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 10min;
    found.run_numbers = {{1, 1}};
    begin(found);
    connect(alpha);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermTest, AGreaterLimitTakesEffectAtOnce)
{
    Job job = every_second(1);
    job.run_limit = 1;
    add(job);
    begin();
    connect(alpha);
    EXPECT_THAT(step().runs, SizeIs(1));
    report(alpha, fire(1, 1s), RunState::success);
    at(5s);
    EXPECT_THAT(step().runs, IsEmpty());
    job.run_limit = 2;
    job.effective_from = now_.wall;
    add(job);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermTest, RunsOfAJobThatGotALimitAreCountedWhereverTheyAre)
{
    add(every_second(1));
    begin();
    connect(alpha);
    connect(beta);
    step();
    ASSERT_THAT(orders_, SizeIs(2));  // one on each node
    for (const auto& [node, order] : orders_) report(node, order.id, RunState::running);
    const RunId on_alpha = orders_[0].second.id;
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    mutex.effective_from = midnight + 2s;
    at(2s);
    add(mutex);
    const std::vector<JobId> jobs{1};
    term_->jobs_changed(jobs, {}, now_);
    connect(alpha);
    connect(beta);
    const PlanStep both = step();
    ASSERT_FALSE(both.runs.empty());
    EXPECT_EQ(both.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(both.runs[0].reason), StartsWith("mutex: runs of this job are open on "));
    report(alpha, on_alpha, RunState::success);
    at(3s);
    connect(alpha);
    connect(beta);
    step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_EQ(orders_[0].first, beta);
}

TEST_F(TermTest, ALimitedJobWaitsUntilTheCommandsOfADeadNodeAreGoneToo)
{
    Job mutex = every_second(1);
    mutex.is_mutex = true;
    add(mutex);
    begin();
    connect(alpha);
    connect(beta);
    step();
    const NodeName home = orders_[0].first;
    const NodeName other = home == alpha ? beta : alpha;
    report(home, fire(1, 1s), RunState::running);
    at(1500ms);
    connect(other);
    term_->disconnected(home, now_);
    died(home, now_.wall);
    at(2s);
    connect(other);
    PlanStep next = step();
    ASSERT_FALSE(next.runs.empty());
    EXPECT_EQ(next.runs[0].state, RunState::skipped);
    EXPECT_THAT(to_string(next.runs[0].reason),
                StartsWith("owner-unreachable: " + home + " has just died"));
    at(3500ms);
    connect(other);
    next = step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_EQ(orders_[0].first, other);
}

TEST_F(TermTest, WhatANodeGivesBackIsInDoubtAsLongAsItsLastProcessMayHaveStartedIt)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    term_->disconnected(alpha, now_);
    connect(alpha);
    const std::vector<RunId> given_back{fire(1, 1s), fire(1, 2s)};
    const std::vector<JobId> jobs{1};
    term_->evacuated(alpha, given_back);
    term_->given_back_late(alpha, given_back);
    term_->jobs_changed(jobs, given_back, now_);
    EXPECT_EQ(term_->doubts().runs.size(), 2U);
    const PlanStep next = step();
    EXPECT_THAT(next.moved, IsEmpty());
    EXPECT_THAT(next.ended, IsEmpty());
}

TEST_F(TermTest, ARestartedNodeIsNotAskedForWhatItMayHaveStartedBefore)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = alpha;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(1500ms);
    begin(found);
    Account fresh;
    fresh.uptime = 300ms;
    connect(alpha, fresh);  // and would give back whatever it is asked for
    const std::vector<JobId> jobs{1};
    EXPECT_THAT(term_->handed_out(jobs), IsEmpty());
    EXPECT_THAT(term_->held_by(alpha), IsEmpty());
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, Term::Whereabouts::running);
    term_->resolve_doubts(found, term_->doubts(), now_);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
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

// What a job was before it was changed while nobody planned.

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

TEST_F(TermTest, AQueuedFireWaitsForAHomeThatDrains)
{
    Job job = every_second(1);
    job.overlap = Overlap::queue;
    add(job);
    begin();
    connect(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    report(alpha, fire(1, 2s), RunState::success);
    Account draining;
    draining.draining = true;
    draining.running.emplace_back().id = fire(1, 1s);
    connect(alpha, draining);
    connect(beta);
    at(1s);
    connect(beta);
    const PlanStep waits = step();
    ASSERT_THAT(waits.runs, SizeIs(1));
    EXPECT_EQ(waits.runs[0].state, RunState::planned);
    EXPECT_EQ(waits.runs[0].run_server, "");
    at(2s);
    connect(beta);
    const PlanStep second = step();
    ASSERT_THAT(second.runs, SizeIs(1));
    EXPECT_EQ(second.runs[0].state, RunState::skipped);  // one waits already
    report(alpha, fire(1, 1s), RunState::success);
    const PlanStep moved = step();
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, beta);
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

// Clocks.

/// Alpha's clock is off by `offset`, as a beat says that took `round_trip`.
class ClockTest : public TermTest {
protected:
    void beat(const NodeName& node, std::chrono::milliseconds offset,
              std::chrono::milliseconds round_trip = 2ms)
    {
        NodeBeat beat;
        beat.echo = now_.wall - round_trip;
        beat.sent_at = now_.wall - round_trip / 2 + offset;
        beat.load.slots = 100;
        term_->beat(node, beat, now_);
    }
    std::set<NodeName> used()
    {
        step();
        std::set<NodeName> nodes;
        for (const auto& [node, order] : orders_) nodes.insert(node);
        return nodes;
    }
};

TEST_F(ClockTest, ANodeWhoseClockIsOffByMoreThanTheLookaheadGetsNoRuns)
{
    for (const auto offset : {2100ms, -2100ms}) {
        add(every_second(1));
        begin();
        connect(alpha);
        connect(beta);
        beat(alpha, offset);
        EXPECT_EQ(used(), std::set<NodeName>{beta});
        beat(alpha, 5ms);
        at(2s);
        connect(beta);
        beat(alpha, 5ms);
        EXPECT_TRUE(used().contains(alpha));
        at(0ms);
    }
}

TEST_F(ClockTest, WhatADeadNodeMayHaveStartedIsJudgedByItsClock)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 1s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    for (const auto& [ahead, state] :
         {std::pair(0ms, RunState::planned), std::pair(100ms, RunState::lost)}) {
        at(900ms);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        NodeLoad self;
        self.node = alpha;
        self.clock_offset = 30ms;
        self.clock_known = true;
        NodeLoad dead;
        dead.node = beta;
        dead.clock_offset = 30ms + ahead;
        dead.clock_known = true;
        Roster told;
        told.nodes = {self, dead};
        term_->clocks(told, now_);
        term_->begin(found, now_);
        connect(alpha);
        died(beta, now_.wall);
        const PlanStep after = step();
        EXPECT_EQ(after.ended.size(), state == RunState::lost ? 1U : 0U);
        EXPECT_EQ(after.moved.size(), state == RunState::lost ? 0U : 1U);
    }
}

TEST_F(ClockTest, OneThatIsOffByLessIsUsed)
{
    add(every_second(1));
    begin();
    connect(alpha);
    beat(alpha, 1900ms);
    EXPECT_EQ(used(), std::set<NodeName>{alpha});
}

TEST_F(ClockTest, ASlowAnswerProvesNothingAboutAClock)
{
    add(every_second(1));
    begin();
    connect(alpha);
    beat(alpha, 2100ms, 1s);  // between 1.6 and 2.6 s
    EXPECT_EQ(used(), std::set<NodeName>{alpha});
}

TEST_F(ClockTest, OfAClockThatNobodyKnowsTheWorstIsAssumed)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(500ms);
    begin(found);
    connect(alpha);
    died(beta, now_.wall);
    const PlanStep after = step();
    ASSERT_THAT(after.ended, SizeIs(1));
    EXPECT_EQ(after.ended[0].state, RunState::lost);
}

TEST_F(ClockTest, OneThatNobodyHasMeasuredIsNotToldAsAgreeing)
{
    begin();
    Account account;
    account.node = beta;
    term_->connected(beta, account, now_);
    EXPECT_FALSE(term_->loads(now_).at(0).clock_known);
    connect(beta);
    EXPECT_TRUE(term_->loads(now_).at(0).clock_known);

    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 2s;
    OpenRun row;
    row.planned.id = fire(1, 2s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    at(500ms);
    term_.emplace(7, alpha, settings_, jobs_, now_);
    NodeLoad self;
    self.node = alpha;
    self.clock_known = true;
    NodeLoad dead;
    dead.node = beta;
    Roster told;
    told.nodes = {self, dead};
    term_->clocks(told, now_);
    term_->begin(found, now_);
    connect(alpha);
    died(beta, now_.wall);
    EXPECT_THAT(step().ended, SizeIs(1));
}

TEST_F(ClockTest, OneThatWasSetAfterItWasMeasuredIsKnownByTheLastBeat)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight + 1s;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = beta;
    row.planned.dispatched_at = midnight - 1s;
    found.open_runs.push_back(row);
    // Of beta, whose clock was set ahead; of alpha itself, whose own was set back; and in order.
    for (const auto& [by, ahead] :
         {std::pair(beta, 450ms), std::pair(alpha, 450ms), std::pair(beta, -2ms)}) {
        at(600ms);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Roster told;
        for (const NodeName& node : {alpha, beta}) {
            NodeLoad load;
            load.node = node;
            load.clock_known = true;
            told.nodes.push_back(load);
        }
        told.by = by;
        told.ahead = ahead;
        term_->clocks(told, now_);
        term_->begin(found, now_);
        connect(alpha);
        died(beta, now_.wall);
        EXPECT_THAT(step().ended, SizeIs(ahead > 0ms ? 1 : 0));
    }
}

/// What becomes of fire 1 at `fire`, which an earlier dispatcher had given to a process of beta or
/// alpha that is gone.
class EarlierProcessTest : public ClockTest {
protected:
    RunState take_over(const NodeName& node, std::chrono::milliseconds due, const Account& account,
                       std::chrono::milliseconds its_clock = 0ms)
    {
        add(every_second(1));
        TermStart found;
        found.planned_through = midnight + 2s;
        OpenRun row;
        row.planned.id = fire(1, due);
        row.planned.run_server = node;
        row.planned.dispatched_at = midnight;
        row.epoch = 6;
        found.open_runs.push_back(row);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Roster told;
        for (const NodeName& name : {alpha, beta}) {
            NodeLoad load;
            load.node = name;
            load.clock_known = true;
            if (name == node) load.clock_offset = its_clock;
            told.nodes.push_back(load);
        }
        if (node != alpha) term_->clocks(told, now_);
        connect(node, account);
        term_->begin(found, now_);
        for (const RunReport& ended : step().ended) {
            if (ended.id == row.planned.id) return ended.state;
        }
        return RunState::planned;
    }
};

TEST_F(EarlierProcessTest, IsKnownByTheDispatchersThatItsSuccessorHasNotHeard)
{
    at(1500ms);
    Account account;
    account.first_epoch = 6;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::planned) << "the order never got there";
    account.first_epoch = 7;
    account.uptime = 200ms;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(beta, 2s, account), RunState::planned);
    now_.wall -= 1600ms;  // set back; another dispatcher had seen another time
    EXPECT_EQ(take_over(beta, -1s, account), RunState::lost);
}

TEST_F(EarlierProcessTest, IsJudgedByTheClockThatItHad)
{
    at(900ms);
    Account account;
    account.first_epoch = 7;
    account.uptime = 100ms;
    EXPECT_EQ(take_over(beta, 1s, account), RunState::planned);
    // The beat that connect() sends is its successor's.
    EXPECT_EQ(take_over(beta, 1s, account, 300ms), RunState::lost);
}

TEST_F(EarlierProcessTest, OfTheDispatchersOwnNodeIsJudgedByThePlan)
{
    Account account;
    account.first_epoch = 7;
    account.uptime = 100ms;
    // The plan was made at midnight, and by the clock of now this process was there then: that was
    // set back. One that stops lives on after its last plan.
    at(-1500ms);
    EXPECT_EQ(take_over(alpha, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::lost);
    // The plan would have been made again within a second.
    account.uptime = 1ms;
    at(1ms);
    EXPECT_EQ(take_over(alpha, 1s, account), RunState::lost);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::planned);
    account.uptime = 100ms;
    at(2500ms);
    EXPECT_EQ(take_over(alpha, 2s, account), RunState::lost);
}

TEST_F(TermTest, ABeatRenewsNothingForANodeThatIsNotHeard)
{
    begin();
    EXPECT_FALSE(term_->hears(alpha, now_));
    connect(alpha);
    EXPECT_TRUE(term_->hears(alpha, now_));
    at(800ms);
    EXPECT_FALSE(term_->hears(alpha, now_));
}

TEST_F(TermTest, KnowsWhoHasGivenItsAccountOnTheConnectionThatThereIs)
{
    begin();
    EXPECT_FALSE(term_->accounted(alpha));
    connect(alpha);
    EXPECT_TRUE(term_->accounted(alpha));
    term_->disconnected(alpha, now_);
    EXPECT_FALSE(term_->accounted(alpha));
}

// At least once.

/// A node died with a run of a job that wants each fire at least once.
class DeliveryTest : public TermTest {
protected:
    void run_on_alpha(Job job)
    {
        at(0ms);
        job.cron_set = "1 0 0 * * *";
        add(job);
        begin();
        connect(alpha);
        step();
        report(alpha, fire(1, 1s), RunState::running);
        at(2s);
        connect(beta);
    }
    static Job at_least_once()
    {
        Job job = every_second(1);
        job.delivery = Delivery::at_least_once;
        return job;
    }
    static RunId attempt(RunId id, std::int32_t number)
    {
        id.attempt = number;
        return id;
    }
};

TEST_F(DeliveryTest, WhatWasLostRunsAgainAsTheNextAttempt)
{
    run_on_alpha(at_least_once());
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep again = step();
    ASSERT_THAT(again.ended, SizeIs(1));
    EXPECT_EQ(again.ended[0].state, RunState::lost);
    ASSERT_THAT(again.runs, SizeIs(1));  // in the same transaction
    EXPECT_EQ(again.runs[0].id, attempt(fire(1, 1s), 2));
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].first, beta);
    EXPECT_EQ(orders_[0].second.start_at, now_.wall);
}

TEST_F(DeliveryTest, AFurtherAttemptOfARunOnRequestSaysWhoAsked)
{
    Job job = at_least_once();
    job.cron_set = "0 0 12 * * *";
    add(job);
    begin();
    connect(alpha);
    const auto asked = term_->run_now(1, "alice", now_);
    ASSERT_TRUE(asked);
    step();
    report(alpha, *asked, RunState::running);
    died(alpha, now_.wall);
    const PlanStep again = step();
    ASSERT_THAT(again.runs, SizeIs(1));
    EXPECT_EQ(again.runs[0].id, attempt(*asked, 2));
    EXPECT_EQ(again.runs[0].requested_by, "alice");
}

TEST_F(DeliveryTest, WhatItsNodeEndedAndToldTheStoreAloneRunsAgain)
{
    for (const bool is_known_to_the_store : {true, false}) {
        run_on_alpha(at_least_once());
        connect(alpha);  // it was cut off, ended the run, and has nothing to tell any more
        const Term::Doubts doubts = term_->doubts();
        EXPECT_TRUE(term_->wants_undelivered(doubts));
        std::vector<RunId> undelivered;
        if (is_known_to_the_store) undelivered.push_back(fire(1, 1s));
        term_->resolve_doubts({}, doubts, now_, undelivered);
        EXPECT_THAT(step().runs, SizeIs(is_known_to_the_store ? 1 : 0));
    }
    run_on_alpha(every_second(1));
    connect(alpha);
    EXPECT_FALSE(term_->wants_undelivered(term_->doubts()));
}

TEST_F(DeliveryTest, WhatItsNodeDidNotLiveToRecordRunsAgain)
{
    run_on_alpha(at_least_once());
    report(alpha, fire(1, 1s), RunState::success);
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    TermStart found;
    OpenRun row;
    row.planned.id = fire(1, 1s);
    row.planned.run_server = alpha;
    found.open_runs.push_back(row);
    term_->resolve_doubts(found, term_->doubts(), now_);
    const PlanStep again = step();
    ASSERT_THAT(again.ended, SizeIs(1));
    EXPECT_EQ(again.ended[0].state, RunState::lost);
    ASSERT_THAT(again.runs, SizeIs(1));
    EXPECT_EQ(again.runs[0].id, attempt(fire(1, 1s), 2));
}

TEST_F(DeliveryTest, ANewDispatcherWaitsForTheCommandsOfANodeThatDiedBeforeItsTime)
{
    Job mutex = at_least_once();
    mutex.cron_set = "1 0 0 * * *";
    mutex.is_mutex = true;
    add(mutex);
    TermStart found;
    found.planned_through = midnight + 4s;
    OpenRun waiting;
    waiting.planned.id = attempt(fire(1, 1s), 2);
    at(2s);
    for (const bool has_its_row : {true, false}) {
        if (has_its_row) found.open_runs.push_back(waiting);
        at(2s);
        begin(found);
        connect(alpha);
        if (!has_its_row) term_->deliver_again(std::vector<RunId>{fire(1, 1s)});
        step();
        EXPECT_THAT(orders_, IsEmpty());
        at(4s);
        connect(alpha);
        step();
        ASSERT_THAT(orders_, SizeIs(1));
        EXPECT_EQ(orders_[0].second.id, waiting.planned.id);
        found.open_runs.clear();
    }
}

TEST_F(DeliveryTest, AFireThatAChangeTookBackDoesNotRunAgain)
{
    run_on_alpha(at_least_once());
    Job changed = at_least_once();
    changed.cron_set = "0 0 12 * * *";
    changed.effective_from = midnight + 500ms;
    add(changed);
    term_->jobs_changed(std::vector<JobId>{1}, {}, now_);
    died(alpha, now_.wall);
    EXPECT_THAT(step().ended, SizeIs(1));
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(DeliveryTest, ByDefaultWhatWasLostStaysLost)
{
    run_on_alpha(every_second(1));
    died(alpha, now_.wall);
    const PlanStep once = step();
    EXPECT_THAT(once.ended, SizeIs(1));
    EXPECT_THAT(once.runs, IsEmpty());
}

TEST_F(DeliveryTest, WhatItsNodeHadToEndRunsAgainAndWhatAPersonEndedDoesNot)
{
    run_on_alpha(at_least_once());
    RunReport end;
    end.id = fire(1, 1s);
    end.state = RunState::killed;
    end.reason = parse_reason("on-request: by alice");
    term_->report(alpha, end, now_);
    EXPECT_THAT(step().runs, IsEmpty());

    for (const auto& [state, cause] : {std::pair(RunState::killed, Cause::node_stopped),
                                       std::pair(RunState::fenced, Cause::node_isolated)}) {
        run_on_alpha(at_least_once());
        end.state = state;
        end.reason = {cause};
        term_->report(alpha, end, now_);
        EXPECT_THAT(step().runs, SizeIs(1)) << to_string(cause);
        term_->report(alpha, end, now_);  // said again: it is known
        EXPECT_THAT(step().runs, IsEmpty()) << to_string(cause);
    }
}

TEST_F(DeliveryTest, ThereIsAnEndToTheAttempts)
{
    Job job = at_least_once();
    job.cron_set = "1 0 0 * * *";
    add(job);
    begin();
    connect(beta);
    step();
    int attempts = 1;
    while (attempts < 20) {
        report(beta, attempt(fire(1, 1s), attempts), RunState::running);
        died(beta, now_.wall);
        connect(beta, {}, static_cast<std::uint64_t>(attempts) + 1);
        if (step().runs.empty()) break;
        ++attempts;
    }
    EXPECT_EQ(attempts, 5);
}

TEST_F(DeliveryTest, NothingRunsAgainAfterTheMisfireWindowOrForAStoppedJob)
{
    run_on_alpha(at_least_once());
    at(62s);
    connect(beta);
    died(alpha, midnight + 2s);
    EXPECT_THAT(step().runs, IsEmpty());

    run_on_alpha(at_least_once());
    Job stopped = at_least_once();
    stopped.stop = true;
    add(stopped);
    died(alpha, now_.wall);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(DeliveryTest, AFurtherAttemptSurvivesAChangeOfTheSchedule)
{
    run_on_alpha(at_least_once());
    died(alpha, now_.wall);
    step();
    const RunId second = attempt(fire(1, 1s), 2);
    Job changed = at_least_once();
    changed.cron_set = "0 0 12 * * *";
    changed.command = "echo new";
    changed.effective_from = now_.wall;
    add(changed);
    const std::vector<JobId> jobs{1};
    const std::vector<RunId> given_back{second};
    term_->jobs_changed(jobs, given_back, now_);
    const PlanStep next = step();
    EXPECT_THAT(next.ended, IsEmpty());
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, second);
    EXPECT_EQ(orders_[0].second.command, "echo new");
}

TEST_F(DeliveryTest, WhatHasANextAttemptAlreadyGetsNoOther)
{
    run_on_alpha(at_least_once());
    TermStart found;
    found.planned_through = midnight + 4s;
    OpenRun first;
    first.planned.id = fire(1, 1s);
    first.planned.run_server = alpha;
    first.planned.state = RunState::running;
    first.superseded = true;
    found.open_runs.push_back(first);
    begin(found);
    connect(beta);
    died(alpha, now_.wall);
    const PlanStep once = step();
    ASSERT_THAT(once.ended, SizeIs(1));
    EXPECT_EQ(once.ended[0].state, RunState::lost);
    EXPECT_THAT(once.runs, IsEmpty());
}

/// The node that ended the first attempt tells of it only now; the second one is not open.
TEST_F(DeliveryTest, WhatRanAgainUnderAnEarlierDispatcherDoesNotOnceMore)
{
    for (const bool is_open : {false, true}) {
        Job job = at_least_once();
        job.cron_set = "1 0 0 * * *";
        at(0ms);
        add(job);
        at(14s);
        term_.emplace(7, alpha, settings_, jobs_, now_);
        Account account;
        account.ended.emplace_back();
        account.ended[0].id = fire(1, 1s);
        account.ended[0].state = RunState::killed;
        account.ended[0].reason = {Cause::node_stopped};
        connect(alpha, account);
        TermStart found;
        found.planned_through = midnight + 12s;  // ended_lately does not reach back so far
        if (is_open) {
            OpenRun row;
            row.planned.id = fire(1, 1s);
            row.planned.run_server = alpha;
            found.open_runs.push_back(row);
        }
        term_->begin(found, now_);
        EXPECT_THAT(step().runs, SizeIs(is_open ? 1 : 0)) << is_open;
    }
}

TEST_F(DeliveryTest, WhatHasANextAttemptAlreadyGetsNoOtherWhenItsNodeEndsIt)
{
    at(0ms);
    Job job = at_least_once();
    job.cron_set = "1 0 0 * * *";
    add(job);
    TermStart found;
    found.planned_through = midnight + 4s;
    OpenRun first;
    first.planned.id = fire(1, 1s);
    first.planned.run_server = alpha;
    first.planned.state = RunState::running;
    first.superseded = true;
    found.open_runs.push_back(first);
    begin(found);
    connect(beta);
    report(alpha, fire(1, 1s), RunState::fenced);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(DeliveryTest, ARunThatComesBackAfterItWasLostGetsNoSecondAttemptTwice)
{
    for (const RunState end : {RunState::lost, RunState::fenced}) {
        run_on_alpha(at_least_once());
        term_->disconnected(alpha, now_);
        died(alpha, now_.wall);
        step();
        report(beta, attempt(fire(1, 1s), 2), RunState::success);
        at(20s);
        step();  // by now the end of that attempt is forgotten
        Account account;
        account.running.resize(1);
        account.running[0].id = fire(1, 1s);
        connect(alpha, account, 2);
        if (end == RunState::lost) died(alpha, now_.wall);
        if (end == RunState::fenced) report(alpha, fire(1, 1s), end);
        EXPECT_THAT(step().runs, IsEmpty());
    }
}

TEST_F(DeliveryTest, ANewDispatcherLearnsFromTheStoreWhatMustRunAgain)
{
    run_on_alpha(at_least_once());
    report(alpha, fire(1, 1s), RunState::fenced);
    step();
    const std::vector<RunId> undelivered{fire(1, 1s)};
    begin();
    connect(beta);
    term_->deliver_again(undelivered);
    const PlanStep again = step();
    ASSERT_FALSE(again.runs.empty());
    EXPECT_EQ(again.runs[0].id, attempt(fire(1, 1s), 2));
}

TEST_F(DeliveryTest, WhatAChangeTookBackIsNotDeliveredAgainByADispatcherThatKnowsOnlyTheNextOne)
{
    const RunId asked_for = fire(1, 3s + 1ms);
    const std::vector<RunId> undelivered{fire(1, 1s), fire(1, 3s), asked_for, fire(1, 5s),
                                         fire(1, 9s)};
    Job today = at_least_once();
    today.effective_from = midnight + 6s;
    add(today);
    begin();
    const std::vector<PastQuery> queries = term_->pasts_of(undelivered);
    ASSERT_THAT(queries, SizeIs(1));
    EXPECT_EQ(queries[0].only, 1);
    EXPECT_EQ(queries[0].from, midnight + 1s);

    Job between = today;
    between.cron_set = "0/5 * * * * *";
    JobPast past;
    past.job = 1;
    past.revisions.resize(3);
    past.revisions[0].effective_from = midnight - 1h;
    past.revisions[0].after = at_least_once();
    past.revisions[1].effective_from = midnight + 2s;
    past.revisions[1].after = between;
    past.revisions[1].after->effective_from = midnight + 2s;
    past.revisions[2].effective_from = today.effective_from;
    past.revisions[2].after = today;
    EXPECT_THAT(term_->still_wanted(undelivered, std::vector{past}),
                ElementsAre(fire(1, 1s), asked_for, fire(1, 5s), fire(1, 9s)));
}

// Misfires.

/// What becomes of the fires of a job that nobody could plan for 10 s.
class MisfireTest : public TermTest {
protected:
    std::vector<PlannedRun> after_ten_seconds(Job job)
    {
        add(job);
        TermStart found;
        found.planned_through = midnight - 10s;
        begin(found);
        connect(alpha);
        return step().runs;
    }
    static std::string told(const std::vector<PlannedRun>& rows)
    {
        std::string text;
        for (const PlannedRun& row : rows) {
            text += fmt::format("{}{}+{} ", row.state == RunState::skipped ? "skipped" : "",
                                (row.id.scheduled_at - midnight) / 1s, row.fires);
        }
        return text;
    }
};

TEST_F(MisfireTest, RunAllRunsThemLate)
{
    Job job = every_second(1);
    job.cron_set = "*/2 * * * * *";
    EXPECT_EQ(told(after_ten_seconds(job)), "-8+1 -6+1 -4+1 -2+1 0+1 2+1 ");
}

TEST_F(MisfireTest, SkipRunsOnlyWhatIsNotReallyLate)
{
    Job job = every_second(1);
    job.cron_set = "*/2 * * * * *";
    job.misfire_policy = Misfire::skip;
    const auto rows = after_ten_seconds(job);
    EXPECT_EQ(told(rows), "skipped-8+3 -2+1 0+1 2+1 ");
    EXPECT_EQ(rows[0].gap_end, midnight - 4s);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "misfire-policy: missed while no node was planning; the job's misfire policy is skip");
}

TEST_F(MisfireTest, RunLatestRunsTheNewestOne)
{
    Job job = every_second(1);
    job.cron_set = "1-56/5 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    const auto rows = after_ten_seconds(job);
    EXPECT_EQ(told(rows), "skipped-9+1 -4+1 1+1 ");
    EXPECT_EQ(rows[0].gap_end, midnight - 9s);
}

TEST_F(MisfireTest, RunLatestRunsNoOldOneWhenALaterOneIsDueAnyway)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-9+6 -3+1 -2+1 -1+1 0+1 1+1 2+1 ");
}

TEST_F(MisfireTest, RunLatestRunsNothingThatIsOlderThanTheWindow)
{
    Job job = every_second(1);
    job.cron_set = "52 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    EXPECT_EQ(told(after_ten_seconds(job)), "-8+1 ");
    job.misfire_window = 5s;
    job.effective_from = midnight - 1h;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-8+1 ");
}

TEST_F(MisfireTest, RunLatestFindsTheNewestOfMoreThanCanBeCounted)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    job.misfire_window = 0s;
    job.end_time = to_unix_millis(midnight) / 1000 - 100;
    job.effective_from = midnight - 100h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 99h;
    begin(found);
    connect(alpha);
    const auto rows = step().runs;
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_THAT(to_string(rows[0].reason), HasSubstr("too many to count"));
    EXPECT_EQ(rows[0].gap_end, midnight - 102s);
    EXPECT_EQ(rows[1].id.scheduled_at, midnight - 101s);
    EXPECT_EQ(rows[1].state, RunState::planned);
}

TEST_F(TermTest, AJobMayHaveAMisfireWindowOfItsOwn)
{
    Job strict = every_second(1);
    strict.cron_set = "0 * * * * *";
    Job patient = strict;
    patient.id = 2;
    patient.misfire_window = 300s;
    Job endless = strict;
    endless.id = 3;
    endless.misfire_window = 0s;
    for (Job job : {strict, patient, endless}) {
        job.effective_from = midnight - 1h;
        add(job);
    }
    TermStart found;
    found.planned_through = midnight - 10min - 1s;
    begin(found);
    connect(alpha);
    std::map<JobId, int> run;
    std::map<JobId, std::int64_t> missed;
    for (const PlannedRun& row : step().runs) {
        if (row.state == RunState::planned) ++run[row.id.job];
        if (row.state == RunState::skipped) missed[row.id.job] += row.fires;
    }
    EXPECT_EQ(run, (std::map<JobId, int>{{1, 2}, {2, 6}, {3, 11}}));
    EXPECT_EQ(missed, (std::map<JobId, std::int64_t>{{1, 9}, {2, 5}}));
}

TEST_F(MisfireTest, UntilNextRunsTheNewestHoweverLateUnlessALaterOneIsDue)
{
    Job job = every_second(1);
    job.misfire_window = until_next;
    job.cron_set = "0 0 3 * * *";
    job.effective_from = midnight - 100h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 47h;
    begin(found);
    connect(alpha);
    // Two nights were missed; midnight is 21 h after the last one.
    const std::vector<PlannedRun> rows = step().runs;
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].id, fire(1, -45h));
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "misfire: missed while no node was planning; a later fire of the job was due by then");
    EXPECT_EQ(rows[1].id, fire(1, -21h));
    EXPECT_EQ(rows[1].state, RunState::planned);
    EXPECT_THAT(orders_, SizeIs(1));
}

TEST_F(MisfireTest, UntilNextDoesNotMakeAChangeOfDispatchersSkipFires)
{
    Job job = every_second(1);
    job.misfire_window = until_next;
    EXPECT_EQ(told(after_ten_seconds(job)), "skipped-9+6 -3+1 -2+1 -1+1 0+1 1+1 2+1 ");
}

TEST_F(MisfireTest, WhatRunLatestDropsForANewerOneItsOwnerAskedFor)
{
    Job job = every_second(1);
    job.misfire_policy = Misfire::run_latest;
    const auto rows = after_ten_seconds(job);
    ASSERT_FALSE(rows.empty());
    EXPECT_THAT(to_string(rows[0].reason), StartsWith("misfire-policy: "));
}

TEST_F(MisfireTest, WhenRunLatestRunsNothingNobodyAskedForThat)
{
    Job job = every_second(1);
    job.cron_set = "52 * * * * *";
    job.misfire_policy = Misfire::run_latest;
    job.misfire_window = 5s;
    job.effective_from = midnight - 1h;
    const auto rows = after_ten_seconds(job);
    ASSERT_FALSE(rows.empty());
    EXPECT_THAT(to_string(rows[0].reason), StartsWith("misfire: "));
}

TEST_F(TermTest, ShowsNoNodeThatOnlyAnEarlierDispatcherHasSeen)
{
    begin();
    connect(alpha);
    Roster told;
    told.by = alpha;
    for (const NodeName& name : {alpha, beta}) {
        NodeLoad load;
        load.node = name;
        load.clock_known = true;
        told.nodes.push_back(load);
    }
    term_->clocks(told, now_);
    term_->registry({alpha}, now_);
    const std::vector<NodeLoad> loads = term_->loads(now_);
    ASSERT_THAT(loads, SizeIs(1));
    EXPECT_EQ(loads[0].node, alpha);
}

TEST_F(TermTest, SaysWhatItEndedItselfAndOfAGapHowManyFires)
{
    add(every_second(1));
    TermStart found;
    found.planned_through = midnight - 3600s;
    begin(found);
    connect(alpha);
    step();
    const std::vector<EndedFires> ended = term_->take_ended();
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].id, fire(1, -3599s));
    EXPECT_EQ(ended[0].state, RunState::skipped);
    EXPECT_EQ(ended[0].fires, 3539);
    EXPECT_EQ(ended[0].until, midnight - 61s);
    EXPECT_THAT(to_string(ended[0].reason), StartsWith("misfire: "));
    EXPECT_THAT(term_->take_ended(), IsEmpty());
}

TEST_F(TermTest, PlansNoFiresWhileThePlanIsHeldAndThenWhatIsNotTooLate)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    const WallTime planned = term_->planned_through();
    term_->hold_plan(true);
    at(30s);
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_FALSE(term_->behind());
    EXPECT_EQ(term_->planned_through(), planned);
    at(100s);
    connect(alpha);
    EXPECT_THAT(step().runs, IsEmpty());
    term_->hold_plan(false);
    EXPECT_TRUE(term_->has_news(now_));
    const std::vector<PlannedRun> rows = step().runs;
    ASSERT_FALSE(rows.empty());
    EXPECT_EQ(rows[0].state, RunState::skipped);
    EXPECT_EQ(rows[0].id, fire(1, 3s));
    EXPECT_EQ(rows[0].gap_end, midnight + 39s);
    EXPECT_EQ(
        to_string(rows[0].reason),
        "overload: missed while no node was planning; the ledger was too far behind; longer ago "
        "than the misfire window of 60 s");
    EXPECT_THAT(rows, SizeIs(1 + 63)) << "the others run late or on time";
    EXPECT_EQ(term_->planned_through(), midnight + 102s);
}

TEST_F(TermTest, TakesSoManyFiresAtATimeAndForgetsNone)
{
    Job job = every_second(1);
    job.misfire_window = 0s;
    job.effective_from = midnight - 24h;
    add(job);
    TermStart found;
    found.planned_through = midnight - 25'000s;
    begin(found);
    connect(alpha);
    std::vector<RunId> all;
    for (int steps = 0; steps < 5; ++steps) {
        const PlanStep part = step();
        EXPECT_LE(part.runs.size(), 10'000U);
        for (const PlannedRun& row : part.runs) {
            EXPECT_LE(row.id.scheduled_at, part.planned_through);
            all.push_back(row.id);
        }
        const bool more = term_->behind();
        EXPECT_EQ(more, part.planned_through < midnight + 2s);
        if (!more) break;
    }
    ASSERT_THAT(all, SizeIs(25'002));
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size());
    EXPECT_EQ(term_->planned_through(), midnight + 2s);
}

// What people ask for.

TEST_F(TermTest, ARunOnRequestIsPlannedWhateverTheScheduleSays)
{
    Job job = every_second(1);
    job.stop = true;
    add(job);
    begin();
    connect(alpha);
    at(300ms);
    const auto first = term_->run_now(1, "ops at 10.0.0.5", now_);
    const auto second = term_->run_now(1, "ops at 10.0.0.5", now_);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(2));
    EXPECT_EQ(planned.runs[0].id, *first);
    EXPECT_EQ(planned.runs[0].requested_by, "ops at 10.0.0.5");
    EXPECT_EQ(planned.runs[0].run_server, alpha);
    ASSERT_THAT(orders_, SizeIs(2));
    EXPECT_LE(orders_[0].second.start_at, now_.wall);
    EXPECT_FALSE(term_->run_now(4711, "", now_));
}

TEST_F(TermTest, ARunOnRequestNeverTakesTheMomentOfAFire)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    at(1s);
    const auto run = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(run);
    EXPECT_NE(run->scheduled_at, midnight + 1s);
    EXPECT_NE(run->scheduled_at.time_since_epoch() % 1s, 0ms);
}

TEST_F(TermTest, ARunOnRequestKeepsToTheMutex)
{
    Job job = every_second(1);
    job.is_mutex = true;
    job.cron_set = "@hourly";
    add(job);
    begin();
    connect(alpha);
    connect(beta);
    at(1ms);
    const auto first = term_->run_now(1, "ops", now_);
    step();
    const NodeName home = orders_.at(0).first;
    const auto second = term_->run_now(1, "ops", now_);
    step();
    EXPECT_EQ(orders_.at(0).first, home) << "where the first may run, and decides";
    ASSERT_TRUE(first && second);
}

TEST_F(TermTest, ARunThatIsHereIsCancelledAndItsRowSaysWho)
{
    add(every_second(1));
    begin();  // no node yet
    step();
    const auto place = term_->find_run(fire(1, 1s));
    EXPECT_EQ(place.whereabouts, Term::Whereabouts::here);
    term_->cancel(fire(1, 1s), parse_reason("on-request: ops"), now_);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, Term::Whereabouts::unknown);
    connect(alpha);
    const PlanStep next = step();
    ASSERT_THAT(next.ended, SizeIs(1));
    EXPECT_EQ(next.ended[0].state, RunState::killed);
    EXPECT_EQ(to_string(next.ended[0].reason), "on-request: ops");
    for (const auto& [node, order] : orders_) EXPECT_NE(order.id, fire(1, 1s));
}

TEST_F(TermTest, KnowsWhereARunIs)
{
    add(every_second(1));
    begin();
    connect(alpha);
    step();
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, Term::Whereabouts::held);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).node, alpha);
    report(alpha, fire(1, 1s), RunState::running);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, Term::Whereabouts::running);
    report(alpha, fire(1, 1s), RunState::success);
    EXPECT_EQ(term_->find_run(fire(1, 1s)).whereabouts, Term::Whereabouts::unknown);
}

}  // namespace
}  // namespace peercron
