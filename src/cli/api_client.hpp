#pragma once

#include "base/maybe_tls.hpp"
#include "base/tls_context.hpp"
#include "cli/api_address.hpp"
#include "cli/event_parser.hpp"
#include "cli/exit_status.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// Parameters of a query string, not yet encoded.
using Query = std::vector<std::pair<std::string, std::string>>;

/// "/log/list?search=a%20b", RFC 3986: all but the unreserved characters encoded.
std::string make_target(std::string_view path, const Query& query);

/// How long the other side may be silent.
struct ApiDeadlines {
    std::chrono::milliseconds connect{5'000};
    std::chrono::milliseconds answer{60'000};  ///< to the next piece of the answer
};

/// The node answered with an error.
class Refused : public Failure {
public:
    Refused(unsigned http_status, const std::string& message)
        : Failure(exit_status_of_http(http_status), message), http_status_(http_status)
    {}

    unsigned http_status() const { return http_status_; }

private:
    unsigned http_status_;
};

/// Calls the HTTP API of a node and waits for each answer; one connection, kept between calls.
///
/// Every call returns the answer's `data` or throws Failure, whose message says what is wrong in
/// the node's own words (Refused), or which server does not answer. A call that only reads is tried
/// once more on a new connection when the kept one broke; a change never is, because it may have
/// been made.
class ApiClient {
public:
    /// @param token empty: none is sent.
    /// @param tls   of client_tls(), for an https address.
    ApiClient(ApiAddress address, std::string token, ApiDeadlines deadlines = {},
              TlsContext tls = nullptr);

    boost::json::value get(std::string_view path, const Query& query = {});
    boost::json::value post(std::string_view path, const boost::json::object& fields = {});

    /// An answer that is plain text.
    std::string get_text(std::string_view path, const Query& query = {});

    /// Calls `on_event` for each event that the node sends, until that returns false or the node
    /// ends the stream. A node that sends nothing for 20 s, not even a heartbeat, does not answer.
    void watch(std::string_view path, const Query& query,
               const std::function<bool(const ServerEvent&)>& on_event);

    const std::string& url() const { return address_.url; }

private:
    using Request = boost::beast::http::request<boost::beast::http::string_body>;
    using Response = boost::beast::http::response<boost::beast::http::string_body>;
    using ErrorCode = boost::system::error_code;

    Request make_request(boost::beast::http::verb verb, const std::string& target) const;
    Response send(Request& request);
    ErrorCode write(Request& request);
    boost::json::value take_data(const Response& response) const;
    void connect();
    ErrorCode connect_to(const boost::asio::generic::stream_protocol::endpoint& endpoint);
    bool is_usable();
    ErrorCode exchange(Request& request, Response& response);
    template <class Start>
    ErrorCode complete(std::chrono::milliseconds limit, Start start);
    [[noreturn]] void fail_to_connect(const std::string& why) const;
    [[noreturn]] void fail_to_exchange(ErrorCode error, bool changes) const;

    ApiAddress address_;
    std::string token_;
    ApiDeadlines deadlines_;
    TlsContext tls_;
    boost::asio::io_context io_{1};
    MaybeTls<boost::beast::basic_stream<boost::asio::generic::stream_protocol>> stream_{io_};
    boost::beast::flat_buffer buffer_;
};

}  // namespace peercron
