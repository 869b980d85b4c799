#include "http/server.hpp"

#include "base/event.hpp"
#include "base/private_socket.hpp"
#include "base/utf8.hpp"
#include "http/connection.hpp"
#include "http/text.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

/// The most clients that are told at a time that there is no room; further connections are closed
/// without an answer.
constexpr std::size_t most_turned_away = 64;

[[noreturn]] void refuse_address(const std::string& address, std::string_view why)
{
    throw std::runtime_error(
        fmt::format("http: cannot listen on {}: {}", quote_utf8(address), why));
}

tcp::endpoint resolve(const std::string& address)
{
    const auto colon = address.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string::npos) refuse_address(address, "expected HOST:PORT");
    const char* const end = address.data() + address.size();
    const auto [stop, bad] = std::from_chars(address.data() + colon + 1, end, port);
    if (bad != std::errc() || stop != end) {
        refuse_address(address, "expected HOST:PORT with a port from 0 to 65535");
    }
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    error_code failed;
    const auto numeric = asio::ip::make_address(host, failed);
    if (!failed) return {numeric, port};
    asio::io_context io;  // only to look the name up, before anything runs
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(host, std::to_string(port), failed);
    if (failed || found.empty()) refuse_address(address, "unknown host: " + failed.message());
    return found.begin()->endpoint();
}

tcp::acceptor listen(const asio::any_io_executor& executor, const std::string& address)
{
    tcp::acceptor acceptor(executor);
    const error_code error = listen_private(acceptor, resolve(address));
    if (error == asio::error::address_in_use) {
        refuse_address(address, "another program listens there already");
    }
    if (error) refuse_address(address, error.message());
    return acceptor;
}

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
      acceptor_(listen(executor, settings_.address)),
      tasks_(executor),
      closed_(executor)
{}

HttpServer::~HttpServer() = default;

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
    acceptor_.close();
    co_await drain();
    std::rethrow_exception(reason);
}

asio::awaitable<void> HttpServer::accept()
{
    for (;;) {
        co_await acceptor_.async_wait(tcp::acceptor::wait_read, asio::use_awaitable);
        tcp::socket socket(acceptor_.get_executor());
        const error_code failed = accept_private(acceptor_, socket);
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

asio::awaitable<void> HttpServer::serve(tcp::socket socket)
{
    if (!acceptor_.is_open()) co_return;  // it stopped before this task began
    Connection connection(std::move(socket), settings_, router_, metrics_, budget_);
    const Enlisted enlisted(*this, serving_, connection);
    co_await connection.run();
}

asio::awaitable<void> HttpServer::turn_away(tcp::socket socket)
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
