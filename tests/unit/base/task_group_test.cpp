#include "base/task_group.hpp"

#include "run_coroutine.hpp"

#include <gtest/gtest.h>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <stdexcept>

namespace peercron {
namespace {

asio::awaitable<void> sleep_forever()
{
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> fail_at_once()
{
    throw std::runtime_error("disk full");
    co_return;
}

TEST(TaskGroupTest, CancelEndsEveryChildWithoutError)
{
    asio::io_context io(1);
    TaskGroup group(io.get_executor());
    group.spawn("a", sleep_forever());
    group.spawn("b", sleep_forever());
    group.cancel();
    EXPECT_NO_THROW(testing::run(io, group.join()));
}

asio::awaitable<void> wait_for(asio::steady_timer& timer)
{
    co_await timer.async_wait(asio::use_awaitable);
}

// What was posted to cancel it found the memory of its signal in other use.
TEST(TaskGroupTest, AChildThatIsAboutToEndMayBeCancelledFromOutsideTheLoop)
{
    asio::io_context io(1);
    TaskGroup group(io.get_executor());
    asio::steady_timer timer(io, asio::steady_timer::time_point::max());
    group.spawn("waiting", wait_for(timer));
    io.poll();
    timer.cancel();
    group.cancel();
    // Each turn gives back what the one before has freed.
    while (io.run_one() != 0) {
    }
    io.restart();
    EXPECT_NO_THROW(testing::run(io, group.join()));
}

asio::awaitable<void> start_another(TaskGroup& group)
{
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(20));
    co_await timer.async_wait(asio::use_awaitable);
    group.spawn("late", sleep_forever());
}

TEST(TaskGroupTest, NothingIsStartedBetweenCancelAndEnd)
{
    asio::io_context io(1);
    TaskGroup group(io.get_executor());
    group.spawn("starter", start_another(group));
    io.run_for(std::chrono::milliseconds(5));
    group.cancel();
    io.restart();
    EXPECT_NO_THROW(testing::run(io, group.join()));
}

TEST(TaskGroupTest, AGroupThatWasCancelledAndJoinedCanBeUsedAgain)
{
    asio::io_context io(1);
    TaskGroup group(io.get_executor());
    group.spawn("a", sleep_forever());
    group.cancel();
    testing::run(io, group.join());
    io.restart();
    group.spawn("failing", fail_at_once());
    EXPECT_THROW(testing::run(io, group.join()), std::runtime_error);
}

TEST(TaskGroupTest, OneFailureStopsTheOthersAndIsRethrown)
{
    asio::io_context io(1);
    TaskGroup group(io.get_executor());
    group.spawn("sleeper", sleep_forever());
    group.spawn("failing", fail_at_once());
    EXPECT_THROW(testing::run(io, group.join()), std::runtime_error);
}

}  // namespace
}  // namespace peercron
