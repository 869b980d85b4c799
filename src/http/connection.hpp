#pragma once

#include "base/clock.hpp"
#include "base/maybe_tls.hpp"
#include "http/budget.hpp"
#include "http/client_sockets.hpp"
#include "http/http_metrics.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace peercron {

/// One client's connection. Lives on the I/O thread; its references outlive it.
class Connection {
public:
    Connection(ClientSocket socket, const HttpSettings& settings, const Router& router,
               HttpMetrics& metrics, Budget& budget);

    /// Answers requests until the client or finish() ends it. Throws only when cancelled.
    asio::awaitable<void> run();

    /// Answers 503 without reading anything, because there are too many connections.
    asio::awaitable<void> turn_away();

    /// No further request: ends at once while it waits for one, else after the answer.
    void finish();

    /// Ends at once, also in the middle of an answer.
    void cut();

    /// Since when it has only been waiting for its client, without an admitted request: such a
    /// connection may be closed for a new one. Not set: it is at work, or closed already.
    std::optional<SteadyTime> idle_since() const;

    /// Ends an idle connection, and frees its descriptor at once.
    void make_way();

private:
    using Parser = http::request_parser<http::string_body>;

    asio::awaitable<bool> shake_hands();
    asio::awaitable<bool> serve_next();
    asio::awaitable<bool> wait_for_request();
    asio::awaitable<boost::system::error_code> read_header(Parser& parser);
    asio::awaitable<std::variant<Budget::Share, Response>> take_share(std::size_t body_size);
    asio::awaitable<boost::system::error_code> read_body(Parser& parser);
    asio::awaitable<std::variant<Router::Admission, Response>> admit(const Request& request,
                                                                     const Parser& parser);
    asio::awaitable<bool> serve(Request request, Router::Admission admitted);
    asio::awaitable<bool> reject(boost::system::error_code failed);
    void note(const Request& request, std::string_view route, http::status status,
              std::chrono::steady_clock::duration duration);
    asio::awaitable<bool> respond(const Request& request, Response response);
    asio::awaitable<void> send(http::response_header<> head, std::string body, bool keep_alive);
    asio::awaitable<void> send_head(http::response_header<> head, const Response& response,
                                    bool keep_alive);
    asio::awaitable<bool> send_unsized_head(http::response_header<> head, bool keep_alive);
    asio::awaitable<void> send_part(std::string part, bool is_chunked);
    asio::awaitable<void> send_end(bool is_chunked);
    asio::awaitable<void> send_chunks(http::response_header<> head, Response response,
                                      bool keep_alive);
    asio::awaitable<void> send_stream(const Request& request, http::response_header<> head,
                                      Stream& stream, bool keep_alive);
    asio::awaitable<bool> is_still_admitted(const Request& request);
    asio::awaitable<void> linger();
    void close();

    std::string peer_text() const;

    MaybeTls<beast::basic_stream<asio::generic::stream_protocol>> stream_;
    Peer peer_;
    const HttpSettings& settings_;
    const Router& router_;
    HttpMetrics& metrics_;
    Budget& budget_;
    beast::flat_buffer buffer_;
    bool is_waiting_ = false;  // for the first byte of a request
    bool is_finishing_ = false;
    bool is_at_work_ = false;  // a request was let in and is not answered yet
    bool has_made_way_ = false;
    Stream* streaming_ = nullptr;  // what is being sent
    SteadyTime idle_since_ = std::chrono::steady_clock::now();
};

}  // namespace peercron
