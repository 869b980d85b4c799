#include "base/virtual_loop.hpp"

#include "base/backoff.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "run_coroutine.hpp"
#include "unit/base/jumping_loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::JumpingLoop;

using Notes = std::vector<std::string>;

class VirtualLoopTest : public ::testing::Test {
protected:
    /// Since the loop was made.
    SteadyTime::duration passed() const { return loop_.now() - begin_; }

    Notes notes_;
    JumpingLoop loop_;
    const SteadyTime begin_ = loop_.now();
};

asio::awaitable<void> note_after(SteadyTime::duration time, std::string what, Notes& notes)
{
    co_await sleep_for(time);
    notes.push_back(std::move(what));
}

TEST_F(VirtualLoopTest, WaitsEndInTheOrderOfTheirMoments)
{
    TaskGroup group(loop_.executor());
    group.spawn("a", note_after(3h, "three hours", notes_));
    group.spawn("b", note_after(1ns, "a nanosecond", notes_));
    group.spawn("c", note_after(1s, "a second", notes_));
    loop_.run();
    EXPECT_THAT(notes_, ElementsAre("a nanosecond", "a second", "three hours"));
    EXPECT_EQ(passed(), 3h);
}

TEST_F(VirtualLoopTest, NothingHappensBeforeItsMoment)
{
    TaskGroup group(loop_.executor());
    group.spawn("a", note_after(1s, "a second", notes_));
    loop_.run_until(begin_ + 999ms);
    EXPECT_THAT(notes_, IsEmpty());
    loop_.run_until(begin_ + 1s);
    EXPECT_THAT(notes_, ElementsAre("a second"));
}

asio::awaitable<void> note_news(Event& event, SteadyTime limit, Notes& notes)
{
    const bool notified = co_await event.wait_until(limit);
    notes.emplace_back(notified ? "notified" : "too late");
}

asio::awaitable<void> notify_after(SteadyTime::duration time, Event& event)
{
    co_await sleep_for(time);
    event.notify();
}

TEST_F(VirtualLoopTest, AnEventWakesThoseWhoWaitAtTheSameMoment)
{
    Event event(loop_.executor());
    TaskGroup group(loop_.executor());
    group.spawn("patient", note_news(event, begin_ + 10s, notes_));
    group.spawn("impatient", note_news(event, begin_ + 1s, notes_));
    group.spawn("news", notify_after(2s, event));
    loop_.run();
    EXPECT_THAT(notes_, ElementsAre("too late", "notified"));
    EXPECT_EQ(passed(), 2s);
}

TEST_F(VirtualLoopTest, CancellationEndsAWaitBeforeItsMoment)
{
    TaskGroup group(loop_.executor());
    group.spawn("a", note_after(1h, "an hour", notes_));
    TaskGroup other(loop_.executor());
    loop_.run_until(begin_ + 1s);
    loop_.work([&group] { group.cancel(); });
    other.spawn("join", group.join());
    loop_.run();
    EXPECT_THAT(notes_, IsEmpty());
    EXPECT_EQ(passed(), 1s);
}

asio::awaitable<void> note_how_it_ends(Timer& timer, Notes& notes)
{
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    notes.emplace_back(error == asio::error::operation_aborted ? "aborted" : "in time");
}

TEST_F(VirtualLoopTest, ATimerThatIsCancelledTwiceCompletesOnce)
{
    Timer timer(loop_.executor(), SteadyTime::max());
    TaskGroup group(loop_.executor());
    group.spawn("wait", note_how_it_ends(timer, notes_));
    loop_.run();
    EXPECT_THAT(notes_, IsEmpty());
    loop_.work([&timer, &group] {
        timer.cancel();
        timer.cancel();
        group.cancel();
    });
    EXPECT_THAT(notes_, ElementsAre("aborted"));
}

