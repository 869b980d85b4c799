#pragma once

#include "wire/connection.hpp"
#include "wire/log_throttle.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace peercron {

class TaskGroup;

/// Another socket already listens there.
class PortInUse : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct ListenerSettings {
    PeerSettings peer;
    std::chrono::milliseconds greeting_timeout{3000};  ///< from the connection to its end
    /// How many may be in their greeting at a time, of strangers and of members' machines each. One
    /// more replaces the oldest of its kind.
    std::size_t max_greetings = 64;
    /// Whether a member of the cluster has this address, as far as is known; may be empty.
    std::function<bool(const asio::ip::address&)> is_member;
    std::chrono::milliseconds retry_after{100};  ///< when the system has no descriptor left
};

/// The peer port: greets every connection, and passes on those that prove the cluster secret.
///
/// The others cost no more than their greeting's deadline and a few kilobytes; the log says why
/// they were refused, in a few lines per reason in ten seconds.
///
/// An honest greeting takes two round trips. So when too many are open, the oldest are the least
/// likely to finish, and are closed. Places are reserved for the machines of members and those from
/// which the secret was proven before: strangers on other machines cannot push them out, however
/// many they are and however fast.
class PeerListener {
public:
    /// Called on the I/O thread. What it throws ends run().
    using Accepted = std::function<void(std::unique_ptr<PeerConnection>)>;

    /// Listens from here on. Throws std::runtime_error that says why that is not possible,
    /// PortInUse if that is it.
    PeerListener(asio::any_io_executor executor, const std::string& address,
                 ListenerSettings settings, Accepted accepted);

    /// Accepts until cancelled, then throws operation_aborted; nothing is left running. Goes on
    /// when the system is out of descriptors or memory.
    asio::awaitable<void> run();

    /// Where it listens; tells the port when 0 was asked for.
    asio::ip::tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }
    /// The listening socket, which stays this object's.
    int descriptor() { return acceptor_.native_handle(); }

private:
    /// Connections that have proven nothing yet, the oldest first.
    struct Greetings {
        std::list<int> sockets;
        std::list<int> ended;  // had to make way, and whose coroutines will notice
    };
    class Place;  // among them

    asio::awaitable<void> accept_all(TaskGroup& tasks);
    asio::awaitable<void> greet(asio::ip::tcp::socket socket, Place place, asio::ip::address from);

    bool accept_waiting(TaskGroup& tasks);
    void start_greeting(TaskGroup& tasks, int descriptor);
    void make_room(Greetings& among);
    bool is_known(const asio::ip::address& address) const;
    void remember(const asio::ip::address& address);
    void report(const PeerError& refused);
    void report_overload(std::string_view what);

    asio::ip::tcp::acceptor acceptor_;
    ListenerSettings settings_;
    Accepted accepted_;
    Greetings strangers_;
    Greetings members_;
    std::deque<asio::ip::address> proven_;  // from here somebody proved the secret, lately
    std::array<LogThrottle, 4> refusals_;   // by PeerError::Kind: one kind does not hide another
    LogThrottle overloads_;
};

}  // namespace peercron
