#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace peercron {

/// Where a node's HTTP API is.
struct ApiAddress {
    std::string url;  ///< as messages show it: "http://127.0.0.1:9990"
    bool is_https = false;
    std::string host;  ///< an IPv6 address without its brackets
    std::string port;
    std::string prefix;  ///< what stands before every path behind a proxy, "" or "/cron"
    std::string socket =
        {};  ///< set: the path of a node's socket on this machine, instead of these
};

/// Reads "http://HOST[:PORT][/PREFIX]", also without "http://", and the same with https, or
/// "unix:/PATH". The port is 80 or 443 when not given, as in every URL. Refuses user names, queries
/// and fragments.
Result<ApiAddress> parse_api_url(std::string_view text);

}  // namespace peercron
