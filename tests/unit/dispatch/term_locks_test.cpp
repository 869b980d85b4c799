#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class TermLocksTest : public TermTest {
protected:
    static Job with_locks(JobId id, std::vector<std::string> locks,
                          Overlap overlap = Overlap::allow)
    {
        Job job = every_second(id);
        job.locks = std::move(locks);
        job.overlap = overlap;
        return job;
    }

    void connect_knowing(const NodeName& node, Account account = {})
    {
        account.known_fields = {"locks"};
        connect(node, std::move(account));
    }

    void change(const Job& job)
    {
        add(job);
        const std::vector<JobId> ids{job.id};
        term_->jobs_changed(ids, {}, now_);
    }

    /// The nodes that the last step gave runs of the job to.
    std::set<NodeName> nodes_of(JobId job) const
    {
        std::set<NodeName> nodes;
        for (const auto& [node, order] : orders_) {
            if (order.id.job == job) nodes.insert(node);
        }
        return nodes;
    }

    static const PlannedRun* find(const PlanStep& step, JobId job)
    {
        for (const PlannedRun& run : step.runs) {
            if (run.id.job == job) return &run;
        }
        return nullptr;
    }
};

TEST_F(TermLocksTest, JobsThatShareALockRunAtOneNodeAndAreToldItsLimit)
{
    jobs_.set_lock_limits({{"ftp", 4, "", {}}});
    add(with_locks(1, {"ftp:2"}));
    add(with_locks(2, {"ftp", "db"}));
    add(with_locks(3, {"db"}));
    begin();
    connect_knowing(alpha);
    connect_knowing(beta);
    step();
    ASSERT_THAT(orders_, SizeIs(6));
    for (const auto& [node, order] : orders_) EXPECT_EQ(node, orders_[0].first);
    for (const auto& [node, order] : orders_) {
        if (order.id.job != 2) continue;
        EXPECT_EQ(order.lock_limits, (std::vector<std::int64_t>{4, 1}));
        EXPECT_EQ(order.fields.job().locks, (std::vector<std::string>{"ftp", "db"}));
    }
}

TEST_F(TermLocksTest, ANodeThatDoesNotKnowLocksGetsNone)
{
    add(with_locks(1, {"db"}));
    begin();
    connect(alpha);
    connect_knowing(beta);
    step();
    ASSERT_FALSE(orders_.empty());
    EXPECT_EQ(nodes_of(1), std::set<NodeName>{beta});
}

TEST_F(TermLocksTest, ARunThatWantsMoreThanThereIsIsSkipped)
{
    add(with_locks(1, {"db:2"}, Overlap::queue));
    begin();
    connect_knowing(alpha);
    const PlanStep planned = step();
    EXPECT_THAT(orders_, IsEmpty());
    ASSERT_NE(find(planned, 1), nullptr);
    EXPECT_EQ(to_string(find(planned, 1)->reason),
              "lock: it takes 2 of the lock db, whose limit is 1");
}

