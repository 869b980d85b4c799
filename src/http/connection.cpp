#include "http/connection.hpp"

#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "http/departure.hpp"
#include "http/patience.hpp"
#include "http/text.hpp"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

/// After the last answer, whatever else a client sends is read and discarded for this long: a
/// socket that is closed with bytes unread resets the connection and may take the answer with it
/// (RFC 9112, 9.6).
constexpr auto linger_time = 2s;
constexpr std::size_t linger_bytes = 64U << 20U;

/// How long a stream may go on after its caller's token was taken away, or its session ended.
constexpr auto readmission_interval = 5s;

constexpr std::size_t read_size = 4096;

/// How far Beast reads ahead of what it parses.
constexpr std::size_t read_ahead = 64U << 10U;

constexpr unsigned http_1_1 = 11;

/// "Sat, 21 Nov 2026 07:00:00 GMT" (RFC 9110, 5.6.7).
std::string http_date(std::time_t now)
{
    return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(now));
}

http::response_header<> head_of(const Response& response, unsigned version)
{
    http::response_header<> head;
    head.version(version);
    head.result(response.status);
    head.set(http::field::date, http_date(std::time(nullptr)));
    head.set(http::field::content_type, response.content_type);
    head.set(http::field::cache_control, "no-store");
    head.set("X-Content-Type-Options", "nosniff");
    head.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    head.set("Referrer-Policy", "no-referrer");
    for (const auto& [name, value] : response.headers) {
        // Of these there may be several.
        if (name == http::field::set_cookie)
            head.insert(name, value);
        else
            head.set(name, value);
    }
    for (const auto& [name, value] : response.own_headers) head.set(name, value);
    return head;
}

/// Where a body ends has to be beyond doubt, or what follows it is taken for a request that nobody
/// sent: "chunked" alone is understood (RFC 9112, 6.1 and 6.3).
void check_transfer_encoding(const http::request<http::string_body>& message)
{
    std::string given;
    const auto [first, last] = message.equal_range(http::field::transfer_encoding);
    for (auto field = first; field != last; ++field) {
        if (!given.empty()) given += ", ";
        given += std::string(field->value());
    }
    if (first == last || (equal_ignoring_case(given, "chunked") && message.version() >= http_1_1)) {
        return;
    }
    const auto comma = given.rfind(',');
    const std::string_view final_coding =
        trim(std::string_view(given).substr(comma == std::string::npos ? 0 : comma + 1));
    const bool delimited = message.version() >= http_1_1 && comma != std::string::npos &&
                           equal_ignoring_case(final_coding, "chunked");
    throw HttpError(delimited ? http::status::not_implemented : http::status::bad_request,
                    fmt::format("Transfer-Encoding: given {}; only \"chunked\" is understood, in "
                                "HTTP/1.1",
                                quote_utf8(given)));
}

/// Refuses a malformed request before the router sees it.
void check_framing(const http::request<http::string_body>& message)
{
    if (message.version() >= http_1_1 && message.count(http::field::host) != 1) {
        refuse("malformed request: exactly one Host header is needed");
    }
    check_transfer_encoding(message);
}

Response too_large(std::size_t max_body)
{
    return refusal(http::status::payload_too_large,
                   fmt::format("the body is too large: at most {} bytes are allowed", max_body));
}

/// What a body takes with the parameters that are read from it.
constexpr std::size_t twice(std::size_t body_size)
{
    return 2 * body_size;
}

bool expects_continue(const http::request<http::string_body>& message)
{
    const auto expect = message[http::field::expect];
    return message.version() >= http_1_1 &&
           equal_ignoring_case({expect.data(), expect.size()}, "100-continue");
}

/// The answer to a request that could not be read; nullopt when nobody is there to read it.
std::optional<Response> answer_to(error_code failed, const HttpSettings& settings)
{
    if (failed == http::error::end_of_stream || failed == http::error::partial_message) {
        return std::nullopt;
    }
    if (failed == http::error::body_limit) return too_large(settings.max_body);
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
        return refusal(http::status::request_header_fields_too_large,
                       fmt::format("request line and header are too large: at most {} bytes are "
                                   "allowed; long parameters go into the body",
                                   settings.max_header));
    }
    if (failed.category() == make_error_code(http::error::bad_method).category()) {
        return refusal(http::status::bad_request, "malformed request: " + failed.message());
    }
    return std::nullopt;
}

}  // namespace

