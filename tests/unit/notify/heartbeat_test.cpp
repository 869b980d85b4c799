#include "notify/heartbeat.hpp"

#include "base/task_group.hpp"
#include "run_coroutine.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <string>

namespace peercron {
namespace {

/// A watcher outside, and a node that is well from the second look on.
class HeartbeatTest : public ::testing::Test {
protected:
    asio::awaitable<void> beat_once()
    {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("heartbeat", heartbeat_.run());
        while (server_.requests.empty()) co_await called_.wait();
        tasks.cancel();
        co_await tasks.join();
        http_.close();
        server_.stop();
    }

    int looks_ = 0;
    int looks_before_call_ = 0;
    asio::io_context io_;
    Event called_{io_.get_executor()};
    testing::RawServer server_{io_.get_executor(), [this](const std::string&) {
                                   looks_before_call_ = looks_;
                                   called_.notify();
                                   return testing::RawServer::Reply{testing::ok(""), true};
                               }};
    HttpClient http_{io_.get_executor(), {}};
    Heartbeat heartbeat_{http_, server_.url("/beat"), [this] { return ++looks_ > 1; }};
};

TEST_F(HeartbeatTest, TheWatcherIsCalledWhenAllIsWellAndNotBefore)
{
    testing::run(io_, beat_once());
    EXPECT_EQ(looks_before_call_, 2);
    EXPECT_EQ(server_.requests.front().substr(0, 10), "GET /beat ");
}

}  // namespace
}  // namespace peercron
