#include "dispatch/order_writer.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;

const NodeName self = "127.0.0.1:9991";
constexpr WallTime noon{1000h};

PlannedJob backup()
{
    PlannedJob planned;
    Job& job = planned.job;
    job.id = 1;
    job.command = "backup";
    job.timeout = 90s;
    job.max_concurrent = 3;
    job.overlap = Overlap::queue;
    return planned;
}

class OrderWriterTest : public ::testing::Test {
protected:
    DispatchSettings settings_;
    OrderWriter writer_{7, self, settings_};
};

TEST_F(OrderWriterTest, AnOrderSaysWhatItsJobRunsAndWhen)
{
    const PlannedJob job = backup();
    const RunOrder order = writer_.write(RunId{1, noon + 2s, 1}, &job, noon);
    EXPECT_EQ(order.id, (RunId{1, noon + 2s, 1}));
    EXPECT_EQ(order.command, "backup");
    EXPECT_EQ(order.timeout, 90s);
    EXPECT_EQ(order.concurrency, (Concurrency{3, Overlap::queue}));
    EXPECT_EQ(order.start_at, noon + 2s);
    EXPECT_EQ(order.start_by, noon + 2s + settings_.start_deadline);
    EXPECT_EQ(order.epoch, 7U);
    EXPECT_EQ(order.dispatch_server, self);
}

TEST_F(OrderWriterTest, AFireThatIsLateStartsAtOnce)
{
    const PlannedJob job = backup();
    const RunOrder order = writer_.write(RunId{1, noon - 2s, 1}, &job, noon);
    EXPECT_EQ(order.start_at, noon);
    EXPECT_EQ(order.start_by, noon + settings_.start_deadline);
}

TEST_F(OrderWriterTest, OfAJobThatIsGoneOnlyTheMomentIsKnown)
{
    const RunOrder order = writer_.write(RunId{1, noon, 1}, nullptr, noon);
    EXPECT_EQ(order.command, "");
    EXPECT_EQ(order.concurrency, Concurrency{});
    EXPECT_EQ(order.start_at, noon);
}

TEST_F(OrderWriterTest, AnotherNodeGetsItUnderThisEpochAndNotForLonger)
{
    const PlannedJob job = backup();
    RunOrder order = writer_.write(RunId{1, noon, 1}, &job, noon);
    order.epoch = 6;
    order.dispatch_server = "an earlier one";
    writer_.readdress(order, noon + 9s);
    EXPECT_EQ(order.epoch, 7U);
    EXPECT_EQ(order.dispatch_server, self);
    EXPECT_EQ(order.start_at, noon + 9s);
    EXPECT_EQ(order.start_by, noon + settings_.start_deadline);
}

TEST_F(OrderWriterTest, TheDeadlineCountsFromWhenAnOrderLeaves)
{
    const PlannedJob job = backup();
    RunOrder order = writer_.write(RunId{1, noon, 1}, &job, noon);
    writer_.set_times(order, noon + 9s);
    EXPECT_EQ(order.start_at, noon + 9s);
    EXPECT_EQ(order.start_by, noon + 9s + settings_.start_deadline);
}

TEST_F(OrderWriterTest, AnOrderFitsItsJobUntilWhatIsToBeRunChanges)
{
    const PlannedJob job = backup();
    const RunOrder order = writer_.write(RunId{1, noon, 1}, &job, noon);
    PlannedJob changed = job;
    changed.job.remark = "nightly";
    changed.job.cron_set = "0 0 3 * * *";
    EXPECT_TRUE(has_work_of(order, changed));
    changed.job.command = "restore";
    EXPECT_FALSE(has_work_of(order, changed));
    RunOrder revised = order;
    set_work(revised, changed);
    EXPECT_TRUE(has_work_of(revised, changed));
    changed.job.timeout = 91s;
    EXPECT_FALSE(has_work_of(revised, changed));
    changed = job;
    changed.job.max_concurrent = 4;
    EXPECT_FALSE(has_work_of(order, changed));
    changed = job;
    JobPatch fields;
    fields.set(&Job::remark, "for its node");
    changed.node_fields = NodeFields(fields);
    EXPECT_FALSE(has_work_of(order, changed));
}

TEST_F(OrderWriterTest, ARunOnRequestIsKnownByItsMoment)
{
    EXPECT_FALSE(is_asked_for(RunId{1, noon, 1}));
    EXPECT_TRUE(is_asked_for(RunId{1, noon + 1ms, 1}));
}

}  // namespace
}  // namespace peercron
