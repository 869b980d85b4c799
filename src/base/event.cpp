#include "base/event.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace peercron {
namespace {

/// Keeps a timer in the list of those that notify() cancels, also when the coroutine is destroyed.
class Enlisted {
public:
    Enlisted(std::list<Timer*>& list, Timer& timer)
        : list_(list), place_(list.insert(list.end(), &timer))
    {}
    Enlisted(const Enlisted&) = delete;
    Enlisted& operator=(const Enlisted&) = delete;
    ~Enlisted() { list_.erase(place_); }

private:
    std::list<Timer*>& list_;
    std::list<Timer*>::iterator place_;
};

}  // namespace

Event::Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}

void Event::notify()
{
    ++notified_;
    for (Timer* timer : waiting_) timer->cancel();
}

asio::awaitable<void> Event::wait()
{
    co_await wait_until(SteadyTime::max());
}

asio::awaitable<bool> Event::wait_for(SteadyTime::duration limit)
{
    co_return co_await wait_until(steady_now(executor_) + limit);
}

asio::awaitable<bool> Event::wait_until(SteadyTime limit)
{
    const unsigned before = notified_;
    Timer timer(executor_, limit);
    const Enlisted enlisted(waiting_, timer);
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (notified_ != before) co_return true;
    if (woken) throw boost::system::system_error(woken);  // this coroutine was cancelled
    co_return false;
}

asio::awaitable<void> sleep_for(SteadyTime::duration time)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Timer timer(executor, steady_now(executor) + time);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace peercron
