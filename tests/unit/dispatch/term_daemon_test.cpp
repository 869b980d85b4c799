#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Job 1 is a daemon, which was added at midnight.
class TermDaemonTest : public TermTest {
protected:
    TermDaemonTest()
    {
        job_.id = 1;
        job_.kind = JobKind::daemon;
        job_.command = "worker";
        job_.effective_from = midnight;
    }

    /// A term in which the store has these starts.
    void begin_with(std::vector<DaemonStart> starts = {}, TermStart found = {})
    {
        at(1s);
        add(job_);
        found.planned_through = now_.wall;
        begin(found);
        connect(alpha, account());
        connect(beta, account());
        answer(std::move(starts));
    }
    /// Of a node that knows daemons.
    static Account account()
    {
        Account account;
        account.known_fields = names_of_needs(fields_for_nodes());
        return account;
    }
    void answer(std::vector<DaemonStart> starts = {})
    {
        const std::vector<JobId> jobs = term_->take_daemon_questions(100);
        term_->found_daemon_starts(jobs, std::move(starts), now_.wall);
    }
    /// Goes on with both nodes connected.
    void pass_to(std::chrono::milliseconds after_midnight)
    {
        TermTest::pass_to(after_midnight, {alpha, beta});
    }
    /// What the next step has started; its node reports that it is up.
    RunId start_one()
    {
        step();
        if (orders_.size() != 1) {
            ADD_FAILURE() << orders_.size() << " orders";
            return {};
        }
        node_ = orders_[0].first;
        const RunId id = orders_[0].second.id;
        report(node_, id, RunState::running);
        return id;
    }
    void end(const RunId& id, RunState state, Cause cause = Cause::none)
    {
        RunReport report;
        report.id = id;
        report.state = state;
        report.reason.cause = cause;
        report.started_at = id.scheduled_at;
        report.ended_at = now_.wall;
        term_->report(node_, report, now_);
    }
    /// "run: cause" of what nodes are told to end.
    std::vector<std::string> ends()
    {
        std::vector<std::string> ends;
        for (const Outgoing& outgoing : term_->daemons_to_end(now_)) {
            const auto& kill = std::get<KillRun>(outgoing.message);
            ends.push_back(outgoing.node + " " + std::string(to_string(kill.reason.cause)));
        }
        return ends;
    }
    void change()
    {
        job_.effective_from = now_.wall;
        add(job_);
        const std::vector<JobId> changed{1};
        term_->jobs_changed(changed, {}, now_);
    }

    /// What the store has of a daemon that an earlier dispatcher started at beta.
    static TermStart with_running_row()
    {
        TermStart found;
        OpenRun& open = found.open_runs.emplace_back();
        open.planned.id = earlier_start;
        open.planned.state = RunState::running;
        open.planned.run_server = beta;
        return found;
    }
    /// Of a node where the daemon of the order is up.
    static Account account_of(const RunOrder& order)
    {
        Account account = TermDaemonTest::account();
        account.running.emplace_back().id = order.id;
        account.started.push_back(order);
        return account;
    }

    inline static const RunId earlier_start{1, midnight - 1h, 1};
    Job job_;
    NodeName node_;
};

TEST_F(TermDaemonTest, StartsOnceAndIsOrderedAsOneOfAKind)
{
    begin_with();
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].requested_by, "");
    EXPECT_NE(planned.runs[0].id.scheduled_at.time_since_epoch() % 1s, 0ms)
        << "where only schedules fire";
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_TRUE(is_daemon(orders_[0].second));
    EXPECT_EQ(orders_[0].second.concurrency, (Concurrency{1, Overlap::queue}));
    pass_to(2s);
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermDaemonTest, NothingStartsBeforeTheStoreHasSaidHowStartsHaveEnded)
{
    at(1s);
    add(job_);
    begin();
    connect(alpha, account());
    EXPECT_TRUE(term_->has_daemon_questions());
    EXPECT_FALSE(term_->has_news(now_));
    EXPECT_THAT(step().runs, IsEmpty());
    pass_to(1h);
    EXPECT_THAT(step().runs, IsEmpty()) << "however long that takes";
    answer();
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermDaemonTest, WhatTheStoreSaysIsTheStartOfTheNextDelay)
{
    std::vector<DaemonStart> starts;
    for (int i = 0; i < 3; ++i) {
        starts.push_back({{1, midnight + (i + 1) * 100ms, 1},
                          RunState::failed,
                          Cause::none,
                          false,
                          midnight + (i + 1) * 100ms,
                          midnight + (i + 2) * 100ms,
                          alpha});
    }
    begin_with(starts);
    EXPECT_THAT(step().runs, IsEmpty()) << "4 s after the third failure, at 4.4 s";
    pass_to(2500ms);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id.scheduled_at, midnight + 4400ms);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, midnight + 4400ms);
}

