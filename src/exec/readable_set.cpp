#include "exec/readable_set.hpp"

#include "base/event.hpp"
#include "base/throw_errno.hpp"

#include <sys/epoll.h>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

FileDescriptor open_epoll()
{
    FileDescriptor descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!descriptor) throw_errno("epoll_create1");
    return descriptor;
}

}  // namespace

ReadableSet::ReadableSet(asio::any_io_executor executor)
    : epoll_(open_epoll()), watched_(std::move(executor), epoll_.get())
{}

ReadableSet::~ReadableSet()
{
    if (watched_.is_open()) watched_.release();
}

void ReadableSet::add(int descriptor, std::uint64_t token)
{
    add(descriptor, token, EPOLLIN);
}

void ReadableSet::add_once(int descriptor, std::uint64_t token)
{
    add(descriptor, token, EPOLLIN | EPOLLONESHOT);
}

void ReadableSet::add(int descriptor, std::uint64_t token, std::uint32_t events)
{
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
        throw_errno("epoll_ctl");
    }
}

void ReadableSet::remove(int descriptor)
{
    // Fails only for one that is not there.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

asio::awaitable<std::vector<std::uint64_t>> ReadableSet::wait()
{
    std::array<epoll_event, most_at_once> events;
    int count = 0;
    while (count <= 0) {
        // Also when something can be read already: others of the thread have their turns.
        co_await watched_.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
        count = ::epoll_wait(epoll_.get(), events.data(), most_at_once, 0);
    }
    std::vector<std::uint64_t> tokens;
    tokens.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        tokens.push_back(events[static_cast<std::size_t>(i)].data.u64);
    }
    co_return tokens;
}

asio::awaitable<void> ReadableSet::rest(std::chrono::milliseconds time)
{
    watched_.release();  // it would wake the thread for each of them, waited for or not
    co_await sleep_for(time);
    watched_.assign(epoll_.get());
}

}  // namespace peercron
