#pragma once

#include "base/timer.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <list>

namespace peercron {

namespace asio = boost::asio;

/// Wakes the coroutines that wait for something to change. It carries no condition: the waiter
/// loops on its own.
///
///     while (queue_.empty()) co_await changed_.wait();
///
/// Belongs to one thread, that of the executor.
class Event {
public:
    explicit Event(asio::any_io_executor executor);

    /// Wakes everyone who waits now.
    void notify();

    /// Completes at the next notify(). Throws when the coroutine is cancelled.
    asio::awaitable<void> wait();

    /// As wait(), but not past `limit`. Says whether it was notified.
    asio::awaitable<bool> wait_until(SteadyTime limit);
    asio::awaitable<bool> wait_for(SteadyTime::duration limit);

private:
    asio::any_io_executor executor_;
    std::list<Timer*> waiting_;  // one per waiting coroutine, in its frame
    unsigned notified_ = 0;      // tells a notify() from a cancelled coroutine
};

/// Lets `time` pass. Throws when the coroutine is cancelled.
asio::awaitable<void> sleep_for(SteadyTime::duration time);

}  // namespace peercron
