#include "http_client/curl_parts.hpp"

#include <netinet/in.h>

#include <cstring>

namespace peercron {

namespace ip = boost::asio::ip;

long number_of(CURL* easy, CURLINFO info)
{
    long number = 0;
    curl_easy_getinfo(easy, info, &number);
    return number;
}

std::optional<CurlPeer> read_peer(const sockaddr& address)
{
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        return CurlPeer{ip::address_v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        ip::address_v6::bytes_type bytes{};
        std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
        return CurlPeer{ip::address_v6(bytes), ntohs(v6.sin6_port)};
    }
    return std::nullopt;
}

std::string peer_text(std::string_view address, int port)
{
    const bool is_v6 = address.find(':') != std::string_view::npos;
    std::string text;
    text.append(is_v6 ? "[" : "").append(address).append(is_v6 ? "]:" : ":");
    text += std::to_string(port);
    return text;
}

bool is_address(const std::string& host)
{
    boost::system::error_code bad;
    ip::make_address(host, bad);
    return !bad;
}

}  // namespace peercron
