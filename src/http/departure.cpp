#include "http/departure.hpp"

#include <sys/socket.h>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <utility>

namespace peercron {
namespace {

/// Of a socket that has become readable.
bool is_at_end(int socket)
{
    char next = 0;
    const ssize_t size = ::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace

Departure::Departure(ClientSocket& socket, std::function<void()> on_departure)
    : socket_(socket),
      on_departure_(std::make_shared<std::function<void()>>(std::move(on_departure)))
{
    const auto look = [tell = on_departure_, &socket](boost::system::error_code failed) {
        if (!*tell || failed) return;  // in this order: `socket` may be gone
        if (is_at_end(socket.native_handle())) (*tell)();
    };
    socket_.async_wait(ClientSocket::wait_read, look);
}

Departure::~Departure()
{
    *on_departure_ = nullptr;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

}  // namespace peercron
