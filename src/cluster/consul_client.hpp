#pragma once

#include "base/clock.hpp"
#include "base/maybe_tls.hpp"
#include "base/tls_context.hpp"
#include "cluster/consul_api.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Speaks HTTP with one Consul agent and keeps connections open between calls. Calls may overlap;
/// each has a connection of its own.
///
/// Lives on one thread and outlives every call.
class ConsulClient final : public ConsulApi {
public:
    /// @param address  HOST:PORT or https://HOST:PORT. Throws std::invalid_argument when it is
    ///                 neither, or names the file of `tls` that cannot be used.
    /// @param token    sent as X-Consul-Token unless empty.
    ConsulClient(asio::any_io_executor executor, const std::string& address, std::string token,
                 const TlsFiles& tls = {});

    asio::awaitable<Result<ConsulAnswer, NoAnswer>> call(ConsulCall call) override;

    const std::string& address() const override { return address_; }

private:
    using Request = boost::beast::http::request<boost::beast::http::string_body>;

    struct Connection {
        explicit Connection(const asio::any_io_executor& executor) : stream(executor) {}
        MaybeTls<boost::beast::tcp_stream> stream;
        boost::beast::flat_buffer buffer;
    };

    Request make_request(ConsulCall& call) const;
    std::unique_ptr<Connection> take_kept();
    asio::awaitable<Result<ConsulAnswer, NoAnswer>> call_on(std::unique_ptr<Connection> connection,
                                                            Request& request, SteadyTime deadline);
    /// nullopt when it is connected, else why it is not.
    asio::awaitable<std::optional<NoAnswer>> connect(Connection& connection, SteadyTime deadline);

    asio::any_io_executor executor_;
    std::string address_;
    std::string host_;
    std::string port_;
    std::string token_;
    TlsContext tls_;  // null: not encrypted
    std::vector<std::unique_ptr<Connection>> kept_;
};

}  // namespace peercron
