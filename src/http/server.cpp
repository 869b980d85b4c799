#include "http/server.hpp"

#include "base/event.hpp"
#include "http/connection.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace peercron {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

/// The most clients that are told at a time that there is no room; further connections are closed
/// without an answer.
constexpr std::size_t most_turned_away = 64;

}  // namespace

std::size_t connections_within(std::size_t wanted, std::size_t descriptors)
{
    constexpr std::size_t fewest = 8;
    return std::min(wanted, std::max(descriptors / 4, fewest));
}

HttpServer::HttpServer(asio::any_io_executor executor, HttpSettings settings, const Router& router,
                       prometheus::Registry& metrics, Budget& budget)
    : settings_(std::move(settings)),
      router_(router),
      metrics_(metrics),
      budget_(budget),
      acceptor_(listen_at(executor, settings_.address)),
      tasks_(executor),
      closed_(executor)
{}

HttpServer::~HttpServer()
{
    stop_listening();
}

/// Of a socket of the file system the name goes, too: a command that finds it would try it. It goes
/// first: once nobody listens there, the name may be another node's.
void HttpServer::stop_listening()
{
    if (!acceptor_.is_open()) return;
    if (settings_.address.starts_with(local_scheme)) {
        ::unlink(settings_.address.substr(local_scheme.size()).c_str());
    }
    error_code ignored;
    acceptor_.close(ignored);
}

asio::ip::tcp::endpoint HttpServer::endpoint() const
{
    const auto bound = acceptor_.local_endpoint();
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), bound.data(), bound.size());
    endpoint.resize(bound.size());
    return endpoint;
}

HttpServer::Enlisted::Enlisted(HttpServer& server, std::list<Connection*>& list,
                               Connection& connection)
    : server_(server), list_(list), place_(list.insert(list.end(), &connection))
{
    server_.metrics_.opened();
}

HttpServer::Enlisted::~Enlisted()
{
    list_.erase(place_);
    server_.metrics_.closed();
    server_.closed_.notify();
}

asio::awaitable<void> HttpServer::run()
{
    spdlog::info("http: listening on {}", settings_.address);
    std::exception_ptr reason;
    try {
        co_await accept();
    } catch (...) {
        reason = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    stop_listening();
    co_await drain();
    std::rethrow_exception(reason);
}

asio::awaitable<void> HttpServer::accept()
{
    for (;;) {
        co_await acceptor_.async_wait(ClientAcceptor::wait_read, asio::use_awaitable);
        ClientSocket socket(acceptor_.get_executor());
        const error_code failed = accept_client(acceptor_, socket);
        if (failed == asio::error::would_block) continue;
        if (failed) {
            tell_of_failure(failed);
            // Mostly too many open files: an idle connection has one to give.
            const bool has_room = make_room();
            if (!has_room) co_await sleep_for(100ms);
            continue;
        }
        if (serving_.size() < settings_.max_connections || make_room()) {
            tasks_.spawn("http connection", serve(std::move(socket)));
        } else if (turned_away_.size() < most_turned_away) {
            tasks_.spawn("http full", turn_away(std::move(socket)));
        }
    }
}

/// Ends the connection that has been idle for longest; false when all are at work. Its coroutine
/// ends a moment later, so that there may be one more for as long.
bool HttpServer::make_room()
{
    const auto idle_for_longest = std::ranges::min_element(serving_, {}, [](Connection* one) {
        return one->idle_since().value_or(SteadyTime::max());
    });
    if (idle_for_longest == serving_.end() || !(*idle_for_longest)->idle_since()) return false;
    (*idle_for_longest)->make_way();
    return true;
}

void HttpServer::tell_of_failure(const error_code& failed)
{
    constexpr auto quiet_time = 1min;
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now < quiet_until_) return;
    quiet_until_ = now + quiet_time;
    spdlog::warn(
        "http: cannot accept a connection at {}: {}; idle connections are closed to make room "
        "(logged at most once a minute)",
        settings_.address, failed.message());
}

asio::awaitable<void> HttpServer::serve(ClientSocket socket)
{
    if (!acceptor_.is_open()) co_return;  // it stopped before this task began
    Connection connection(std::move(socket), settings_, router_, metrics_, budget_);
    const Enlisted enlisted(*this, serving_, connection);
    co_await connection.run();
}

asio::awaitable<void> HttpServer::turn_away(ClientSocket socket)
{
    Connection connection(std::move(socket), settings_, router_, metrics_, budget_);
    const Enlisted enlisted(*this, turned_away_, connection);
    co_await connection.turn_away();
}

/// Waits for the requests in progress, but not for ever.
asio::awaitable<void> HttpServer::drain()
{
    for (Connection* connection : turned_away_) connection->cut();
    for (Connection* connection : serving_) connection->finish();
    const auto deadline = std::chrono::steady_clock::now() + settings_.drain_timeout;
    bool in_time = true;
    while (!serving_.empty() && in_time) in_time = co_await closed_.wait_until(deadline);
    if (!serving_.empty()) {
        spdlog::warn("http: {} requests at {} are cut off: they took longer than {} ms to end",
                     serving_.size(), settings_.address, settings_.drain_timeout.count());
    }
    for (Connection* connection : serving_) connection->cut();
    tasks_.cancel();
    co_await tasks_.join();
}

}  // namespace peercron
