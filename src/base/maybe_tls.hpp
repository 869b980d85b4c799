#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>

#include <optional>
#include <string>
#include <utility>

namespace peercron {

/// Before the handshake of a client: the server must prove that this is its name, or its address.
void expect_server(SSL* ssl, const std::string& host);

/// After a handshake that failed: what the other end did, in words of an operator.
std::string handshake_failure(SSL* ssl, boost::system::error_code error);

/// A stream of Beast, such as tcp_stream, that may be encrypted: an AsyncStream of Asio either way.
/// Deadlines are those of lower(). One read and one write at a time.
template <class Lower>
class MaybeTls {
public:
    using executor_type = typename Lower::executor_type;
    using Side = boost::asio::ssl::stream_base::handshake_type;

    template <class Argument>
    explicit MaybeTls(Argument&& argument) : lower_(std::forward<Argument>(argument))
    {}

    Lower& lower() { return lower_; }
    executor_type get_executor() { return lower_.get_executor(); }
    bool is_encrypted() const { return tls_.has_value(); }

    /// Of one connection, everything from here on is encrypted: async_handshake() is next.
    void encrypt(boost::asio::ssl::context& context) { tls_.emplace(lower_, context); }

    /// The next connection is not encrypted, or not yet.
    void forget_tls() { tls_.reset(); }

    /// OpenSSL's side of it, when encrypted.
    SSL* ssl() { return tls_->native_handle(); }

    template <class Token>
    auto async_handshake(Side side, Token&& token)
    {
        return tls_->async_handshake(side, std::forward<Token>(token));
    }

    /// When encrypted: tells the other end that nothing follows, and waits for its word.
    template <class Token>
    auto async_shutdown(Token&& token)
    {
        return tls_->async_shutdown(std::forward<Token>(token));
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token)
    {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
        return lower_.async_read_some(buffers, std::forward<Token>(token));
    }

    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token)
    {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
        return lower_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    Lower lower_;
    std::optional<boost::asio::ssl::stream<Lower&>> tls_;
};

}  // namespace peercron
