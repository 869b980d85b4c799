#include "base/offload.hpp"

#include "run_coroutine.hpp"

#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace peercron {
namespace {

asio::awaitable<void> check_threads(asio::thread_pool& pool)
{
    const auto io_thread = std::this_thread::get_id();
    const auto worker = co_await offload(pool, &std::this_thread::get_id);
    EXPECT_NE(worker, io_thread);
    EXPECT_EQ(std::this_thread::get_id(), io_thread);
}

asio::awaitable<void> run_failing(asio::thread_pool& pool)
{
    const auto job = [] { throw std::runtime_error("server has gone away"); };
    co_await offload(pool, job);
}

asio::awaitable<void> run_movable(asio::thread_pool& pool, std::unique_ptr<std::string>& result)
{
    const auto job = [] { return std::make_unique<std::string>("a result"); };
    result = co_await offload(pool, job);
}

/// Waits for a job that ends when `may_end` is set.
asio::awaitable<void> run_blocked(asio::thread_pool& pool, std::promise<void>& has_begun,
                                  std::shared_future<void> may_end, std::string& result)
{
    const auto job = [&has_begun, &may_end] {
        has_begun.set_value();
        may_end.wait();
        return std::string("a result");
    };
    result = co_await offload(pool, job);
}

TEST(OffloadTest, RunsOnThePoolAndResumesOnTheCaller)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    testing::run(io, check_threads(pool));
}

TEST(OffloadTest, ReturnsWhatCanOnlyBeMoved)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    std::unique_ptr<std::string> result;
    testing::run(io, run_movable(pool, result));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, "a result");
}

TEST(OffloadTest, AJobThatHasBegunEndsThoughItsCallerIsCancelled)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    std::promise<void> has_begun;
    std::promise<void> may_end;
    std::string result;
    asio::cancellation_signal stop;
    bool has_ended = false;
    const auto note_end = [&has_ended](const std::exception_ptr&) { has_ended = true; };
    asio::co_spawn(io, run_blocked(pool, has_begun, may_end.get_future().share(), result),
                   asio::bind_cancellation_slot(stop.slot(), note_end));
    io.poll();
    has_begun.get_future().wait();
    stop.emit(asio::cancellation_type::terminal);
    io.poll();
    EXPECT_FALSE(has_ended);
    may_end.set_value();
    io.run();
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(result, "a result");
}

TEST(OffloadTest, ManyJobsOfManyThreadsEachResumeTheirCaller)
{
    constexpr int many = 2000;
    asio::io_context io(1);
    asio::thread_pool pool(4);
    int ended = 0;
    const auto note_end = [&ended](const std::exception_ptr& error) { ended += error ? 0 : 1; };
    for (int i = 0; i < many; ++i) asio::co_spawn(io, check_threads(pool), note_end);
    io.run();
    EXPECT_EQ(ended, many);
}

TEST(OffloadTest, ThrowsWhatTheJobThrows)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    EXPECT_THROW(testing::run(io, run_failing(pool)), std::runtime_error);
}

}  // namespace
}  // namespace peercron
