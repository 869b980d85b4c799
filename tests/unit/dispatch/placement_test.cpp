#include "dispatch/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";

class PlacementTest : public ::testing::Test {
protected:
    void connect(const NodeName& node, std::uint32_t slots = 100, bool draining = false,
                 std::vector<std::string> known_fields = {})
    {
        Account account;
        account.known_fields = std::move(known_fields);
        account.incarnation = 1;
        account.slots = slots;
        account.draining = draining;
        nodes_.take_account(node, account, now_);
    }
    /// An open run of job 1, that may run beside one other at a time, unless `limit` is 0.
    OpenRuns::Place open(std::chrono::seconds due, std::int64_t limit = 2,
                         Overlap at_limit = Overlap::skip)
    {
        RunOrder order;
        order.id = RunId{1, now_.wall + due, 1};
        order.concurrency = Concurrency{limit, at_limit};
        order.start_by = order.id.scheduled_at + settings_.start_deadline;
        return runs_.open(order);
    }
    void set_run_on(std::vector<std::string> run_on)
    {
        Job job;
        job.id = 1;
        job.cron_set = "* * * * * *";
        job.command = "true";
        job.run_on = std::move(run_on);
        jobs_.put(std::move(job), now_.wall);
    }
    void put(OpenRuns::Place run, const NodeName& node) { runs_.assign(run, node); }

    std::string decide(OpenRuns::Place run) const
    {
        const Placement::Decision decision = placement_.decide(run->second, now_);
        switch (decision.action) {
            case Placement::Decision::Action::put:
                return decision.node;
            case Placement::Decision::Action::wait:
                return "wait";
            case Placement::Decision::Action::skip:
                break;
        }
        return "skip: " + to_string(decision.why);
    }

    DispatchSettings settings_;
    Moment now_{WallTime(1000h), SteadyTime(1h)};
    OpenRuns runs_;
    JobTable jobs_{"UTC"};
    NodeTable nodes_{alpha, settings_, runs_};
    NodeChoice choice_{nodes_, jobs_};
    Placement placement_{settings_, nodes_, choice_, runs_, jobs_.locks()};
};

TEST_F(PlacementTest, AnyNodeMayRunAJobWithoutALimit)
{
    connect(alpha);
    connect(beta);
    put(open(1s, 0), alpha);
    EXPECT_EQ(decide(open(2s, 0)), beta);
}

TEST_F(PlacementTest, WithoutANodeARunWaitsUntilItsDeadline)
{
    const auto run = open(1s, 0);
    EXPECT_EQ(decide(run), "wait");
    now_.wall = run->second.order.start_by;
    EXPECT_EQ(decide(run), "wait");
    now_.wall += 1ms;
    EXPECT_THAT(decide(run), HasSubstr("no node could take it within 300 s"));
}

TEST_F(PlacementTest, ANodeThatDoesNotKnowAFieldOfTheJobIsNotGivenIt)
{
    JobPatch fields;
    fields.set(&Job::overlap, Overlap::queue);
    fields.set(&Job::remark, "for its node");
    const auto run = open(1s, 0);
    run->second.order.fields = NodeFields(fields);
    connect(alpha);
    connect(beta, 100, false, {"overlap", "overlap=skip", "remark"});
    EXPECT_EQ(decide(run), "wait") << "beta may be replaced by a newer version until the deadline";
    now_.wall = run->second.order.start_by + 1ms;
    EXPECT_THAT(decide(run), HasSubstr("no node of a version that knows remark, overlap, "
                                       "overlap=queue could take it within 300 s"));
    connect(beta, 100, false, {"overlap", "overlap=queue", "remark"});
    EXPECT_EQ(decide(run), beta);
}

TEST_F(PlacementTest, NeitherIsAHomeThatDoesNotKnowAField)
{
    JobPatch fields;
    fields.set(&Job::remark, "for its node");
    connect(alpha);
    connect(beta, 100, false, {"remark"});
    put(open(1s), alpha);
    const auto run = open(2s);
    run->second.order.fields = NodeFields(fields);
    EXPECT_THAT(decide(run), HasSubstr(alpha + " may still run this job, and is of a version that "
                                               "does not know remark"));
}

TEST_F(PlacementTest, ALimitedJobRunsWhereItsRunsAre)
{
    connect(alpha);
    connect(beta);
    put(open(1s), beta);
    put(open(2s), beta);
    EXPECT_EQ(decide(open(3s)), beta) << "though alpha has none";
}

TEST_F(PlacementTest, ALimitedJobMovesWhenNoneOfItsRunsIsOpen)
{
    connect(alpha);
    connect(beta);
    const auto first = open(1s);
    put(first, beta);
    runs_.close(first);
    EXPECT_EQ(decide(open(2s)), alpha) << "which has never been given a run";
}

TEST_F(PlacementTest, AFireIsSkippedWhenItsHomeCannotBeAsked)
{
    connect(alpha);
    connect(beta);
    put(open(1s), beta);
    nodes_.note_disconnected(beta, now_);
    EXPECT_THAT(decide(open(2s)), HasSubstr(beta + " may still run this job"));
    EXPECT_EQ(decide(open(3s, 2, Overlap::queue)), "skip: " + decide(open(2s)).substr(6))
        << "an earlier one waits";
}

