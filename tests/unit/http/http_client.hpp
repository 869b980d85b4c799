#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;

struct Reply {
    unsigned status = 0;
    http::fields headers;
    bool keep_alive = false;
    std::string body;
    std::vector<std::uint64_t> chunk_sizes;

    std::string header(std::string_view name) const;
    boost::json::value json() const;
    boost::json::value data() const;
    std::string message() const;
};

/// A client's connection that speaks bytes. Each call turns the context until it is done: server
/// and clients of a test share one thread, so that a test reads from top to bottom.
class HttpClient {
public:
    HttpClient(asio::io_context& io, const asio::ip::tcp::endpoint& server);

    /// What the server does not want to read is dropped.
    void send(std::string_view bytes);

    /// The next answer; `to_head` when it has no body whatever its header says. Throws
    /// boost::system::system_error when it breaks off.
    Reply read(bool to_head = false);

    Reply exchange(std::string_view bytes);

    /// Everything until the server ends the connection.
    std::string read_to_end();

    /// What comes next, as much as there is.
    std::string read_some();

private:
    asio::io_context& io_;
    asio::ip::tcp::socket socket_;
    boost::beast::flat_buffer buffer_;
};

}  // namespace peercron::testing
