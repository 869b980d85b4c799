#include "model/daemon.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using What = DaemonNext::What;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

/// A daemon that was added at noon.
class DaemonTest : public ::testing::Test {
protected:
    DaemonTest()
    {
        job_.id = 1;
        job_.kind = JobKind::daemon;
        job_.command = "worker";
        job_.effective_from = noon;
    }

    /// A run from there to there, counted from noon.
    DaemonNext ran(std::chrono::milliseconds from, std::chrono::milliseconds to,
                   RunState state = RunState::failed, Cause cause = Cause::none,
                   bool requested = false)
    {
        DaemonStart start{{1, noon + from, 1}, state,     cause, requested,
                          noon + from,         noon + to, "n"};
        if (state == RunState::skipped) start.started_at.reset();
        course_.take(job_, start);
        return course_.next(job_);
    }

    Job job_;
    DaemonCourse course_;
};

TEST_F(DaemonTest, ANewOneStartsAtOnce)
{
    EXPECT_EQ(course_.next(job_), (DaemonNext{What::start, noon + 1ms, 0}));
}

TEST_F(DaemonTest, EachFailureInARowDoublesTheDelayUpToTheLongest)
{
    job_.restart_max_delay = 5s;
    EXPECT_EQ(ran(0s, 1s), (DaemonNext{What::start, noon + 2s, 1}));
    EXPECT_EQ(ran(2s, 3s), (DaemonNext{What::start, noon + 5s, 2}));
    EXPECT_EQ(ran(5s, 6s, RunState::success), (DaemonNext{What::start, noon + 10s, 3}));
    EXPECT_EQ(ran(10s, 11s), (DaemonNext{What::start, noon + 16s, 4})) << "5 s, not 8";
    EXPECT_EQ(ran(16s, 17s), (DaemonNext{What::start, noon + 22s, 5}));
}

TEST_F(DaemonTest, ADelayIsNeverShorterThanTheFirst)
{
    job_.restart_delay = 10s;
    job_.restart_max_delay = 5s;
    EXPECT_EQ(ran(0s, 1s).at, noon + 11s);
    EXPECT_EQ(ran(11s, 12s).at, noon + 22s);
}

TEST_F(DaemonTest, AHealthyRunBeginsTheDelaysAgain)
{
    ran(0s, 1s);
    ran(2s, 3s);
    EXPECT_EQ(ran(5s, 35s), (DaemonNext{What::start, noon + 36s, 0}));
    EXPECT_EQ(ran(36s, 37s), (DaemonNext{What::start, noon + 38s, 1}));
}

TEST_F(DaemonTest, OneThatWasMovedStartsElsewhereAtOnceAndHasNotFailed)
{
    ran(0s, 1s);
    EXPECT_EQ(ran(2s, 3s, RunState::lost), (DaemonNext{What::start, noon + 3s, 1}));
    EXPECT_EQ(ran(3s, 4s, RunState::fenced, Cause::node_isolated).at, noon + 4s);
    EXPECT_EQ(ran(4s, 5s, RunState::killed, Cause::node_stopped).at, noon + 5s);
    EXPECT_EQ(ran(5s, 6s, RunState::killed, Cause::job_changed).at, noon + 6s);
    EXPECT_EQ(ran(6s, 7s, RunState::killed, Cause::on_request),
              (DaemonNext{What::start, noon + 9s, 2}))
        << "a person who kills it wants it started again, as after any end";
}

TEST_F(DaemonTest, OneThatWasMovedBeforeItsTimeWaitsForThatElsewhere)
{
    ran(0s, 1s);
    EXPECT_EQ(ran(2s, 1500ms, RunState::lost), (DaemonNext{What::start, noon + 2s + 1ms, 1}))
        << "rows are told apart, and put in order, by when they were to start";
}

TEST_F(DaemonTest, AfterASuccessItStaysDownIfItsJobSaysSo)
{
    job_.restart = Restart::on_failure;
    EXPECT_EQ(ran(0s, 1s).what, What::start);
    EXPECT_EQ(ran(2s, 3s, RunState::success).what, What::finished);
    job_.effective_from = noon + 60s;
    EXPECT_EQ(course_.next(job_), (DaemonNext{What::start, noon + 60s + 1ms, 0}))
        << "it is changed";
}

TEST_F(DaemonTest, IsGivenUpAfterItsLimitUntilItIsChangedOrStartedByHand)
{
    job_.start_limit = 2;
    EXPECT_EQ(ran(0s, 1s).what, What::start);
    EXPECT_EQ(ran(2s, 3s), (DaemonNext{What::give_up, noon + 3s, 2}));
    EXPECT_EQ(ran(3s, 3s, RunState::skipped, Cause::start_limit).what, What::given_up);
    EXPECT_EQ(ran(60s, 61s, RunState::failed, Cause::none, true),
              (DaemonNext{What::start, noon + 62s, 1}))
        << "the start by hand counts as the first";
    EXPECT_EQ(ran(62s, 63s).what, What::give_up);
    job_.effective_from = noon + 90s;
    EXPECT_EQ(course_.next(job_).what, What::start);
}

TEST_F(DaemonTest, OneThatNoNodeCouldStartIsNoFailure)
{
    job_.start_limit = 1;
    EXPECT_EQ(ran(0s, 300s, RunState::skipped, Cause::overload),
              (DaemonNext{What::start, noon + 301s, 0}));
    EXPECT_EQ(ran(301s, 301s, RunState::revoked, Cause::job_changed),
              (DaemonNext{What::start, noon + 301s, 0}))
        << "it was taken back, and says nothing";
}

TEST_F(DaemonTest, WhatEndedByAnotherDefinitionDoesNotCount)
{
    ran(0s, 1s);
    ran(2s, 3s);
    job_.effective_from = noon + 4s;
    EXPECT_EQ(ran(5s, 6s), (DaemonNext{What::start, noon + 7s, 1}));
}

TEST_F(DaemonTest, StartsInItsWindowOnly)
{
    job_.start_time = to_unix_seconds(noon) + 60;
    job_.end_time = job_.start_time + 60;
    EXPECT_EQ(course_.next(job_), (DaemonNext{What::start, noon + 60s, 0}));
    EXPECT_EQ(ran(60s, 100s).at, noon + 101s);
    EXPECT_EQ(ran(101s, 119s).what, What::closed) << "the next start would be behind it";
}

}  // namespace
}  // namespace peercron
