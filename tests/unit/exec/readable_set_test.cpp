#include "exec/readable_set.hpp"

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "run_coroutine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct Pipe {
    Pipe()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        reading = FileDescriptor(ends[0]);
        writing = FileDescriptor(ends[1]);
    }
    void write() const { EXPECT_EQ(::write(writing.get(), "x", 1), 1); }

    FileDescriptor reading;
    FileDescriptor writing;
};

class ReadableSetTest : public ::testing::Test {
protected:
    asio::io_context io_{1};
    ReadableSet set_{io_.get_executor()};
    Pipe first_;
    Pipe second_;
};

asio::awaitable<void> write_later(const Pipe& pipe)
{
    co_await sleep_for(5ms);
    pipe.write();
}

asio::awaitable<void> wait_for_write(asio::io_context& io, ReadableSet& set, const Pipe& pipe)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("write", write_later(pipe));
    const auto tokens = co_await set.wait();
    EXPECT_THAT(tokens, ElementsAre(2));
    co_await tasks.join();
}

TEST_F(ReadableSetTest, WaitsForTheOneThatCanBeRead)
{
    set_.add(first_.reading.get(), 1);
    set_.add(second_.reading.get(), 2);
    testing::run(io_, wait_for_write(io_, set_, second_));
}

asio::awaitable<void> tell_again(ReadableSet& set)
{
    const auto at_first = co_await set.wait();
    EXPECT_THAT(at_first, UnorderedElementsAre(1, 2));
    const auto later = co_await set.wait();
    EXPECT_THAT(later, ElementsAre(1)) << "2 was added for once";
}

TEST_F(ReadableSetTest, TellsOneAgainUntilItIsReadUnlessAddedForOnce)
{
    set_.add(first_.reading.get(), 1);
    set_.add_once(second_.reading.get(), 2);
    first_.write();
    second_.write();
    testing::run(io_, tell_again(set_));
}

asio::awaitable<void> tell_one(ReadableSet& set, std::uint64_t token)
{
    const auto tokens = co_await set.wait();
    EXPECT_THAT(tokens, ElementsAre(token));
}

TEST_F(ReadableSetTest, TellsThatAllWritersAreGone)
{
    set_.add(first_.reading.get(), 1);
    first_.writing.close();
    testing::run(io_, tell_one(set_, 1));
}

TEST_F(ReadableSetTest, OneThatWasRemovedIsNotTold)
{
    set_.add(first_.reading.get(), 1);
    set_.add(second_.reading.get(), 2);
    first_.write();
    second_.write();
    set_.remove(first_.reading.get());
    testing::run(io_, tell_one(set_, 2));
}

asio::awaitable<void> rest_and_wait(ReadableSet& set, const Pipe& pipe)
{
    pipe.write();
    co_await set.rest(5ms);
    const auto tokens = co_await set.wait();
    EXPECT_THAT(tokens, ElementsAre(1));
}

TEST_F(ReadableSetTest, WhatCameWhileItRestedIsToldAfterwards)
{
    set_.add(first_.reading.get(), 1);
    testing::run(io_, rest_and_wait(set_, first_));
}

asio::awaitable<void> set_soon(bool& flag)
{
    co_await sleep_for(1ms);
    flag = true;
}

asio::awaitable<void> wait_often(asio::io_context& io, ReadableSet& set)
{
    bool had_its_turn = false;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("another", set_soon(had_its_turn));
    for (int i = 0; i < 1'000'000 && !had_its_turn; ++i) co_await set.wait();
    EXPECT_TRUE(had_its_turn);
    co_await tasks.join();
}

TEST_F(ReadableSetTest, OneThatCanAlwaysBeReadKeepsNobodyFromItsTurn)
{
    set_.add(first_.reading.get(), 1);
    first_.write();
    testing::run(io_, wait_often(io_, set_));
}

asio::awaitable<void> wait_for_nothing(ReadableSet& set)
{
    co_await set.wait();
    ADD_FAILURE() << "there is nothing to tell";
}

asio::awaitable<void> rest_for_ever(ReadableSet& set)
{
    co_await set.rest(1h);
    ADD_FAILURE() << "it was cancelled";
}

asio::awaitable<void> cancel(asio::io_context& io, asio::awaitable<void> task)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("task", std::move(task));
    co_await sleep_for(1ms);
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ReadableSetTest, WaitingAndRestingEndByCancellation)
{
    testing::run(io_, cancel(io_, wait_for_nothing(set_)));
    testing::run(io_, cancel(io_, rest_for_ever(set_)));
}

}  // namespace
}  // namespace peercron
