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
    Enlisted(std::list<asio::steady_timer*>& list, asio::steady_timer& timer)
        : list_(list), place_(list.insert(list.end(), &timer))
    {}
    Enlisted(const Enlisted&) = delete;
    Enlisted& operator=(const Enlisted&) = delete;
    ~Enlisted() { list_.erase(place_); }

private:
    std::list<asio::steady_timer*>& list_;
    std::list<asio::steady_timer*>::iterator place_;
};

}  // namespace

Event::Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}

void Event::notify()
{
    ++notified_;
    for (asio::steady_timer* timer : waiting_) timer->cancel();
}

asio::awaitable<void> Event::wait()
{
    co_await wait_until(asio::steady_timer::time_point::max());
}

asio::awaitable<bool> Event::wait_for(asio::steady_timer::duration limit)
{
    co_return co_await wait_until(asio::steady_timer::clock_type::now() + limit);
}

asio::awaitable<bool> Event::wait_until(asio::steady_timer::time_point limit)
{
    const unsigned before = notified_;
    asio::steady_timer timer(executor_, limit);
    const Enlisted enlisted(waiting_, timer);
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (notified_ != before) co_return true;
    if (woken) throw boost::system::system_error(woken);  // this coroutine was cancelled
    co_return false;
}

asio::awaitable<void> sleep_for(asio::steady_timer::duration time)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace peercron