Connection::Connection(ClientSocket socket, const HttpSettings& settings, const Router& router,
                       HttpMetrics& metrics, Budget& budget)
    : stream_(std::move(socket)),
      settings_(settings),
      router_(router),
      metrics_(metrics),
      budget_(budget),
      buffer_(settings.max_header + read_ahead)
{
    error_code ignored;
    stream_.lower().socket().set_option(asio::ip::tcp::no_delay(true), ignored);  // of TCP alone
    peer_ = peer_of(stream_.lower().socket());
}

asio::awaitable<void> Connection::run()
{
    try {
        bool more = co_await shake_hands();
        while (more && !is_finishing_) more = co_await serve_next();
        close();
    } catch (const boost::system::system_error& e) {
        cut();
        if (e.code() == asio::error::operation_aborted && !has_made_way_) throw;
        spdlog::debug("http: {}: {}", peer_text(), e.what());
    } catch (const std::exception& e) {
        cut();
        spdlog::warn("http: {}: an answer was cut short: {}", peer_text(), e.what());
    }
}

asio::awaitable<void> Connection::turn_away()
{
    Response full = refusal(http::status::service_unavailable,
                            fmt::format("too many connections: this node serves {} at a time",
                                        settings_.max_connections));
    full.headers.emplace_back(http::field::retry_after, "1");
    metrics_.answered(full.route, static_cast<unsigned>(full.status), 0s);
    try {
        const bool is_ready = co_await shake_hands();
        if (!is_ready) co_return close();
        auto head = head_of(full, http_1_1);
        stream_.lower().expires_after(linger_time);
        co_await send(std::move(head), std::move(full.body), false);
        co_await linger();
        close();
    } catch (const boost::system::system_error& e) {
        cut();
        if (e.code() == asio::error::operation_aborted) throw;
        spdlog::debug("http: {}: {}", peer_text(), e.what());
    }
}

std::optional<SteadyTime> Connection::idle_since() const
{
    if (is_at_work_ || has_made_way_) return std::nullopt;
    return idle_since_;
}

void Connection::make_way()
{
    has_made_way_ = true;
    is_finishing_ = true;
    cut();
}

void Connection::finish()
{
    is_finishing_ = true;
    if (is_waiting_) stream_.lower().cancel();
    if (streaming_ != nullptr) streaming_->stop();
}

/// Whether requests may follow.
asio::awaitable<bool> Connection::shake_hands()
{
    if (!settings_.tls) co_return true;
    const TlsContext context = settings_.tls();
    stream_.encrypt(*context);
    stream_.lower().expires_after(settings_.request_timeout);
    error_code failed;
    co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                     asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) co_return true;
    spdlog::debug("http: {}: {}", peer_text(), handshake_failure(stream_.ssl(), failed));
    const bool is_plain_http =
        failed.category() == asio::error::get_ssl_category() &&
        ERR_GET_REASON(static_cast<unsigned long>(failed.value())) == SSL_R_HTTP_REQUEST;
    if (!is_plain_http) co_return false;
    stream_.forget_tls();
    Response response = refusal(http::status::bad_request,
                                "this address speaks HTTPS: use a URL that begins with https://");
    metrics_.answered(response.route, static_cast<unsigned>(response.status), 0s);
    auto head = head_of(response, http_1_1);
    co_await send(std::move(head), std::move(response.body), false);
    co_await linger();
    co_return false;
}

