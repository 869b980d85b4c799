#include "base/offload.hpp"

#include "run_coroutine.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
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

TEST(OffloadTest, RunsOnThePoolAndResumesOnTheCaller)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    testing::run(io, check_threads(pool));
}

TEST(OffloadTest, ThrowsWhatTheJobThrows)
{
    asio::io_context io(1);
    asio::thread_pool pool(1);
    EXPECT_THROW(testing::run(io, run_failing(pool)), std::runtime_error);
}

}  // namespace
}  // namespace peercron
