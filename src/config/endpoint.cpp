#include "config/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace peercron {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text)
{
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, port);
    // One port has one spelling, because addresses are compared as texts.
    if (error != std::errc() || rest != end || port == 0 || text.front() == '0')
        return std::nullopt;
    return port;
}

bool is_host_name(std::string_view text)
{
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    };
    // A name of digits and dots alone is a mistyped address: 10.0.0.500.
    const bool has_letter = std::any_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    return has_letter && text.size() <= 253 && std::all_of(text.begin(), text.end(), allowed);
}

std::optional<HostKind> kind_of_v4(std::uint32_t address)
{
    if (address == INADDR_ANY) return HostKind::wildcard;
    if (address >> 24U == 127) return HostKind::loopback;
    if (address >> 28U >= 14) return std::nullopt;  // multicast, reserved, broadcast
    return HostKind::unicast;
}

}  // namespace

std::optional<HostKind> parse_ip(const std::string& text)
{
    in_addr v4{};
    if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return kind_of_v4(ntohl(v4.s_addr));
    in6_addr v6{};
    if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
    if (IN6_IS_ADDR_UNSPECIFIED(&v6)) return HostKind::wildcard;
    if (IN6_IS_ADDR_LOOPBACK(&v6)) return HostKind::loopback;
    if (IN6_IS_ADDR_MULTICAST(&v6)) return std::nullopt;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        std::memcpy(&v4, &v6.s6_addr[12], sizeof v4);
        return kind_of_v4(ntohl(v4.s_addr));
    }
    return HostKind::unicast;
}

std::optional<Endpoint> parse_endpoint(std::string_view text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);

    Endpoint endpoint{.host = std::string(host), .port = *port};
    const bool is_v6 = host.find(':') != std::string_view::npos;
    if (is_v6 != brackets) return std::nullopt;
    if (is_host_name(host)) return endpoint;
    const auto kind = parse_ip(endpoint.host);
    if (!kind) return std::nullopt;
    endpoint.kind = *kind;
    return endpoint;
}

}  // namespace peercron
