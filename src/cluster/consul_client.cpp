#include "cluster/consul_client.hpp"

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/private_socket.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::string_view https = "https://";

/// A cluster of some thousand nodes in one answer of health/service.
constexpr std::uint64_t body_limit = 64U << 20U;

/// What a name stands for. Shared with the resolver's handler, which may run after the caller gave
/// up: getaddrinfo() cannot be stopped.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
    tcp::resolver resolver;
    Event done;
    bool ended = false;
    boost::system::error_code error;
    tcp::resolver::results_type found;
};

asio::awaitable<std::shared_ptr<Lookup>> look_up(asio::any_io_executor executor, std::string host,
                                                 std::string port, SteadyTime deadline)
{
    auto lookup = std::make_shared<Lookup>(executor);
    const auto on_end = [lookup](boost::system::error_code error,
                                 const tcp::resolver::results_type& found) {
        lookup->ended = true;
        lookup->error = error;
        lookup->found = found;
        lookup->done.notify();
    };
    lookup->resolver.async_resolve(host, port, on_end);
    while (!lookup->ended) {
        if (!co_await lookup->done.wait_until(deadline)) break;
    }
    if (!lookup->ended) lookup->error = boost::beast::error::timeout;
    co_return lookup;
}

/// A cancelled call is not a call without an answer.
void throw_if_cancelled(const boost::system::error_code& error)
{
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
}

/// Whether the other end has neither closed nor said anything that was not asked for.
bool is_silent(tcp::socket& socket)
{
    char byte = 0;
    const ssize_t size = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::optional<std::uint64_t> parse_index(std::string_view text)
{
    std::uint64_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return index;
}

NoAnswer no_answer(const std::string& address, const boost::system::error_code& error)
{
    const bool late = error == boost::beast::error::timeout;
    return {fmt::format("{}: {}", address, late ? "no answer in time" : error.message()), late};
}

NoAnswer no_answer_under_tls(const std::string& address, SSL* ssl,
                             const boost::system::error_code& error)
{
    if (error == boost::beast::error::timeout) return no_answer(address, error);
    return {fmt::format("{}: {}", address, handshake_failure(ssl, error)), false};
}

NoAnswer no_answer_in_clear(const std::string& address)
{
    return {
        fmt::format("{0}: it speaks HTTPS there: set consul_address = \"https://{0}\"", address),
        false};
}

}  // namespace

ConsulClient::ConsulClient(asio::any_io_executor executor, const std::string& address,
                           std::string token, const TlsFiles& tls)
    : executor_(std::move(executor)), address_(address), token_(std::move(token))
{
    const bool is_https = address.starts_with(https);
    const std::string place = is_https ? address.substr(https.size()) : address;
    const std::size_t colon = place.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == place.size() ||
        place.find('/') != std::string::npos) {
        throw std::invalid_argument(fmt::format(
            "consul_address \"{}\" is neither HOST:PORT nor https://HOST:PORT", address));
    }
    host_ = place.substr(0, colon);
    if (host_.front() == '[' && host_.back() == ']') host_ = host_.substr(1, host_.size() - 2);
    port_ = place.substr(colon + 1);
    if (!is_https) return;
    const auto context = client_tls(tls);
    if (!context) throw std::invalid_argument("consul: " + context.error().message);
    tls_ = *context;
}

asio::awaitable<Result<ConsulAnswer, NoAnswer>> ConsulClient::call(ConsulCall call)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + call.timeout;
    Request request = make_request(call);
    std::unique_ptr<Connection> connection = take_kept();
    if (!connection) {
        connection = std::make_unique<Connection>(executor_);
        auto why = co_await connect(*connection, deadline);
        if (why) co_return std::move(*why);
    }
    co_return co_await call_on(std::move(connection), request, deadline);
}

/// A kept connection, unless the agent has closed them all. Looked at beforehand, because a call
/// that failed must not be made again: a blocking query with an old index could reach a new agent,
/// and wait there for an index that is far away.
std::unique_ptr<ConsulClient::Connection> ConsulClient::take_kept()
{
    while (!kept_.empty()) {
        auto connection = std::move(kept_.back());
        kept_.pop_back();
        if (is_silent(connection->stream.lower().socket())) return connection;
    }
    return nullptr;
}

ConsulClient::Request ConsulClient::make_request(ConsulCall& call) const
{
    Request request(call.method, call.target, 11, std::move(call.body));
    const bool is_ipv6 = host_.find(':') != std::string::npos;
    const std::string host = is_ipv6 ? "[" + host_ + "]" : host_;
    request.set(http::field::host, host + ":" + port_);
    request.set(http::field::accept, "application/json");
    if (!token_.empty()) request.set("X-Consul-Token", token_);
    if (!request.body().empty()) request.set(http::field::content_type, "application/json");
    request.prepare_payload();
    return request;
}

asio::awaitable<Result<ConsulAnswer, NoAnswer>> ConsulClient::call_on(
    std::unique_ptr<Connection> connection, Request& request, SteadyTime deadline)
{
    boost::system::error_code error;
    connection->stream.lower().expires_at(deadline);
    co_await http::async_write(connection->stream, request,
                               asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    if (error) co_return no_answer(address_, error);

    http::response_parser<http::string_body> parser;
    parser.body_limit(body_limit);
    co_await http::async_read(connection->stream, connection->buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    // Under TLS 1.3 an agent refuses a client's certificate, or its absence, only here.
    if (error && tls_) co_return no_answer_under_tls(address_, connection->stream.ssl(), error);
    if (error) co_return no_answer(address_, error);

    auto response = parser.release();
    // Go answers so when the first bytes are not TLS.
    if (!tls_ && response.result_int() == 400 &&
        response.body().find("HTTP request to an HTTPS server") != std::string::npos) {
        co_return no_answer_in_clear(address_);
    }
    ConsulAnswer answer;
    answer.status = response.result_int();
    answer.index = parse_index(response["X-Consul-Index"]);
    answer.body = std::move(response.body());
    if (response.keep_alive()) {
        connection->stream.lower().expires_never();
        kept_.push_back(std::move(connection));
    }
    co_return answer;
}

asio::awaitable<std::optional<NoAnswer>> ConsulClient::connect(Connection& connection,
                                                               SteadyTime deadline)
{
    const auto lookup = co_await look_up(executor_, host_, port_, deadline);
    boost::system::error_code error = lookup->error;
    if (error) co_return no_answer(address_, error);
    boost::beast::tcp_stream& stream = connection.stream.lower();
    stream.expires_at(deadline);
    error = asio::error::host_not_found;
    for (const auto& entry : lookup->found) {
        tcp::socket& socket = stream.socket();
        if (socket.is_open()) socket.close(error);
        error = open_private(socket, entry.endpoint().protocol());
        if (error) continue;
        co_await stream.async_connect(entry.endpoint(),
                                      asio::redirect_error(asio::use_awaitable, error));
        throw_if_cancelled(error);
        if (!error) break;
    }
    if (error) co_return no_answer(address_, error);
    stream.socket().set_option(tcp::no_delay(true), error);
    if (!tls_) co_return std::nullopt;

    connection.stream.encrypt(*tls_);
    expect_server(connection.stream.ssl(), host_);
    co_await connection.stream.async_handshake(asio::ssl::stream_base::client,
                                               asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    if (!error) co_return std::nullopt;
    co_return no_answer_under_tls(address_, connection.stream.ssl(), error);
}

}  // namespace peercron
