#pragma once

#include "http/http_metrics.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>

#include <string>

namespace peercron {

/// One client's connection. Lives on the I/O thread; its references outlive it.
class Connection {
public:
    Connection(asio::ip::tcp::socket socket, const HttpSettings& settings, const Router& router,
               HttpMetrics& metrics);

    /// Answers requests until the client or finish() ends it. Throws only when cancelled.
    asio::awaitable<void> run();

    /// Answers 503 without reading anything, because there are too many connections.
    asio::awaitable<void> turn_away();

    /// No further request: ends at once while it waits for one, else after the answer.
    void finish();

    /// Ends at once, also in the middle of an answer.
    void cut();

private:
    using Parser = http::request_parser<http::string_body>;

    asio::awaitable<bool> serve_next();
    asio::awaitable<bool> wait_for_request();
    asio::awaitable<boost::system::error_code> read(Parser& parser);
    asio::awaitable<bool> reject(boost::system::error_code failed);
    asio::awaitable<bool> respond(const Request& request, Response response);
    asio::awaitable<void> send(http::response_header<> head, std::string body, bool keep_alive);
    asio::awaitable<void> send_head(http::response_header<> head, const Response& response,
                                    bool keep_alive);
    asio::awaitable<void> send_chunks(http::response_header<> head, Response response,
                                      bool keep_alive);
    asio::awaitable<void> linger();
    void close();

    beast::tcp_stream stream_;
    asio::ip::address peer_;
    const HttpSettings& settings_;
    const Router& router_;
    HttpMetrics& metrics_;
    beast::flat_buffer buffer_;
    bool waiting_ = false;  // for the first byte of a request
    bool finishing_ = false;
};

}  // namespace peercron
