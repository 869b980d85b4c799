#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace peercron {

/// Where the database is, and how long to wait for it.
struct MysqlSettings {
    std::string host = "127.0.0.1";
    std::uint16_t port = 3306;
    std::string socket;  ///< path of a Unix socket; when given, host and port are not used
    std::string user;
    std::string password;
    std::string database = "cron";

    /// Of connections by TCP; a Unix socket is never encrypted.
    enum class Tls : std::uint8_t {
        off,
        prefer,   ///< if the server can: against listeners only
        require,  ///< not without: against listeners only, since anybody may be the server
        verify,   ///< the server must prove its name with a certificate of `ca`
    };
    Tls tls = Tls::prefer;
    std::string ca;  ///< file in PEM; empty: the authorities of this machine

    // The client library counts in whole seconds: both are rounded up.
    std::chrono::milliseconds connect_timeout{3000};
    std::chrono::milliseconds timeout{10000};  ///< of one statement, on the server as well
};

/// "127.0.0.1:3306", or the socket's path: for messages.
std::string to_string(const MysqlSettings& settings);

}  // namespace peercron