/// Says whether another request may follow.
asio::awaitable<bool> Connection::serve_next()
{
    const bool begun = co_await wait_for_request();
    if (!begun) co_return false;
    Parser parser;
    parser.header_limit(settings_.max_header);
    parser.body_limit(boost::none);  // what is too large is said by admit(), in its turn
    stream_.lower().expires_after(settings_.request_timeout);
    error_code failed = co_await read_header(parser);
    if (failed) co_return co_await reject(failed);
    // A copy: fields of a chunked body's trailer, which the parser adds, are none of the header's.
    Request request;
    request.message.base() = parser.get().base();
    request.peer = peer_.address;
    request.user = peer_.user;
    request.is_encrypted = stream_.is_encrypted();
    auto admitted = co_await admit(request, parser);
    Budget::Share share;
    if (!parser.is_done() && std::holds_alternative<Router::Admission>(admitted)) {
        is_at_work_ = true;
        const std::size_t most = parser.content_length().value_or(settings_.max_body);
        auto taken = co_await take_share(most);
        if (auto* busy = std::get_if<Response>(&taken)) {
            admitted = std::move(*busy);
        } else {
            share = std::move(std::get<Budget::Share>(taken));
        }
    }
    if (auto* refused = std::get_if<Response>(&admitted)) {
        const std::string_view route = refused->route;
        const http::status status = refused->status;
        if (!parser.is_done()) is_finishing_ = true;  // its body is not read
        const bool more = co_await respond(request, std::move(*refused));
        note(request, route, status, {});
        co_return more;
    }
    is_at_work_ = true;
    if (!parser.is_done()) {
        failed = co_await read_body(parser);
        if (failed) co_return co_await reject(failed);
        request.message.body() = std::move(parser.get().body());
        share.resize(twice(request.message.body().size()));
    }
    auto& admission = std::get<Router::Admission>(admitted);
    const bool more = co_await serve(std::move(request), std::move(admission));
    is_at_work_ = false;
    idle_since_ = std::chrono::steady_clock::now();
    co_return more;
}

std::string Connection::peer_text() const
{
    return peer_.user ? fmt::format("user {}", peer_.user->uid) : peer_.address.to_string();
}

/// What the header alone decides: whether it makes sense, whether the caller may make this call,
/// and whether its body is not too large.
asio::awaitable<std::variant<Router::Admission, Response>> Connection::admit(const Request& request,
                                                                             const Parser& parser)
{
    using Outcome = std::variant<Router::Admission, Response>;
    std::optional<Response> malformed;
    try {
        check_framing(request.message);
    } catch (const HttpError& error) {
        is_finishing_ = true;  // where the next request begins is anybody's guess
        malformed = refusal(error);
    }
    if (malformed) co_return Outcome(*std::move(malformed));
    Outcome admitted = co_await router_.admit(request);
    const auto* admission = std::get_if<Router::Admission>(&admitted);
    if (admission == nullptr || parser.content_length().value_or(0) <= settings_.max_body) {
        co_return std::move(admitted);
    }
    Response refused = too_large(settings_.max_body);
    refused.route = admission->route->pattern;
    co_return Outcome(std::move(refused));
}

/// Says whether another request may follow.
asio::awaitable<bool> Connection::serve(Request request, Router::Admission admitted)
{
    const auto began = std::chrono::steady_clock::now();
    Response response = co_await router_.handle(request, std::move(admitted));
    const std::string_view route = response.route;
    const http::status status = response.status;
    // How long somebody watches says nothing about how fast this server is.
    const bool is_stream = response.stream != nullptr;
    if (is_stream) note(request, route, status, std::chrono::steady_clock::now() - began);
    const bool more = co_await respond(request, std::move(response));
    if (!is_stream) note(request, route, status, std::chrono::steady_clock::now() - began);
    co_return more;
}

void Connection::note(const Request& request, std::string_view route, http::status status,
                      std::chrono::steady_clock::duration duration)
{
    const auto code = static_cast<unsigned>(status);
    metrics_.answered(route, code, duration);
    spdlog::debug("http: {} \"{} {}\" {} in {:.1f} ms", router_.client_address(request),
                  std::string_view(request.message.method_string()),
                  std::string_view(request.message.target()), code,
                  std::chrono::duration<double, std::milli>(duration).count());
}

/// False when the client has gone or is silent for too long, or finish() was called. An empty line
/// before a request is passed over (RFC 9112, 2.2): old clients send one behind a body.
asio::awaitable<bool> Connection::wait_for_request()
{
    constexpr std::string_view empty_line = "\r\n";
    constexpr int most_empty_lines = 4;
    const auto begins_with = [this](std::string_view text) {
        const auto bytes = buffer_.data();
        const std::string_view there(static_cast<const char*>(bytes.data()), bytes.size());
        return there.substr(0, text.size()) == text;
    };
    for (int passed = 0;;) {
        const bool half_a_line = buffer_.size() == 1 && begins_with("\r");
        if (buffer_.size() > 0 && !half_a_line) {
            if (passed == most_empty_lines || !begins_with(empty_line)) co_return true;
            buffer_.consume(empty_line.size());
            ++passed;
            continue;
        }
        if (buffer_.size() == 0) buffer_.shrink_to_fit();  // a long body may have come before
        error_code failed;
        const auto space = buffer_.prepare(read_size);
        stream_.lower().expires_after(settings_.idle_timeout);
        is_waiting_ = true;
        const std::size_t count = co_await stream_.async_read_some(
            space, asio::redirect_error(asio::use_awaitable, failed));
        is_waiting_ = false;
        buffer_.commit(count);
        if (failed) co_return false;
    }
}

