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

/// When the context's own certificate expires.
WallTime certificate_expiry(const boost::asio::ssl::context& context);

}  // namespace peercron
