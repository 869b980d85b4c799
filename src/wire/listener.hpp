#pragma once

#include "wire/connection.hpp"
#include "wire/log_throttle.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace peercron {

class TaskGroup;

struct ListenerSettings {
    PeerSettings peer;
    std::chrono::milliseconds greeting_timeout{3000};  ///< from the connection to its end
    std::size_t max_greetings = 64;  ///< greeted at the same time; one more is closed at once
    std::chrono::milliseconds retry_after{100};  ///< when the system has no descriptor left
};

/// The peer port: greets whoever connects, and hands on those that prove the cluster secret.
///
/// The others get no more than their greeting's deadline and a few kilobytes; why they were
/// refused is logged, a few lines in ten seconds per reason.
class PeerListener {
public:
    /// Called on the I/O thread. What it throws ends run().
    using Accepted = std::function<void(std::unique_ptr<PeerConnection>)>;

    /// Listens from here on. Throws std::runtime_error that says why that is not possible.
    PeerListener(asio::any_io_executor executor, const std::string& address,
                 ListenerSettings settings, Accepted accepted);

    /// Accepts until cancelled, then throws operation_aborted; nothing is left running. Goes on
    /// when the system is out of descriptors or memory.
    asio::awaitable<void> run();

    /// Where it listens; tells the port when 0 was asked for.
    asio::ip::tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

private:
    struct Leave {
        void operator()(std::size_t* greetings) const { --*greetings; }
    };
    using Place = std::unique_ptr<std::size_t, Leave>;  // among max_greetings

    asio::awaitable<void> accept_all(TaskGroup& tasks);
    asio::awaitable<void> greet(asio::ip::tcp::socket socket, Place place);

    bool accept_waiting(TaskGroup& tasks);
    void start_greeting(TaskGroup& tasks, int descriptor);
    void report(const PeerError& refused);
    void report_overload(std::string_view what);

    asio::ip::tcp::acceptor acceptor_;
    ListenerSettings settings_;
    Accepted accepted_;
    std::size_t greetings_ = 0;
    std::array<LogThrottle, 5> refusals_;  // by PeerError::Kind: one kind does not hide another
    LogThrottle overloads_;
};

}  // namespace peercron
