#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "base/tls_context.hpp"
#include "http/client_sockets.hpp"
#include "http/http_metrics.hpp"
#include "http/router.hpp"

#include <prometheus/registry.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>

namespace peercron {

struct HttpSettings {
    /// "0.0.0.0:9990", "[::1]:9990", "localhost:9990", "unix:/run/peercron/peercron.sock"
    std::string address = "127.0.0.1:9990";
    std::size_t max_body = 1U << 20U;       ///< bytes; a larger one is answered 413
    std::uint32_t max_header = 16U << 10U;  ///< bytes of request line and header; else 431
    /// One more connection replaces the one that has been idle for longest; when all are at work,
    /// it is answered 503.
    std::size_t max_connections = 1024;
    /// How long a connection may wait for its next request, and how long a client may take to
    /// accept 64 KiB of an answer.
    std::chrono::milliseconds idle_timeout{60'000};
    /// How long a request may take to arrive whole, from its first byte.
    std::chrono::milliseconds request_timeout{30'000};
    /// The certificate for the next connection; empty: connections are not encrypted.
    std::function<TlsContext()> tls = nullptr;
    /// How long a stop waits for the requests in progress.
    std::chrono::milliseconds drain_timeout{5'000};
};

/// How many of the `wanted` connections an address may have in a process that may have
/// `descriptors` open: only a part of these, because commands and the store need some, too.
std::size_t connections_within(std::size_t wanted, std::size_t descriptors);

class Connection;

/// An HTTP/1.1 server at one address: keep-alive, pipelining (answers in order, one request of a
/// connection at a time), chunked bodies both ways. It knows bytes; what they mean, the Router
/// knows. Lives on the I/O thread.
class HttpServer {
public:
    /// Listens from here on, so that a node does not start without its address.
    /// @throws std::runtime_error naming the address: it cannot be understood, or is taken.
    /// @param budget of the whole node.
    HttpServer(asio::any_io_executor executor, HttpSettings settings, const Router& router,
               prometheus::Registry& metrics, Budget& budget);
    ~HttpServer();

    /// Where it listens, of TCP; tells the port that port 0 became.
    asio::ip::tcp::endpoint endpoint() const;

    /// Serves. Ends only by cancellation: then it takes no more connections, closes the idle ones,
    /// finishes the requests in progress, and cuts off those that take longer than drain_timeout.
    asio::awaitable<void> run();

private:
    /// Keeps an open connection in its list.
    class Enlisted {
    public:
        Enlisted(HttpServer& server, std::list<Connection*>& list, Connection& connection);
        Enlisted(const Enlisted&) = delete;
        Enlisted& operator=(const Enlisted&) = delete;
        ~Enlisted();

    private:
        HttpServer& server_;
        std::list<Connection*>& list_;
        std::list<Connection*>::iterator place_;
    };

    asio::awaitable<void> accept();
    void stop_listening();
    bool make_room();
    void tell_of_failure(const boost::system::error_code& failed);
    asio::awaitable<void> serve(ClientSocket socket);
    asio::awaitable<void> turn_away(ClientSocket socket);
    asio::awaitable<void> drain();

    HttpSettings settings_;
    const Router& router_;
    HttpMetrics metrics_;
    Budget& budget_;
    ClientAcceptor acceptor_;
    TaskGroup tasks_;
    std::list<Connection*> serving_;  // each in the frame of its task
    std::list<Connection*> turned_away_;
    Event closed_;
    SteadyTime quiet_until_{};  // no line in the log about connections that cannot be accepted
};

}  // namespace peercron