TEST_F(TermDaemonTest, AFailureIsFollowedByTheNextStartAfterItsDelay)
{
    begin_with();
    const RunId first = start_one();
    pass_to(3s);
    end(first, RunState::failed);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id.scheduled_at, midnight + 4001ms) << "not at a whole second";
}

TEST_F(TermDaemonTest, MovesAtOnceWhenItsNodeStops)
{
    begin_with();
    const RunId first = start_one();
    const NodeName home = node_;
    pass_to(3s);
    hear(home, 100, true);
    end(first, RunState::killed, Cause::node_stopped);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_NE(orders_[0].first, home);
    EXPECT_LE(orders_[0].second.start_at, now_.wall + 1ms);
}

TEST_F(TermDaemonTest, IsStartedElsewhereAsSoonAsItsDeadNodesCommandsAreGone)
{
    begin_with();
    const RunId first = start_one();
    const NodeName home = node_;
    const NodeName other = home == alpha ? beta : alpha;
    pass_to(10s);
    died(home, now_.wall);
    const PlanStep lost = step();
    ASSERT_THAT(lost.ended, SizeIs(1));
    EXPECT_EQ(lost.ended[0].id, first);
    EXPECT_EQ(lost.ended[0].state, RunState::lost);
    EXPECT_THAT(orders_, IsEmpty());
    answer({{first, RunState::lost, Cause::node_died, false, first.scheduled_at, now_.wall, home}});
    step();
    EXPECT_THAT(orders_, IsEmpty()) << "it may be alive";
    at(12s);
    hear(other);
    EXPECT_TRUE(term_->has_news(now_));
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].first, other);
}

TEST_F(TermDaemonTest, AStoreThatDoesNotAnswerIsNotWaitedForLong)
{
    begin_with();
    start_one();
    const NodeName home = node_;
    const NodeName other = home == alpha ? beta : alpha;
    pass_to(10s);
    died(home, now_.wall);
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_TRUE(term_->has_daemon_questions());
    at(13s);
    hear(other);
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermDaemonTest, WhatTheStoreAloneWasToldCounts)
{
    job_.restart = Restart::on_failure;
    begin_with();
    const RunId first = start_one();
    pass_to(10s);
    died(node_, now_.wall);
    step();
    answer({{first, RunState::success, Cause::none, false, first.scheduled_at, now_.wall, node_}});
    at(60s);
    hear(alpha);
    EXPECT_THAT(step().runs, IsEmpty()) << "it had succeeded before its node died";
}

TEST_F(TermDaemonTest, WhatItsDeadNodeHadNotRecordedIsLostForEveryDispatcher)
{
    job_.restart = Restart::on_failure;
    begin_with();
    const RunId first = start_one();
    const NodeName home = node_;
    const NodeName other = home == alpha ? beta : alpha;
    pass_to(10s);
    end(first, RunState::success);
    EXPECT_THAT(step().runs, IsEmpty());
    died(home, now_.wall);
    step();
    TermStart found;
    OpenRun& open = found.open_runs.emplace_back();
    open.planned.id = first;
    open.planned.state = RunState::running;
    open.planned.run_server = home;
    term_->resolve_doubts(found, term_->doubts(), now_);
    const PlanStep lost = step();
    ASSERT_THAT(lost.ended, SizeIs(1));
    EXPECT_EQ(lost.ended[0].state, RunState::lost);
    answer({{first, RunState::lost, Cause::node_died, false, first.scheduled_at, now_.wall, home}});
    at(12s);
    hear(other);
    EXPECT_THAT(step().runs, SizeIs(1)) << "its row does not say that it had succeeded";
}

