#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// What kind of host stands in an address.
enum class HostKind : std::uint8_t {
    name,      ///< "consul.internal"
    loopback,  ///< 127.0.0.0/8, ::1: this machine only
    wildcard,  ///< 0.0.0.0, ::: every address of this machine
    unicast,   ///< any other IP address of one machine
};

/// "HOST:PORT", an IPv6 address in brackets: "[::1]:9991".
struct Endpoint {
    std::string host;  ///< without brackets
    std::uint16_t port = 0;
    HostKind kind = HostKind::name;
};

/// nullopt when the text has another form, the port is 0, or the address is a multicast or
/// broadcast one.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// The kind of an IP address; nullopt when it is none, or one of many machines.
std::optional<HostKind> parse_ip(const std::string& text);

}  // namespace peercron
