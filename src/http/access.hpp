#pragma once

#include "http/message.hpp"

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace peercron {

/// What a token allows; each role may do what the ones before it may.
enum class Role : std::uint8_t {
    read,     ///< see jobs, runs and nodes
    operate,  ///< stop and start jobs
    admin,    ///< add, change and delete jobs
};

std::string_view to_string(Role role);

struct Token {
    std::string name;    ///< for the log
    std::string secret;  ///< what the client shows
    Role role = Role::read;
};

/// The caller, and from where it calls; for the log.
struct Caller {
    std::string name;  ///< the token's, or "anonymous" when no tokens are configured
    std::string address;
    Role role = Role::admin;  ///< what it may do; without tokens everything
};

/// Which names are accepted in the Host field of a request when there are no tokens.
enum class Hosts : std::uint8_t {
    any,
    /// Addresses, names below "localhost", and names without a dot. A page of any site can make its
    /// own name point to this machine (DNS rebinding); then the browser takes the node for that
    /// site. Such a name has a dot.
    this_machine,
};

/// Decides who may do what. Without tokens everybody may do everything.
class Access {
public:
    /// @param trusted_proxies addresses or networks ("10.0.0.0/8") whose X-Real-IP and
    ///        X-Forwarded-For are believed.
    /// @throws std::invalid_argument for a token without a secret and for a proxy that is neither.
    Access(const std::vector<Token>& tokens, const std::vector<std::string>& trusted_proxies,
           Hosts hosts = Hosts::any);

    /// The caller, if it may do what needs the role `needed` (not set: everybody may). The token is
    /// in "Authorization: Bearer …" or "X-Peercron-Token: …"; it is compared in constant time.
    /// @throws HttpError 401 without a known token, 403 when its role is too low, or when there are
    ///         no tokens and the request is for a host that is not allowed.
    Caller admit(const Request& request, std::optional<Role> needed) const;

    /// The client's address: the peer's, or what a trusted proxy says. X-Real-IP comes first, then
    /// the last address of X-Forwarded-For that is not a trusted proxy itself.
    std::string client_address(const Request& request) const;

private:
    using Digest = std::array<unsigned char, 32>;
    struct KnownToken {
        std::string name;
        Digest digest;
        Role role;
    };
    using Network = std::variant<asio::ip::network_v4, asio::ip::network_v6>;

    static Digest digest(std::string_view secret);
    static Network parse_network(const std::string& text);
    const KnownToken* find(std::string_view secret) const;
    bool is_trusted(const asio::ip::address& address) const;

    std::vector<KnownToken> tokens_;
    std::vector<Network> trusted_;
    Hosts hosts_;
};

/// Refuses a request that a browser sends for anything but a page of this address. GETs that change
/// something exist for old clients, so even the address of an image, or a link in a mail, could
/// stop a job. Judged by Sec-Fetch-Site and Sec-Fetch-Mode (W3C Fetch Metadata), else by Origin,
/// else by Referer, port included; programs send none of them.
/// @throws HttpError 403.
void refuse_cross_site(const Request& request);

}  // namespace peercron
