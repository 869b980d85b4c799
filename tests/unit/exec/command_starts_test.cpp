#include "exec/command_starts.hpp"

#include "base/clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class CommandStartsTest : public ::testing::Test {
protected:
    static RunOrder order(std::string command)
    {
        RunOrder order;
        order.id = RunId{1, from_unix_millis(1795219200000), 1};
        order.command = std::move(command);
        return order;
    }
    static RunOrder limited(std::string command)
    {
        RunOrder one_at_a_time = order(std::move(command));
        one_at_a_time.concurrency = {1, Overlap::skip};
        return one_at_a_time;
    }

    static void wait_for(int descriptor)
    {
        pollfd waited{descriptor, POLLIN, 0};
        ASSERT_EQ(::poll(&waited, 1, 10'000), 1);
    }
    /// The next ones that are done.
    std::vector<CommandStarts::Start*> take(std::size_t count)
    {
        std::vector<CommandStarts::Start*> done;
        while (done.size() < count && !HasFatalFailure()) {
            wait_for(starts_.event());
            std::ranges::copy(starts_.take(), std::back_inserter(done));
        }
        return done;
    }
    static std::optional<int> exit_code(const CommandStarts::Start& start)
    {
        wait_for((*start.outcome)->pidfd.get());
        return reap(**start.outcome).exit_code;
    }

    SystemClock clock_;
    const SteadyTime later_ = clock_.steady_now() + 1h;
    const Spawner spawner_{"127.0.0.1:9991", "/bin/sh", {}, clock_};
    CommandStarts starts_{spawner_, clock_, 2};
};

TEST_F(CommandStartsTest, EachStartIsHandedOverOnceWithItsProcess)
{
    const RunOrder fine = order("true");
    const RunOrder failing = order("exit 3");
    CommandStarts::Start first;
    CommandStarts::Start second;
    starts_.begin(first, fine, later_);
    starts_.begin(second, failing, later_);
    EXPECT_THAT(take(2), UnorderedElementsAre(&first, &second));
    EXPECT_EQ(exit_code(first), 0);
    EXPECT_EQ(exit_code(second), 3);
    EXPECT_TRUE(starts_.take().empty());
}

TEST_F(CommandStartsTest, NothingThatNeedsALeaseIsStartedAfterIt)
{
    const RunOrder needs_it = limited("true");
    const RunOrder any = order("true");
    CommandStarts::Start late;
    CommandStarts::Start in_time;
    CommandStarts::Start free;
    const SteadyTime passed = clock_.steady_now() - 1ms;
    starts_.begin(late, needs_it, passed);
    starts_.begin(in_time, needs_it, later_);
    starts_.begin(free, any, passed);
    take(3);
    ASSERT_FALSE(*late.outcome);
    EXPECT_EQ(late.outcome->error().cause, Cause::node_isolated);
    EXPECT_EQ(exit_code(in_time), 0);
    EXPECT_EQ(exit_code(free), 0);
}

TEST_F(CommandStartsTest, ACommandOfBlanksIsNoSuccess)
{
    const RunOrder blank = order(" \n");
    CommandStarts::Start start;
    starts_.begin(start, blank, later_);
    take(1);
    ASSERT_FALSE(*start.outcome);
    EXPECT_THAT(start.outcome->error().message, HasSubstr("it has no command"));
}

}  // namespace
}  // namespace peercron
