#pragma once

#include "http/budget.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>

#include <sys/types.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// A user of this machine, as the kernel tells (SO_PEERCRED, SO_PEERGROUPS).
struct LocalUser {
    uid_t uid = static_cast<uid_t>(-1);
    std::vector<gid_t> groups;
};

/// Who is at the other end of a connection.
struct Peer {
    asio::ip::address address;      ///< of TCP
    std::optional<LocalUser> user;  ///< of a connection within this machine
};

/// A request as it came, body included, and where it came from.
struct Request {
    http::request<http::string_body> message;
    asio::ip::address peer;
    std::optional<LocalUser> user = {};  ///< set: `peer` is not
    bool is_encrypted = false;           ///< it came over this node's own TLS
};

/// A body that is made while it is sent, so that a long list never exists as a whole.
class Chunks {
public:
    Chunks() = default;
    Chunks(const Chunks&) = delete;
    Chunks& operator=(const Chunks&) = delete;
    virtual ~Chunks() = default;

    /// The next part, some 64 KiB, never empty. When it throws the connection is cut, so that the
    /// client never takes a part for the whole.
    virtual asio::awaitable<std::string> next() = 0;

    /// Whether the last part has been returned.
    virtual bool is_at_end() const = 0;
};

/// A body that goes on as long as there is something to tell.
class Stream {
public:
    Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    virtual ~Stream() = default;

    /// The next part, when there is one; empty at the end. It is asked for when the one before was
    /// taken by the client's side of the connection: a slow client is asked for less often, and
    /// never has more than one part here. When it throws the connection is cut.
    virtual asio::awaitable<std::string> next() = 0;

    /// The client has gone, or the server stops: next() returns soon, and then comes the end. May
    /// be called at any time, and again.
    virtual void stop() = 0;
};

struct Response {
    http::status status = http::status::ok;
    std::string content_type = "application/json";
    std::vector<std::pair<http::field, std::string>> headers;
    std::vector<std::pair<std::string_view, std::string>> own_headers = {};  ///< "X-…"
    std::string body;
    std::unique_ptr<Chunks> chunks;    ///< when set, what follows on `body`
    std::unique_ptr<Stream> stream;    ///< when set, the body
    Budget::Share share;               ///< for a long `body`
    std::string_view route = "other";  ///< the pattern of the route that answered, for metrics
};

/// The request is refused; thrown anywhere, answered in one place (Router).
class HttpError : public std::runtime_error {
public:
    HttpError(http::status status, const std::string& message)
        : std::runtime_error(message), status_(status)
    {}

    http::status status() const { return status_; }

    /// A header that the answer has to carry, as Allow with 405.
    HttpError& with(http::field name, std::string value)
    {
        headers_.emplace_back(name, std::move(value));
        return *this;
    }
    const std::vector<std::pair<http::field, std::string>>& headers() const { return headers_; }

private:
    http::status status_;
    std::vector<std::pair<http::field, std::string>> headers_;
};

/// 400 with this message.
[[noreturn]] inline void refuse(const std::string& message)
{
    throw HttpError(http::status::bad_request, message);
}

}  // namespace peercron
