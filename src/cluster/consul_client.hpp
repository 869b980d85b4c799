#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// One call of Consul's HTTP API.
struct ConsulCall {
    boost::beast::http::verb method = boost::beast::http::verb::get;
    std::string target;  ///< path and query, encoded
    std::string body;
    std::chrono::milliseconds timeout{3000};  ///< for all of it: name, connection and answer
};

/// Any answer of Consul.
struct ConsulAnswer {
    unsigned status = 0;                 ///< HTTP status
    std::optional<std::uint64_t> index;  ///< X-Consul-Index
    std::string body;                    ///< on an error its reason, in plain text

    bool ok() const { return status == 200; }
};

/// Why there is no answer. It is not known whether Consul carried out the request.
struct NoAnswer {
    std::string reason;      ///< with the agent's address
    bool timed_out = false;  ///< it may only be slow; otherwise the connection failed
};

/// Speaks HTTP with one Consul agent and keeps connections open between calls. Calls may overlap;
/// each has a connection of its own.
///
/// Lives on one thread and outlives every call.
class ConsulClient {
public:
    /// @param address  HOST:PORT; plain HTTP. Throws std::invalid_argument when it is not.
    /// @param token    sent as X-Consul-Token unless empty.
    ConsulClient(asio::any_io_executor executor, const std::string& address, std::string token);

    /// Makes the call, once: Consul sees it at most one time. Throws only when the coroutine is
    /// cancelled.
    asio::awaitable<Result<ConsulAnswer, NoAnswer>> call(ConsulCall call);

    const std::string& address() const { return address_; }

private:
    using Request = boost::beast::http::request<boost::beast::http::string_body>;

    struct Connection {
        explicit Connection(const asio::any_io_executor& executor) : stream(executor) {}
        boost::beast::tcp_stream stream;
        boost::beast::flat_buffer buffer;
    };

    Request make_request(ConsulCall& call) const;
    std::unique_ptr<Connection> take_kept();
    asio::awaitable<Result<ConsulAnswer, NoAnswer>> call_on(std::unique_ptr<Connection> connection,
                                                            Request& request, SteadyTime deadline);
    asio::awaitable<boost::system::error_code> connect(Connection& connection, SteadyTime deadline);

    asio::any_io_executor executor_;
    std::string address_;
    std::string host_;
    std::string port_;
    std::string token_;
    std::vector<std::unique_ptr<Connection>> kept_;
};

}  // namespace peercron