asio::awaitable<error_code> Connection::read_header(Parser& parser)
{
    error_code failed;
    co_await http::async_read_header(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, failed));
    co_return failed;
}

/// Room for a body, or why there is none.
asio::awaitable<std::variant<Budget::Share, Response>> Connection::take_share(std::size_t body_size)
{
    try {
        Budget::Share share = co_await budget_.take(twice(body_size));
        co_return std::move(share);
    } catch (const HttpError& busy) {
        co_return refusal(busy);
    }
}

asio::awaitable<error_code> Connection::read_body(Parser& parser)
{
    error_code failed;
    stream_.lower().expires_after(settings_.request_timeout);
    parser.body_limit(settings_.max_body);
    if (buffer_.size() == 0 && expects_continue(parser.get())) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream_, asio::buffer(go_on),
                                   asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return failed;
    }
    co_await http::async_read(stream_, buffer_, parser,
                              asio::redirect_error(asio::use_awaitable, failed));
    co_return failed;
}

asio::awaitable<bool> Connection::reject(error_code failed)
{
    spdlog::debug("http: {}: request not read: {}", peer_text(), failed.message());
    std::optional<Response> response = answer_to(failed, settings_);
    if (response) {
        metrics_.answered(response->route, static_cast<unsigned>(response->status), 0s);
        auto head = head_of(*response, http_1_1);
        stream_.lower().expires_after(settings_.idle_timeout);
        co_await send(std::move(head), std::move(response->body), false);
        co_await linger();
    }
    co_return false;
}

/// Says whether another request may follow.
asio::awaitable<bool> Connection::respond(const Request& request, Response response)
{
    if (response.share.bytes() == 0) {
        response.share = Budget::Share(budget_, response.body.size());
    }
    const Budget::Share share = std::move(response.share);
    const unsigned version = request.message.version();
    // Without chunks (HTTP/1.0, which nginx speaks to its upstreams) such a body ends with the
    // connection.
    const bool has_size = !response.chunks && !response.stream;
    const bool until_close = !has_size && version < http_1_1;
    const bool keep_alive = request.message.keep_alive() && !is_finishing_ && !until_close;
    auto head = head_of(response, version);
    stream_.lower().expires_after(settings_.idle_timeout);
    if (request.message.method() == http::verb::head) {
        co_await send_head(std::move(head), response, keep_alive);
    } else if (response.chunks) {
        co_await send_chunks(std::move(head), std::move(response), keep_alive);
    } else if (response.stream) {
        co_await send_stream(request, std::move(head), *response.stream, keep_alive);
    } else {
        co_await send(std::move(head), std::move(response.body), keep_alive);
    }
    if (!keep_alive) co_await linger();
    co_return keep_alive;
}

asio::awaitable<void> Connection::send(http::response_header<> head, std::string body,
                                       bool keep_alive)
{
    http::response<http::string_body> message(std::move(head), std::move(body));
    // 304 would promise that length for the answer to a request without its condition (RFC
    // 9110, 8.6).
    if (message.result() != http::status::not_modified) {
        message.content_length(message.body().size());
    }
    message.keep_alive(keep_alive);
    co_await http::async_write(stream_, message, asio::use_awaitable);
}

/// To HEAD: as the answer to GET, without its body.
asio::awaitable<void> Connection::send_head(http::response_header<> head, const Response& response,
                                            bool keep_alive)
{
    http::response<http::empty_body> message(std::move(head));
    const bool has_size = !response.chunks && !response.stream;
    if (has_size) message.content_length(response.body.size());
    message.keep_alive(keep_alive);
    http::response_serializer<http::empty_body> serializer(message);
    co_await http::async_write_header(stream_, serializer, asio::use_awaitable);
}

/// Says whether the body is to come in chunks.
asio::awaitable<bool> Connection::send_unsized_head(http::response_header<> head, bool keep_alive)
{
    http::response<http::empty_body> message(std::move(head));
    const bool is_chunked = message.version() >= http_1_1;
    if (is_chunked) message.chunked(true);
    message.keep_alive(keep_alive);
    http::response_serializer<http::empty_body> serializer(message);
    co_await http::async_write_header(stream_, serializer, asio::use_awaitable);
    co_return is_chunked;
}

