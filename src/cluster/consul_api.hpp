#pragma once

#include "base/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

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

/// A Consul agent: `ConsulClient` over HTTP, or a simulated one. Calls may overlap.
class ConsulApi {
public:
    virtual ~ConsulApi() = default;

    /// Makes the call, once: Consul sees it at most one time. Throws only when the coroutine is
    /// cancelled.
    virtual asio::awaitable<Result<ConsulAnswer, NoAnswer>> call(ConsulCall call) = 0;

    /// For messages: HOST:PORT.
    virtual const std::string& address() const = 0;
};

}  // namespace peercron
