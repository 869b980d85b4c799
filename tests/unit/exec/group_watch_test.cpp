#include "exec/group_watch.hpp"

#include "base/task_group.hpp"
#include "exec/process_table.hpp"
#include "run_coroutine.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

/// One process group, whose leader is not reaped before the end.
class GroupWatchTest : public ::testing::Test {
protected:
    void start(std::string command) { start(leader_, std::move(command)); }
    void start(Process& leader, std::string command)
    {
        RunOrder order;
        order.id = RunId{1, from_unix_millis(1795219200000), 1};
        order.command = std::move(command);
        auto process = spawner_.spawn(order);
        ASSERT_TRUE(process) << process.error().message;
        leader = *std::move(process);
    }
    void wait_for_leader() const { wait_for(leader_); }
    static void wait_for(const Process& leader)
    {
        pollfd ended{leader.pidfd.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
    }
    std::ptrdiff_t count_alive() const
    {
        return std::ranges::count_if(list_processes(), [this](const ProcessEntry& process) {
            return process.group == leader_.pid && !process.is_zombie;
        });
    }
    asio::awaitable<void> watch(bool is_forced)
    {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("groups", groups_.run());
        has_survivor_ = co_await groups_.has_survivor(leader_, is_forced);
        tasks.cancel();
        co_await tasks.join();
    }

    asio::awaitable<void> wait_for_group()
    {
        has_survivor_ = co_await groups_.has_survivor(leader_, is_forced_);
    }
    /// The kill becomes due when the list of processes has been read, and not before.
    asio::awaitable<void> force_while_it_waits(const Process& ended)
    {
        TaskGroup tasks(io_.get_executor());
        TaskGroup waits(io_.get_executor());
        tasks.spawn("groups", groups_.run());
        waits.spawn("group", wait_for_group());
        const bool never = false;
        co_await groups_.has_survivor(ended, never);
        EXPECT_TRUE(has_survivor_) << "it waits";
        EXPECT_GE(count_alive(), 1);
        is_forced_ = true;
        groups_.look_again();
        co_await waits.join();
        tasks.cancel();
        co_await tasks.join();
    }

    SystemClock clock_;
    Spawner spawner_{"127.0.0.1:9991", "/bin/sh", {}, clock_};
    asio::io_context io_;
    asio::thread_pool threads_{1};
    GroupWatch groups_{io_.get_executor(), clock_, threads_};
    Process leader_;
    bool has_survivor_ = true;
    bool is_forced_ = false;
};

TEST_F(GroupWatchTest, AGroupOfAZombieIsGone)
{
    start("true");
    wait_for_leader();
    testing::run(io_, watch(false));
    EXPECT_FALSE(has_survivor_);
    reap(leader_);
}

TEST_F(GroupWatchTest, AGroupWhoseChildrenEndByThemselvesIsWaitedFor)
{
    start("(sleep 0.3; echo done) & exit 0");
    wait_for_leader();
    testing::run(io_, watch(false));
    EXPECT_FALSE(has_survivor_);
    std::array<char, 16> output{};
    ASSERT_EQ(::read(leader_.output.get(), output.data(), output.size()), 5) << "it was killed";
    EXPECT_EQ(std::string_view(output.data(), 5), "done\n");
    reap(leader_);
}

TEST_F(GroupWatchTest, WhatDoesNotEndIsKilledWhenItIsForced)
{
    start("trap '' TERM; sleep 1000 & sleep 1000");
    EXPECT_GE(count_alive(), 1);
    testing::run(io_, watch(true));
    EXPECT_FALSE(has_survivor_);
    EXPECT_EQ(count_alive(), 0);
    reap(leader_);
}

TEST_F(GroupWatchTest, WhatDoesNotEndIsKilledWhenThatBecomesDueWhileItIsWaitedFor)
{
    start("trap '' TERM; sleep 1000 & sleep 1000");
    Process ended;
    start(ended, "true");
    wait_for(ended);
    testing::run(io_, force_while_it_waits(ended));
    EXPECT_FALSE(has_survivor_);
    EXPECT_EQ(count_alive(), 0);
    reap(ended);
    reap(leader_);
}

}  // namespace
}  // namespace peercron
