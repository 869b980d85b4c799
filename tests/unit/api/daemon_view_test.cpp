#include "api/daemon_view.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

class DaemonViewTest : public ::testing::Test {
protected:
    DaemonViewTest()
    {
        job_.id = 1;
        job_.kind = JobKind::daemon;
        job_.effective_from = noon;
    }
    void add(std::chrono::milliseconds at, RunState state, Cause cause = Cause::none)
    {
        DaemonStart start{{1, noon + at, 1}, state, cause, false, noon + at, noon + at + 1s, "n1"};
        if (!is_final(state)) start.ended_at.reset();
        if (state == RunState::planned) start.started_at.reset();
        starts_.push_back(start);
    }
    DaemonView view(std::chrono::milliseconds at) const
    {
        return daemon_view(job_, starts_, noon + at);
    }

    Job job_;
    std::vector<DaemonStart> starts_;
};

TEST_F(DaemonViewTest, SaysSinceWhenItIsUpAndWhere)
{
    add(1s, RunState::failed);
    add(3s, RunState::running);
    EXPECT_EQ(view(60s), (DaemonView{true, noon + 3s, "n1", {}, ""}));
}

TEST_F(DaemonViewTest, SaysWhyItIsDownAndWhenItStarts)
{
    EXPECT_EQ(view(0s), (DaemonView{false, {}, "", noon + 1ms, "about to start"}));
    add(1s, RunState::failed);
    EXPECT_EQ(view(2s),
              (DaemonView{false, {}, "", noon + 3s, "back-off after 1 failure in a row"}));
    add(3s, RunState::planned);
    EXPECT_EQ(view(3s), (DaemonView{false, {}, "n1", noon + 3s, "about to start"}));
    starts_.back().node.clear();
    EXPECT_EQ(view(3s).why, "waits for a node");
    starts_.back().state = RunState::failed;
    EXPECT_EQ(view(4s).why, "back-off after 2 failures in a row");
}

TEST_F(DaemonViewTest, SaysWhyItStaysDown)
{
    job_.start_limit = 1;
    add(1s, RunState::failed);
    EXPECT_EQ(view(2s), (DaemonView{false, {}, "", {}, "given up after 1 failure in a row"}));
    job_.start_limit = 0;
    job_.restart = Restart::on_failure;
    starts_.back().state = RunState::success;
    EXPECT_EQ(view(2s).why, "it succeeded, and restarts on failure");
    job_.restart = Restart::always;
    job_.end_time = to_unix_seconds(noon) + 2;
    EXPECT_EQ(view(5s).why, "its window is over");
    job_.end_time = 0;
    job_.start_time = to_unix_seconds(noon) + 60;
    EXPECT_EQ(view(5s), (DaemonView{false, {}, "", noon + 60s, "before its window"}));
    job_.stop = true;
    EXPECT_EQ(view(5s), (DaemonView{false, {}, "", {}, "stopped"}));
}

}  // namespace
}  // namespace peercron