TEST_F(TermLocksTest, WhatIsHeldAtANodeThatCannotBeAskedStartsNowhereElse)
{
    add(with_locks(1, {"db"}));
    begin();
    connect_knowing(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    term_->disconnected(alpha, now_);
    connect_knowing(beta);
    add(with_locks(2, {"db"}));
    const std::vector<JobId> added{2};
    term_->jobs_changed(added, {}, now_);
    at(1s);
    connect_knowing(beta);
    const PlanStep next = step();
    EXPECT_THAT(nodes_of(2), IsEmpty());
    ASSERT_NE(find(next, 2), nullptr);
    EXPECT_THAT(to_string(find(next, 2)->reason), StartsWith("owner-unreachable"));
    EXPECT_THAT(to_string(find(next, 2)->reason), HasSubstr("with the lock db"));
}

TEST_F(TermLocksTest, NothingStartsElsewhereUntilTheCommandsOfADeadHolderAreGone)
{
    add(with_locks(1, {"db"}));
    begin();
    connect_knowing(beta);
    step();
    report(beta, fire(1, 1s), RunState::running);
    at(2s);
    connect_knowing(alpha);
    died(beta, now_.wall);
    change(with_locks(2, {"db"}, Overlap::queue));
    step();
    EXPECT_THAT(nodes_of(2), IsEmpty());
    at(4500ms);
    connect_knowing(alpha);
    step();
    EXPECT_EQ(nodes_of(2), std::set<NodeName>{alpha});
}

TEST_F(TermLocksTest, AChangeThatJoinsTwoGroupsWaitsUntilBothAreAtOneNode)
{
    add(with_locks(1, {"a"}));
    begin();
    connect_knowing(alpha);
    step();
    report(alpha, fire(1, 1s), RunState::running);
    change(with_locks(2, {"b"}));
    Account full;
    full.draining = true;
    connect_knowing(alpha, full);
    connect_knowing(beta);
    at(1s);
    connect_knowing(beta);
    connect_knowing(alpha, full);
    step();
    ASSERT_EQ(nodes_of(2), std::set<NodeName>{beta});
    connect_knowing(alpha);

    change(with_locks(3, {"a", "b"}));
    at(2s);
    connect_knowing(alpha);
    connect_knowing(beta);
    const PlanStep joined = step();
    EXPECT_THAT(nodes_of(3), IsEmpty());
    ASSERT_NE(find(joined, 3), nullptr);
    EXPECT_EQ(find(joined, 3)->reason.cause, Cause::lock);
    EXPECT_THAT(find(joined, 3)->reason.detail, HasSubstr("open on two nodes"));
    // Those that need one of them only go on where that is.
    for (const NodeName& node : nodes_of(2)) EXPECT_EQ(node, beta);
}

TEST_F(TermLocksTest, ANewLimitTakesBackWhatWasHandedOutByTheOldOne)
{
    add(with_locks(1, {"db"}, Overlap::queue));
    begin();
    connect_knowing(alpha);
    step();
    ASSERT_FALSE(orders_.empty());
    const std::vector<JobId> concerned = jobs_.set_lock_limits({{"db", 2, "", {}}});
    ASSERT_THAT(concerned, SizeIs(1));
    const auto held = term_->handed_out(concerned);
    term_->jobs_changed(concerned, held.at(alpha), now_);
    step();
    ASSERT_FALSE(orders_.empty());
    for (const auto& [node, order] : orders_) {
        EXPECT_EQ(order.lock_limits, std::vector<std::int64_t>{2});
    }
}

TEST_F(TermLocksTest, ANewDispatcherIsToldWhichLocksRunsHoldWhateverTheirJobsSayNow)
{
    Account account;
    RunReport running;
    running.id = fire(1, -60s);
    running.state = RunState::running;
    account.running = {running};
    RunOrder order;
    order.id = running.id;
    order.fields = NodeFields::of(with_locks(1, {"db"}));
    order.lock_limits = {1};
    account.started = {order};

    add(every_second(1));  // it has no lock any more
    add(with_locks(2, {"db"}));
    term_.emplace(7, alpha, settings_, jobs_, now_);
    connect_knowing(beta, account);
    connect_knowing(alpha);
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = running.id;
    row.planned.state = RunState::running;
    row.planned.run_server = beta;
    found.open_runs = {row};
    term_->begin(found, now_);
    step();
    ASSERT_FALSE(nodes_of(2).empty());
    EXPECT_EQ(nodes_of(2), std::set<NodeName>{beta});
}

TEST_F(TermLocksTest, ARunOfAChangedJobAtANodeThatSaysNothingMayHoldAnyLock)
{
    Job changed = every_second(1);
    changed.effective_from = now_.wall - 10s;
    add(changed);
    add(with_locks(2, {"db"}));
    TermStart found;
    found.planned_through = now_.wall;
    OpenRun row;
    row.planned.id = fire(1, -60s);
    row.planned.state = RunState::running;
    row.planned.run_server = beta;
    row.planned.dispatched_at = now_.wall - 61s;
    found.open_runs = {row};
    begin(found);
    connect_knowing(alpha);
    step();
    EXPECT_THAT(nodes_of(2), IsEmpty());

    // The node says that it holds none.
    Account account;
    RunReport running;
    running.id = row.planned.id;
    running.state = RunState::running;
    account.running = {running};
    connect_knowing(beta, account);
    at(1s);
    connect_knowing(alpha);
    connect_knowing(beta, account);
    step();
    EXPECT_FALSE(nodes_of(2).empty());
}

}  // namespace
}  // namespace peercron