TEST_F(PlacementTest, TheReasonNamesAHomeThatDrains)
{
    connect(alpha);
    connect(beta, 100, true);
    put(open(1s), beta);
    EXPECT_THAT(decide(open(2s)), HasSubstr("still alive on " + beta + ", which drains"));
}

TEST_F(PlacementTest, AJobWithTwoHomesIsGivenNoThird)
{
    connect(alpha);
    connect(beta);
    put(open(1s), alpha);
    put(open(2s), beta);
    EXPECT_THAT(decide(open(3s)), HasSubstr("open on " + alpha + " and " + beta));
}

TEST_F(PlacementTest, AFireThatQueuesWaitsForItsHome)
{
    connect(alpha);
    connect(beta);
    put(open(1s, 2, Overlap::queue), beta);
    nodes_.note_disconnected(beta, now_);
    const auto second = open(2s, 2, Overlap::queue);
    EXPECT_EQ(decide(second), "wait");
    now_.wall = second->second.order.start_by + 1ms;
    EXPECT_THAT(decide(second), HasSubstr("cannot be asked"));
}

TEST_F(PlacementTest, AFurtherAttemptWaitsWhateverThePolicy)
{
    connect(beta);
    put(open(1s), beta);
    nodes_.note_disconnected(beta, now_);
    const auto first = open(0s);
    RunOrder again = first->second.order;
    runs_.close(first);
    again.id.attempt = 2;
    EXPECT_EQ(decide(runs_.open(again)), "wait");
}

TEST_F(PlacementTest, ALimitedJobWaitsUntilItsOrphansAreGone)
{
    connect(alpha);
    const auto dead = open(1s);
    put(dead, beta);
    placement_.note_orphan(dead->second, now_.steady + 2s);
    runs_.close(dead);
    const auto next = open(2s);
    EXPECT_THAT(decide(next), HasSubstr(beta + " has just died"));
    now_.steady += 1999ms;
    nodes_.note_heard(alpha, now_);
    placement_.forget_gone_orphans(now_.steady);
    EXPECT_THAT(decide(next), HasSubstr("has just died"));
    now_.steady += 1ms;
    EXPECT_EQ(decide(next), alpha);
    placement_.forget_gone_orphans(now_.steady);
    EXPECT_EQ(decide(next), alpha);
}

TEST_F(PlacementTest, AJobWithoutALimitDoesNotMindOrphans)
{
    connect(alpha);
    const auto dead = open(1s, 0);
    put(dead, beta);
    placement_.note_orphan(dead->second, now_.steady + 2s);
    placement_.expect_orphans_until(now_.steady + 2s);
    placement_.note_unknown_orphan(dead->second);
    runs_.close(dead);
    EXPECT_EQ(decide(open(2s, 0)), alpha);
}

TEST_F(PlacementTest, OrphansOfAnEarlierDispatcherCountToo)
{
    connect(alpha);
    placement_.expect_orphans_until(now_.steady + 2s);
    const auto run = open(1s);
    placement_.note_unknown_orphan(run->second);
    EXPECT_THAT(decide(run), HasSubstr("the node of an earlier run has just died"));
    now_.steady += 2s;
    nodes_.note_heard(alpha, now_);
    EXPECT_EQ(decide(run), alpha);
}

TEST_F(PlacementTest, OfSeveralOrphansTheOneCountsThatMayLiveLongest)
{
    connect(alpha);
    placement_.expect_orphans_until(now_.steady + 2s);
    const auto run = open(1s);
    put(run, beta);
    placement_.note_orphan(run->second, now_.steady + 1s);
    placement_.note_unknown_orphan(run->second);
    placement_.note_orphan(run->second, now_.steady);
    runs_.unassign(run);
    now_.steady += 1999ms;
    nodes_.note_heard(alpha, now_);
    EXPECT_THAT(decide(run), HasSubstr("the node of an earlier run has just died"));
    now_.steady += 1ms;
    EXPECT_EQ(decide(run), alpha);
}

TEST_F(PlacementTest, ARunThatNoKnownNodeFitsWaitsForOneAndThenSaysSo)
{
    connect(alpha);
    set_run_on({"address=" + beta, "!spare"});
    const auto run = open(1s, 0);
    EXPECT_EQ(decide(run), "wait");
    now_.wall = run->second.order.start_by + 1ms;
    EXPECT_EQ(decide(run),
              "skip: no-node: no node fitted run_on address=127.0.0.1:9993, !spare "
              "within 300 s");
    connect(beta);
    EXPECT_EQ(decide(run), beta);
    nodes_.note_disconnected(beta, now_);
    EXPECT_THAT(decide(run), HasSubstr("no node that fits run_on address=127.0.0.1:9993, !spare "
                                       "could take it within 300 s"));
}

TEST_F(PlacementTest, ALimitedJobThatMayNoLongerRunAtItsHomeIsNotGivenToIt)
{
    connect(alpha);
    connect(beta);
    put(open(1s), alpha);
    set_run_on({"address=" + beta});
    EXPECT_EQ(decide(open(2s)),
              "skip: mutex: 127.0.0.1:9991 may still run this job, "
              "and does not fit run_on address=127.0.0.1:9993");
    EXPECT_EQ(decide(open(3s, 2, Overlap::queue)).substr(0, 4), "skip") << "one waits already";
}

}  // namespace
}  // namespace peercron