TEST_F(TermDaemonTest, AChangeOfItsWorkEndsItAndStartsIt)
{
    begin_with();
    const RunId first = start_one();
    pass_to(10s);
    job_.command = "worker --new";
    change();
    EXPECT_THAT(ends(), ElementsAre(node_ + " job-changed"));
    EXPECT_THAT(ends(), IsEmpty()) << "once is enough, for a while";
    EXPECT_THAT(step().runs, IsEmpty()) << "never two";
    pass_to(16s);
    EXPECT_THAT(ends(), SizeIs(1)) << "it may have been lost";
    end(first, RunState::killed, Cause::job_changed);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.command, "worker --new");
    EXPECT_LE(orders_[0].second.start_at, now_.wall + 1ms);
}

TEST_F(TermDaemonTest, AChangeThatIsNotOfItsWorkLeavesItUp)
{
    begin_with();
    start_one();
    pass_to(10s);
    job_.remark = "the worker";
    job_.start_limit = 3;
    change();
    EXPECT_THAT(ends(), IsEmpty());
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermDaemonTest, IsEndedWhenItIsStoppedOrDeletedOrItsWindowIsOver)
{
    job_.end_time = to_unix_seconds(midnight) + 20;
    begin_with();
    const RunId first = start_one();
    pass_to(10s);
    job_.stop = true;
    change();
    EXPECT_THAT(ends(), ElementsAre(node_ + " job-stopped"));
    end(first, RunState::killed, Cause::job_stopped);
    EXPECT_THAT(step().runs, IsEmpty());
    pass_to(11s);
    job_.stop = false;
    change();
    const RunId second = start_one();
    pass_to(20s);
    EXPECT_THAT(ends(), ElementsAre(node_ + " window"));
    end(second, RunState::killed, Cause::window);
    EXPECT_THAT(step().runs, IsEmpty());

    job_.end_time = 0;
    change();
    start_one();
    jobs_.erase(1);
    const std::vector<JobId> deleted{1};
    term_->jobs_changed(deleted, {}, now_);
    EXPECT_THAT(ends(), ElementsAre(node_ + " job-deleted"));
}

TEST_F(TermDaemonTest, AStartThatWasHandedOutIsTakenBackByAChange)
{
    begin_with();
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    const RunId first = orders_[0].second.id;
    pass_to(1500ms);
    job_.command = "worker --new";
    job_.effective_from = now_.wall;
    add(job_);
    const std::vector<JobId> changed{1};
    const std::vector<RunId> back{first};
    term_->jobs_changed(changed, back, now_);
    const PlanStep planned = step();
    ASSERT_THAT(planned.ended, SizeIs(1));
    EXPECT_EQ(planned.ended[0].state, RunState::revoked);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.command, "worker --new");
}

TEST_F(TermDaemonTest, IsGivenUpInARowOfItsOwn)
{
    job_.start_limit = 2;
    begin_with();
    end(start_one(), RunState::failed);
    pass_to(3s);
    end(start_one(), RunState::failed);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].state, RunState::skipped);
    EXPECT_EQ(planned.runs[0].reason.cause, Cause::start_limit);
    ASSERT_THAT(planned.ended, SizeIs(1)) << "what it follows from";
    EXPECT_EQ(planned.ended[0].state, RunState::failed);
    pass_to(1h);
    EXPECT_FALSE(term_->has_news(now_));
    ASSERT_TRUE(term_->run_now(1, "ops", now_));
    EXPECT_THAT(step().runs, SizeIs(1));
}

TEST_F(TermDaemonTest, ByHandItIsStartedOnlyWhenItIsDownAndCouldBeUp)
{
    begin_with();
    const RunId first = start_one();
    EXPECT_THAT(term_->run_now(1, "ops", now_).error().message, HasSubstr("runs once at a time"));
    LogRow row;
    row.run.id = first;
    row.run.state = RunState::failed;
    EXPECT_THAT(term_->retry_now(row, "ops", now_).error().message, HasSubstr("is a daemon"));
    job_.stop = true;
    change();
    EXPECT_THAT(term_->run_now(1, "ops", now_).error().message, HasSubstr("is stopped"));
}

TEST_F(TermDaemonTest, NoStartIsBeforeTheOneBeforeIt)
{
    begin_with();
    const RunId first = start_one();
    pass_to(3s);
    end(first, RunState::failed);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    const RunId next = planned.runs[0].id;
    term_->cancel(next, Reason{Cause::on_request}, now_);  // a second before its time
    const auto by_hand = term_->run_now(1, "ops", now_);
    ASSERT_TRUE(by_hand);
    EXPECT_GT(by_hand->scheduled_at, next.scheduled_at);
}

