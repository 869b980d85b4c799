#pragma once

#include "http/client_sockets.hpp"

#include <functional>
#include <memory>

namespace peercron {

namespace asio = boost::asio;

/// Tells when a client closes its end of a connection from which nobody reads, because an answer is
/// being sent. One that has sent its next request already is not noticed, nor, under TLS, one that
/// says goodbye first.
///
/// Nothing else may wait for the socket when this ends. Lives on the I/O thread.
class Departure {
public:
    /// @param on_departure is called once at most, from the executor, and not after the end.
    Departure(ClientSocket& socket, std::function<void()> on_departure);
    Departure(const Departure&) = delete;
    Departure& operator=(const Departure&) = delete;
    ~Departure();

private:
    ClientSocket& socket_;
    std::shared_ptr<std::function<void()>> on_departure_;  // empty after the end
};

}  // namespace peercron
