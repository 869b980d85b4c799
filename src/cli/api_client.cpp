#include "cli/api_client.hpp"

#include "base/percent.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <limits>
#include <utility>

namespace peercron {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::string_view user_agent = "peercron-cli";

std::string in_seconds(std::chrono::milliseconds time)
{
    return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000.0);
}

/// Whether the answer was not HTTP at all.
bool is_of_http_parser(boost::system::error_code error)
{
    return error.category() == http::make_error_code(http::error::bad_version).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

std::string make_target(std::string_view path, const Query& query)
{
    std::string target(path);
    char separator = '?';
    for (const auto& [name, value] : query) {
        target += separator;
        target += encode_percent(name);
        target += '=';
        target += encode_percent(value);
        separator = '&';
    }
    return target;
}

ApiClient::ApiClient(ApiAddress address, std::string token, ApiDeadlines deadlines, TlsContext tls)
    : address_(std::move(address)),
      token_(std::move(token)),
      deadlines_(deadlines),
      tls_(std::move(tls))
{}

json::value ApiClient::get(std::string_view path, const Query& query)
{
    Request request = make_request(http::verb::get, make_target(path, query));
    return take_data(send(request));
}

std::string ApiClient::get_text(std::string_view path, const Query& query)
{
    Request request = make_request(http::verb::get, make_target(path, query));
    request.set(http::field::accept, "text/plain");
    Response response = send(request);
    const bool is_text = response[http::field::content_type].starts_with("text/plain");
    if (!is_text) take_data(response);  // throws
    return std::move(response.body());
}

void ApiClient::watch(std::string_view path, const Query& query,
                      const std::function<bool(const ServerEvent&)>& on_event)
{
    constexpr std::chrono::seconds silence{20};
    Request request = make_request(http::verb::get, make_target(path, query));
    request.set(http::field::accept, "text/event-stream");
    connect();
    ErrorCode error = write(request);
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    EventParser events;
    bool goes_on = true;
    while (!error && goes_on && !parser.is_done()) {
        error = complete(silence, [&](auto done) {
            http::async_read_some(stream_, buffer_, parser,
                                  [done](ErrorCode result, std::size_t) { done(result); });
        });
        if (!parser.is_header_done() || parser.get().result() != http::status::ok) continue;
        const std::string bytes = std::exchange(parser.get().body(), {});
        for (const ServerEvent& event : events.take(bytes)) {
            if (goes_on) goes_on = on_event(event);
        }
    }
    stream_.lower().close();
    if (error) fail_to_exchange(error, false);
    if (parser.get().result() != http::status::ok) take_data(parser.get());  // throws
}

json::value ApiClient::post(std::string_view path, const json::object& fields)
{
    Request request = make_request(http::verb::post, std::string(path));
    request.set(http::field::content_type, "application/json");
    request.body() = json::serialize(fields);
    request.prepare_payload();
    return take_data(send(request));
}

ApiClient::Request ApiClient::make_request(http::verb verb, const std::string& target) const
{
    Request request(verb, address_.prefix + target, 11);
    const bool is_ipv6 = address_.host.find(':') != std::string::npos;
    std::string host = is_ipv6 ? fmt::format("[{}]", address_.host) : address_.host;
    if (address_.socket.empty()) host += ":" + address_.port;
    request.set(http::field::host, host);
    request.set(http::field::user_agent, user_agent);
    request.set(http::field::accept, "application/json");
    if (!token_.empty()) request.set(http::field::authorization, "Bearer " + token_);
    return request;
}

ApiClient::Response ApiClient::send(Request& request)
{
    const bool changes = request.method() != http::verb::get;
    const bool was_open = is_usable();
    if (!was_open) connect();
    Response response;
    ErrorCode error = exchange(request, response);
    if (error && error != beast::error::timeout && was_open && !changes) {
        connect();
        response = Response();
        error = exchange(request, response);
    }
    if (error) fail_to_exchange(error, changes);
    if (!response.keep_alive()) stream_.lower().close();
    return response;
}

json::value ApiClient::take_data(const Response& response) const
{
    const unsigned status = response.result_int();
    boost::system::error_code error;
    json::value envelope = json::parse(response.body(), error);
    json::object* const object = envelope.if_object();
    const json::value* const message = object != nullptr ? object->if_contains("message") : nullptr;
    json::value* const data = object != nullptr ? object->if_contains("data") : nullptr;
    if (error || message == nullptr || !message->is_string() || data == nullptr) {
        const std::string reason(http::obsolete_reason(response.result()));
        const std::string said = fmt::format("{} answered {} {}, which is not the answer of a node",
                                             address_.url, status, reason);
        if (status >= 502 && status <= 504) {
            throw Failure(ExitStatus::unavailable, said + ": is it a proxy that reaches no node?");
        }
        throw Failure(ExitStatus::failed, said + ": is this a node's HTTP address?");
    }
    if (status == 200) return std::move(*data);
    std::string said(message->get_string());
    if (status == 401) {
        said += token_.empty() ? "; give it with --token-file, PEERCRON_TOKEN or --token"
                               : "; it came from --token, --token-file or PEERCRON_TOKEN";
    }
    throw Refused(status, said);
}

void ApiClient::connect()
{
    stream_.lower().close();
    stream_.forget_tls();
    buffer_.clear();
    ErrorCode error;
    if (!address_.socket.empty()) {
        const asio::local::stream_protocol::endpoint endpoint(address_.socket);
        error = connect_to(endpoint);
    } else {
        asio::ip::tcp::resolver resolver(io_);
        const auto endpoints = resolver.resolve(address_.host, address_.port, error);
        if (error) fail_to_connect(fmt::format("host {}: {}", address_.host, error.message()));
        for (const auto& found : endpoints) {
            error = connect_to(found.endpoint());
            if (!error) break;
        }
    }
    if (error == beast::error::timeout) {
        fail_to_connect("no connection within " + in_seconds(deadlines_.connect));
    }
    if (error == asio::error::connection_refused) fail_to_connect("connection refused");
    if (error) fail_to_connect(error.message());
    if (!address_.is_https) return;
    stream_.encrypt(*tls_);
    expect_server(stream_.ssl(), address_.host);
    error = complete(deadlines_.connect, [&](auto done) {
        stream_.async_handshake(asio::ssl::stream_base::client, done);
    });
    if (!error) return;
    const std::string why =
        error == beast::error::timeout
            ? "it did not finish the TLS handshake within " + in_seconds(deadlines_.connect)
            : handshake_failure(stream_.ssl(), error);
    throw Failure(
        ExitStatus::unavailable,
        fmt::format("no encrypted connection to {}: {}; --ca or PEERCRON_CA names the file "
                    "of the authority that vouches for it",
                    address_.url, why));
}

ApiClient::ErrorCode ApiClient::connect_to(const asio::generic::stream_protocol::endpoint& endpoint)
{
    stream_.lower().close();
    return complete(deadlines_.connect,
                    [&](auto done) { stream_.lower().async_connect(endpoint, done); });
}

/// Whether the connection is open and silent, as it must be between two calls.
bool ApiClient::is_usable()
{
    if (!stream_.lower().socket().is_open()) return false;
    char byte = 0;
    const auto got =
        ::recv(stream_.lower().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

ApiClient::ErrorCode ApiClient::write(Request& request)
{
    return complete(deadlines_.answer, [&](auto done) {
        http::async_write(stream_, request,
                          [done](ErrorCode result, std::size_t) { done(result); });
    });
}

ApiClient::ErrorCode ApiClient::exchange(Request& request, Response& response)
{
    ErrorCode error = write(request);
    if (error) return error;
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // a list of all jobs
    while (!error && !parser.is_done()) {
        error = complete(deadlines_.answer, [&](auto done) {
            http::async_read_some(stream_, buffer_, parser,
                                  [done](ErrorCode result, std::size_t) { done(result); });
        });
    }
    if (!error) response = parser.release();
    return error;
}

template <class Start>
ApiClient::ErrorCode ApiClient::complete(std::chrono::milliseconds limit, Start start)
{
    ErrorCode outcome;
    stream_.lower().expires_after(limit);
    start([&outcome](ErrorCode result) { outcome = result; });
    io_.restart();
    io_.run();
    return outcome;
}

void ApiClient::fail_to_connect(const std::string& why) const
{
    throw Failure(ExitStatus::unavailable,
                  fmt::format("no node answers at {} ({}): is it running? `peercron serve` starts "
                              "one, --url or PEERCRON_URL names another",
                              address_.url, why));
}

void ApiClient::fail_to_exchange(ErrorCode error, bool changes) const
{
    if (is_of_http_parser(error)) {
        throw Failure(ExitStatus::failed,
                      fmt::format("the server at {} does not speak HTTP ({}): is this a node's "
                                  "peer port instead of its HTTP address?",
                                  address_.url, error.message()));
    }
    const std::string what =
        error == beast::error::timeout
            ? fmt::format("the node at {} did not answer within {}", address_.url,
                          in_seconds(deadlines_.answer))
            : fmt::format(
                  "the connection to the node at {} broke before the answer was complete ({})",
                  address_.url, error.message());
    throw Failure(ExitStatus::unavailable,
                  changes ? what + "; it is not known whether the change was made" : what);
}

}  // namespace peercron