TEST_F(TermDaemonTest, ANewDispatcherKnowsWhatItsDaemonsWereStartedWith)
{
    begin_with({}, with_running_row());
    RunOrder order;
    order.id = earlier_start;
    order.command = "worker --old";
    order.fields = NodeFields::of(job_);
    order.concurrency = concurrency_of(job_);
    connect(beta, account_of(order));
    EXPECT_THAT(ends(), ElementsAre(beta + " job-changed"));
}

TEST_F(TermDaemonTest, ANewDispatcherEndsTheDaemonOfADeletedJob)
{
    at(1s);
    begin();
    Account account;
    RunReport running;
    running.id = {9, midnight - 1h, 1};
    account.running.push_back(running);
    RunOrder order;
    order.id = running.id;
    order.fields = NodeFields::of(job_);
    account.started.push_back(order);
    connect(beta, account);
    EXPECT_THAT(ends(), ElementsAre(beta + " job-deleted"));
}

TEST_F(TermDaemonTest, ANewDispatcherThatKnowsTheRowEndsTheDaemonOfAJobThatIsNoneAnyMore)
{
    job_.kind = JobKind::command;
    job_.cron_set = "0 0 1 1 *";
    begin_with({}, with_running_row());
    RunOrder order;
    order.id = earlier_start;
    job_.kind = JobKind::daemon;
    order.fields = NodeFields::of(job_);
    connect(beta, account_of(order));
    EXPECT_THAT(ends(), ElementsAre(beta + " job-changed"));
}

TEST_F(TermDaemonTest, IsNotStartedWhenItsWindowEndedWhileNobodyCouldStartIt)
{
    job_.end_time = to_unix_seconds(midnight) + 20;
    begin_with();
    const RunId first = start_one();
    pass_to(19s);
    end(first, RunState::killed, Cause::node_stopped);
    pass_to(30s);
    EXPECT_THAT(step().runs, IsEmpty());
}

TEST_F(TermDaemonTest, ARowThatMakesNoSenseNeverStarts)
{
    job_.retries = 3;
    begin_with();
    EXPECT_THAT(step().runs, IsEmpty());
    EXPECT_THAT(jobs_.find(1)->error, HasSubstr("retries: given for a job of kind daemon"));
}

TEST_F(TermDaemonTest, ADaemonWhoseNodeDoesNotFitAnyMoreIsEndedAndStartsAtOneThatDoes)
{
    begin_with();
    const RunId first = start_one();
    const NodeName other = node_ == alpha ? beta : alpha;
    job_.run_on = {"!address=" + other};
    change();
    EXPECT_THAT(ends(), IsEmpty());
    job_.run_on = {"address=" + other};
    change();
    EXPECT_THAT(ends(), ElementsAre(node_ + " job-changed"));
    end(first, RunState::killed, Cause::job_changed);
    pass_to(5s);
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].first, other);
}

TEST_F(TermDaemonTest, APauseHoldsItDownAndItStartsAtItsEnd)
{
    begin_with();
    start_one();
    Pause pause;
    pause.begins_at = midnight + 2s;
    pause.until = midnight + 20s;
    pause.made_by = "ops";
    jobs_.put_pauses({pause});
    pass_to(1500ms);
    EXPECT_THAT(ends(), IsEmpty());
    pass_to(2s);
    EXPECT_THAT(ends(), ElementsAre(node_ + " paused"));
    pass_to(3s);
    end(fire(1, 1001ms), RunState::killed, Cause::paused);
    for (int second = 4; second < 18; ++second) {
        pass_to(second * 1s);
        EXPECT_THAT(step().runs, IsEmpty()) << second;
    }
    EXPECT_FALSE(term_->run_now(1, "ops", now_).has_value());
    pass_to(18s);
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(1, 20'001ms));
    EXPECT_THAT(orders_, SizeIs(1));
    // Its node's clock is a little ahead.
    const NodeName node = orders_[0].first;
    pass_to(19'990ms);
    report(node, fire(1, 20'001ms), RunState::running);
    EXPECT_THAT(ends(), IsEmpty());
}

}  // namespace
}  // namespace peercron
