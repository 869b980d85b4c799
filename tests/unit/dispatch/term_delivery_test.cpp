#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

/// Of a node that knows the field of that name.
Account knows_inputs()
{
    Account account;
    account.known_fields = {"inputs"};
    return account;
}

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

TEST_F(DeliveryTest, ARehearsalGoesToNodesThatKnowWhatThatIsAndStaysOne)
{
    Job job = at_least_once();
    job.cron_set = "0 0 12 * * *";
    add(job);
    begin();
    Account knows;
    knows.known_fields = {"rehearsal"};
    connect(alpha, knows);
    connect(beta);
    at(5ms);
    const auto refused = term_->run_now(1, "alice (rehearsal)", now_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "node 127.0.0.1:9993 is of a version that does not know rehearsals");
    EXPECT_TRUE(term_->run_now(1, "alice", now_)) << "any other run";
    term_->disconnected(beta, now_);
    const auto asked = term_->run_now(1, "alice (rehearsal)", now_);
    ASSERT_TRUE(asked);
    step();
    const auto order =
        std::ranges::find_if(orders_, [&](const auto& given) { return given.second.id == *asked; });
    ASSERT_NE(order, orders_.end());
    EXPECT_TRUE(order->second.rehearsal);
    // It is lost, and runs again: not at the node that does not know what it is.
    connect(beta);
    term_->disconnected(alpha, now_);
    died(alpha, now_.wall);
    const PlanStep again = step();
    const auto next = std::ranges::find(again.runs, attempt(*asked, 2), &PlannedRun::id);
    ASSERT_NE(next, again.runs.end());
    EXPECT_EQ(next->requested_by, "alice (rehearsal)");
    for (const auto& [node, given] : orders_) EXPECT_NE(given.id, next->id);
    for (const EndedFires& told : term_->take_ended()) EXPECT_NE(told.id, *asked);
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

TEST_F(DeliveryTest, AFurtherAttemptHasTheInputsThatWereGiven)
{
    Job job = at_least_once();
    job.cron_set = "0 0 12 * * *";
    job.inputs = {"DAY=today"};
    add(job);
    begin();
    connect(alpha, knows_inputs());
    const auto asked = term_->run_now(1, R"(alice {"DAY":"2026-11-21"})", now_);
    ASSERT_TRUE(asked);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_THAT(orders_[0].second.inputs, ElementsAre("DAY=2026-11-21"));
    report(alpha, *asked, RunState::running);
    connect(beta, knows_inputs());
    died(alpha, now_.wall);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, attempt(*asked, 2));
    EXPECT_THAT(orders_[0].second.inputs, ElementsAre("DAY=2026-11-21"));
}

TEST_F(DeliveryTest, WhatItsNodeEndedAndToldTheStoreAloneRunsAgain)
{
    for (const bool is_known_to_the_store : {true, false}) {
        run_on_alpha(at_least_once());
        connect(alpha);  // it was cut off, ended the run, and has nothing to tell any more
        const TermRules::Doubts doubts = term_->doubts();
        EXPECT_TRUE(term_->wants_runs_to_repeat(doubts));
        std::vector<RunId> to_repeat;
        if (is_known_to_the_store) to_repeat.push_back(fire(1, 1s));
        term_->resolve_doubts({}, doubts, now_, to_repeat);
        EXPECT_THAT(step().runs, SizeIs(is_known_to_the_store ? 1 : 0));
    }
    run_on_alpha(every_second(1));
    connect(alpha);
    EXPECT_FALSE(term_->wants_runs_to_repeat(term_->doubts()));
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
    const std::vector<RunId> to_repeat{fire(1, 1s)};
    begin();
    connect(beta);
    term_->deliver_again(to_repeat);
    const PlanStep again = step();
    ASSERT_FALSE(again.runs.empty());
    EXPECT_EQ(again.runs[0].id, attempt(fire(1, 1s), 2));
}

TEST_F(DeliveryTest, ARunWhoseEndOnlyTheStoreKnewGetsNoSecondAttemptTwice)
{
    run_on_alpha(at_least_once());
    term_->registry({beta}, now_);
    term_->deliver_again(std::vector<RunId>{fire(1, 1s)});
    const PlanStep again = step();
    ASSERT_THAT(again.runs, SizeIs(1));
    EXPECT_EQ(again.runs[0].id, attempt(fire(1, 1s), 2));
    report(beta, attempt(fire(1, 1s), 2), RunState::success);
    for (const auto time : {13s, 20s}) {  // its end is forgotten, then alpha is gone
        at(time);
        connect(beta);
        term_->changes_are_known_until(now_.wall);
        EXPECT_THAT(step().runs, IsEmpty());
    }
}

TEST_F(DeliveryTest, WhatAChangeTookBackIsNotDeliveredAgainByADispatcherThatKnowsOnlyTheNextOne)
{
    const RunId asked_for = fire(1, 3s + 1ms);
    const std::vector<RunId> to_repeat{fire(1, 1s), fire(1, 3s), asked_for, fire(1, 5s),
                                       fire(1, 9s)};
    Job today = at_least_once();
    today.effective_from = midnight + 6s;
    add(today);
    begin();
    const std::vector<PastQuery> queries = term_->pasts_of(to_repeat);
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
    EXPECT_THAT(term_->still_wanted(to_repeat, std::vector{past}),
                ElementsAre(fire(1, 1s), asked_for, fire(1, 5s), fire(1, 9s)));
}

}  // namespace
}  // namespace peercron