asio::awaitable<void> Connection::send_part(std::string part, bool is_chunked)
{
    const auto bytes = asio::buffer(part);
    if (is_chunked) {
        const auto framed = http::make_chunk(bytes);
        co_await asio::async_write(stream_, framed, asio::use_awaitable);
    } else {
        co_await asio::async_write(stream_, bytes, asio::use_awaitable);
    }
}

asio::awaitable<void> Connection::send_end(bool is_chunked)
{
    if (!is_chunked) co_return;
    const auto end = http::make_chunk_last();
    co_await asio::async_write(stream_, end, asio::use_awaitable);
}

asio::awaitable<void> Connection::send_chunks(http::response_header<> head, Response response,
                                              bool keep_alive)
{
    const bool is_chunked = co_await send_unsized_head(std::move(head), keep_alive);
    std::string part = std::move(response.body);
    Patience patience(settings_.idle_timeout);
    for (;;) {
        const auto begun = std::chrono::steady_clock::now();
        const std::size_t size = part.size();
        stream_.lower().expires_after(patience.left());
        co_await send_part(std::move(part), is_chunked);
        patience.accepted(size, std::chrono::steady_clock::now() - begun);
        if (response.chunks->is_at_end()) break;
        part = co_await response.chunks->next();
    }
    co_await send_end(is_chunked);
}

/// A slow client may take as long as it likes for the whole, but not for a part.
asio::awaitable<void> Connection::send_stream(const Request& request, http::response_header<> head,
                                              Stream& stream, bool keep_alive)
{
    struct Streaming {
        Streaming(Connection& one, Stream& sent) : connection(one)
        {
            connection.streaming_ = &sent;
            connection.metrics_.stream_opened();
        }
        Streaming(const Streaming&) = delete;
        Streaming& operator=(const Streaming&) = delete;
        ~Streaming()
        {
            connection.streaming_ = nullptr;
            connection.metrics_.stream_closed();
        }
        Connection& connection;
    };
    const Streaming streaming(*this, stream);
    const Departure departure(stream_.lower().socket(), [&stream] { stream.stop(); });
    const bool is_chunked = co_await send_unsized_head(std::move(head), keep_alive);
    auto admitted_at = std::chrono::steady_clock::now();
    for (;;) {
        std::string part = co_await stream.next();
        if (part.empty()) break;
        const auto now = std::chrono::steady_clock::now();
        if (now - admitted_at >= readmission_interval) {
            admitted_at = now;
            const bool is_welcome = co_await is_still_admitted(request);
            if (!is_welcome) break;
        }
        stream_.lower().expires_after(settings_.idle_timeout);
        co_await send_part(std::move(part), is_chunked);
    }
    stream_.lower().expires_after(settings_.idle_timeout);
    co_await send_end(is_chunked);
}

/// A store that is away ends no stream.
asio::awaitable<bool> Connection::is_still_admitted(const Request& request)
{
    const std::variant<Router::Admission, Response> again = co_await router_.admit(request);
    const auto* const refused = std::get_if<Response>(&again);
    co_return refused == nullptr || (refused->status != http::status::unauthorized &&
                                     refused->status != http::status::forbidden);
}

asio::awaitable<void> Connection::linger()
{
    error_code failed;
    stream_.lower().expires_after(linger_time);
    if (stream_.is_encrypted()) {
        co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, failed));
        co_return;
    }
    stream_.lower().socket().shutdown(asio::socket_base::shutdown_send, failed);
    std::size_t left = linger_bytes;
    is_waiting_ = true;
    while (!failed && left > 0) {
        buffer_.clear();
        const auto space = buffer_.prepare(read_ahead);
        const std::size_t count = co_await stream_.async_read_some(
            space, asio::redirect_error(asio::use_awaitable, failed));
        left -= std::min(left, count);
    }
    is_waiting_ = false;
}

void Connection::close()
{
    stream_.lower().close();
}

void Connection::cut()
{
    error_code ignored;
    // Reset instead of an orderly end: the client must not take a part of a list for the whole.
    stream_.lower().socket().set_option(asio::socket_base::linger(true, 0), ignored);
    stream_.lower().close();
}

}  // namespace peercron
