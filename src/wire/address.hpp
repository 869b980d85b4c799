#pragma once

#include "base/result.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>

namespace peercron {

/// "127.0.0.1:9991" or "[::1]:9991". Names are not looked up: peers are known by concrete
/// addresses, and nothing then waits for a name server.
Result<boost::asio::ip::tcp::endpoint> parse_peer_address(std::string_view address);

/// In the form that parse_peer_address() reads.
std::string to_string(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace peercron
