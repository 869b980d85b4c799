#pragma once

#include "base/result.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <string>
#include <variant>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// A set of IP networks. An IPv4 address that is written as one of IPv6 (::ffff:10.0.0.1) counts as
/// what it is.
class Networks {
public:
    Networks() = default;

    /// Of addresses ("10.0.0.1") and networks ("10.0.0.0/8", "fe80::/10").
    static Result<Networks> parse(const std::vector<std::string>& texts);

    bool contain(const asio::ip::address& address) const;

private:
    std::vector<std::variant<asio::ip::network_v4, asio::ip::network_v6>> networks_;
};

}  // namespace peercron