TEST_F(VirtualLoopTest, DispatchFromWithinRunsAtOnceAndPostLater)
{
    loop_.work([this] {
        asio::post(loop_.executor(), [this] { notes_.emplace_back("posted"); });
        asio::dispatch(loop_.executor(), [this] { notes_.emplace_back("dispatched"); });
        notes_.emplace_back("over");
    });
    EXPECT_THAT(notes_, ElementsAre("dispatched", "over", "posted"));
}

TEST_F(VirtualLoopTest, DispatchFromOutsideRunsWhenTheLoopDoes)
{
    asio::dispatch(loop_.executor(), [this] { notes_.emplace_back("dispatched"); });
    EXPECT_THAT(notes_, IsEmpty());
    loop_.run();
    EXPECT_THAT(notes_, ElementsAre("dispatched"));
    EXPECT_EQ(passed(), 0s);
}

/// Notes its destruction.
class Noted {
public:
    Noted(std::string what, Notes& notes) : what_(std::move(what)), notes_(notes) {}
    Noted(const Noted&) = delete;
    Noted& operator=(const Noted&) = delete;
    ~Noted() { notes_.push_back(what_); }

private:
    std::string what_;
    Notes& notes_;
};

asio::awaitable<void> wait_for_ever(Event& event, Notes& notes)
{
    const Noted noted("destroyed", notes);
    co_await event.wait();
    notes.emplace_back("went on");
}

asio::awaitable<void> wait_inside(Event& event, Notes& notes)
{
    const Noted noted("destroyed outside", notes);
    co_await wait_for_ever(event, notes);
    notes.emplace_back("went on outside");
}

TEST_F(VirtualLoopTest, WhatIsDroppedIsDestroyedAndDoesNotGoOn)
{
    Event event(loop_.executor());
    std::optional<TaskGroup> group(loop_.executor());
    group->spawn("nested", wait_inside(event, notes_));
    group->spawn("sleeper", note_after(1s, "slept", notes_));
    loop_.run_until(begin_ + 1ms);
    event.notify();  // is ready to go on
    loop_.drop_all();
    EXPECT_TRUE(loop_.is_dropped());
    group.reset();  // is not joined
    loop_.run();
    EXPECT_THAT(notes_, ElementsAre("destroyed", "destroyed outside"));
}

TEST_F(VirtualLoopTest, ChanceIsTheLoops)
{
    const auto pauses = [](VirtualLoop& loop) {
        Backoff backoff(loop.executor(), 100ms, 800ms);
        std::vector<Backoff::Duration> found;
        for (int i = 0; i < 8; ++i) found.push_back(backoff.next());
        return found;
    };
    JumpingLoop same;
    EXPECT_EQ(pauses(loop_), pauses(same));
    EXPECT_NE(pauses(loop_), pauses(loop_));  // each draws a number of its own
}

TEST_F(VirtualLoopTest, ABackoffDoublesUpToItsLimit)
{
    Backoff backoff(loop_.executor(), 100ms, 300ms);
    for (const auto step : {100ms, 200ms, 300ms, 300ms}) {
        const auto pause = backoff.next();
        EXPECT_GE(pause, step / 2);
        EXPECT_LE(pause, step);
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), 100ms);
}

TEST(TimerTest, WaitsByTheMachinesClockWhereThereIsNoVirtualLoop)
{
    asio::io_context io(1);
    Notes notes;
    Timer due(io.get_executor(), std::chrono::steady_clock::now() + 1ms);
    Timer never(io.get_executor(), SteadyTime::max());
    TaskGroup group(io.get_executor());
    group.spawn("due", note_how_it_ends(due, notes));
    io.run();
    io.restart();
    group.spawn("never", note_how_it_ends(never, notes));
    asio::post(io, [&never] { never.cancel(); });
    io.run();
    EXPECT_THAT(notes, ElementsAre("in time", "aborted"));
    EXPECT_EQ(virtual_loop_of(io.get_executor()), nullptr);
}

}  // namespace
}  // namespace peercron
