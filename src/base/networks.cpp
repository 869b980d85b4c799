#include "base/networks.hpp"

namespace peercron {

namespace ip = asio::ip;

Result<Networks> Networks::parse(const std::vector<std::string>& texts)
{
    Networks result;
    for (const std::string& text : texts) {
        boost::system::error_code bad;
        const ip::address address = ip::make_address(text, bad);
        if (!bad && address.is_v4()) {
            result.networks_.emplace_back(ip::network_v4(address.to_v4(), 32));
            continue;
        }
        if (!bad) {
            result.networks_.emplace_back(ip::network_v6(address.to_v6(), 128));
            continue;
        }
        if (const auto v4 = ip::make_network_v4(text, bad); !bad) {
            result.networks_.emplace_back(v4);
            continue;
        }
        if (const auto v6 = ip::make_network_v6(text, bad); !bad) {
            result.networks_.emplace_back(v6);
            continue;
        }
        return Error{"\"" + text +
                     "\" is neither an address (10.0.0.5) nor a network (10.0.0.0/8)"};
    }
    return result;
}

bool Networks::contain(const ip::address& address) const
{
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return contain(ip::make_address_v4(ip::v4_mapped, address.to_v6()));
    }
    for (const auto& network : networks_) {
        if (const auto* const v4 = std::get_if<ip::network_v4>(&network)) {
            if (!address.is_v4()) continue;
            const ip::network_v4 around(address.to_v4(), v4->prefix_length());
            if (around.canonical() == v4->canonical()) return true;
        } else if (address.is_v6()) {
            const auto& v6 = std::get<ip::network_v6>(network);
            ip::address_v6 plain = address.to_v6();
            plain.scope_id(0);
            const ip::network_v6 around(plain, v6.prefix_length());
            if (around.canonical() == v6.canonical()) return true;
        }
    }
    return false;
}

}  // namespace peercron
