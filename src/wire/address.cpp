#include "wire/address.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <cstdint>

namespace peercron {

using boost::asio::ip::tcp;

Result<tcp::endpoint> parse_peer_address(std::string_view address)
{
    const Error error{fmt::format(
        "\"{}\" is not an address: an IP address and a port are wanted, as 127.0.0.1:9991 or "
        "[::1]:9991",
        address)};
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) return error;
    std::string_view host = address.substr(0, colon);
    const std::string_view digits = address.substr(colon + 1);
    const bool in_brackets = host.starts_with('[') && host.ends_with(']');
    if (in_brackets) host = host.substr(1, host.size() - 2);

    boost::system::error_code bad_host;
    const auto ip = boost::asio::ip::make_address(host, bad_host);
    if (bad_host || ip.is_v6() != in_brackets) return error;
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) return error;
    return tcp::endpoint(ip, port);
}

std::string to_string(const tcp::endpoint& endpoint)
{
    const std::string ip = endpoint.address().to_string();
    if (endpoint.address().is_v6()) return fmt::format("[{}]:{}", ip, endpoint.port());
    return fmt::format("{}:{}", ip, endpoint.port());
}

}  // namespace peercron
