#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace peercron {

/// Why a connection to a peer failed. None of these means that the peer is dead: a firewall, a full
/// queue, a network that is being changed, or anybody on the way can refuse and reset connections,
/// too.
struct PeerError {
    enum class Kind : std::uint8_t {
        timed_out,       ///< no connection, or no end of the greeting, by the deadline
        authentication,  ///< one does not prove the cluster secret, or a certificate
        version,         ///< no version in common, or only one requires encryption, or certificates
        other,           ///< see code, when there is one; eof: it left during the greeting
    };

    Kind kind = Kind::other;
    boost::system::error_code code;  ///< of the operating system, if it was that
    std::string message;             ///< begins with the peer's address

    friend bool operator==(const PeerError&, const PeerError&) = default;
};

/// Found by argument-dependent lookup when value() is called on a Result that holds a PeerError.
[[noreturn]] inline void throw_exception_from_error(const PeerError& error,
                                                    const boost::source_location&)
{
    throw std::runtime_error(error.message);
}

}  // namespace peercron
