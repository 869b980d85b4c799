#include "cli/api_address.hpp"

#include "schedule/quote.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <cstdint>

namespace peercron {
namespace {

/// 1 to 65535; the URL's own reading takes larger ones modulo 65536.
bool is_port(std::string_view text)
{
    std::uint16_t port = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && rest == text.data() + text.size() && port != 0;
}

}  // namespace

Result<ApiAddress> parse_api_url(std::string_view text)
{
    const std::string given(text);
    constexpr std::string_view local = "unix:";
    if (text.starts_with(local)) {
        ApiAddress address;
        address.url = given;
        address.host = "localhost";
        address.socket = given.substr(local.size());
        constexpr std::size_t longest = 107;  // unix(7)
        if (address.socket.starts_with('/') && address.socket.size() <= longest) return address;
        return Error{quote(text) +
                     " is not the socket of a node: expected unix:/PATH, such as "
                     "unix:/run/peercron/peercron.sock, with a path of at most 107 bytes"};
    }
    const std::string whole =
        given.find("://") == std::string::npos ? "http://" + given : std::string(given);
    const Error refused{
        quote(text) +
        " is not the URL of a node: expected http://HOST:PORT, such as http://127.0.0.1:9990"};
    const auto parsed = boost::urls::parse_uri(whole);
    if (!parsed) return refused;
    const boost::urls::url_view& url = *parsed;
    const bool is_https = url.scheme() == "https";
    if ((url.scheme() != "http" && !is_https) || url.host().empty() || url.has_userinfo() ||
        url.has_query() || url.has_fragment()) {
        return refused;
    }
    ApiAddress address;
    address.is_https = is_https;
    address.host =
        url.host_type() == boost::urls::host_type::ipv6 ? url.host_address() : url.host();
    if (url.has_port() && !is_port(url.port())) return refused;
    address.port = url.has_port() ? std::string(url.port()) : is_https ? "443" : "80";
    address.prefix = std::string(url.encoded_path());
    while (address.prefix.ends_with('/')) address.prefix.pop_back();
    address.url = (is_https ? "https://" : "http://") + std::string(url.encoded_host());
    if (url.has_port()) address.url += ":" + address.port;
    address.url += address.prefix;
    return address;
}

}  // namespace peercron
