#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace peercron {

/// Files in PEM. Empty: there is none.
struct TlsFiles {
    std::string cert;  ///< the certificate of this end, and those between it and the root
    std::string key;   ///< its private key, without a passphrase
    std::string ca;    ///< who vouches for the other end
};

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// For connections to a server that must prove its name (TcpOrTlsStream::expect()). Without `ca`,
/// the authorities of this machine are trusted. TLS 1.2 and newer. The Error names the file that
/// cannot be used, and why.
Result<TlsContext> client_tls(const TlsFiles& files);

/// For a server. With `ca`, clients must have a certificate of that authority. The Error names the
/// file that cannot be used, and why.
Result<TlsContext> server_tls(const TlsFiles& files, TlsVersion min);

/// For either end of a connection among equals: each shows a certificate of `ca`, for whatever
/// name. TLS 1.3 with AES-128-GCM, a whole handshake for each connection. The Error names the file
/// that cannot be used, and why: also when the other ends would refuse the certificate.
Result<TlsContext> peer_tls(const TlsFiles& files);

/// When the context's own certificate expires.
WallTime certificate_expiry(const boost::asio::ssl::context& context);

}  // namespace peercron
