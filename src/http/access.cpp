#include "http/access.hpp"

#include "base/utf8.hpp"
#include "http/text.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <stdexcept>

namespace peercron {
namespace {

constexpr std::string_view token_header = "X-Peercron-Token";

std::string_view header(const Request& request, http::field name)
{
    const auto value = request.message[name];
    return {value.data(), value.size()};
}

std::string_view header(const Request& request, std::string_view name)
{
    const auto value = request.message[beast::string_view(name.data(), name.size())];
    return {value.data(), value.size()};
}

/// The secret that the client shows, "" when none.
std::string_view shown_secret(const Request& request)
{
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view authorization = header(request, http::field::authorization);
    if (equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) {
        return trim(authorization.substr(scheme.size()));
    }
    return trim(header(request, token_header));
}

/// A client that came over IPv4 to an IPv6 socket is shown by its IPv4 address.
asio::ip::address plain(const asio::ip::address& address)
{
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

std::optional<asio::ip::address> parse_address(std::string_view text)
{
    boost::system::error_code bad;
    const auto address = asio::ip::make_address(std::string(trim(text)), bad);
    if (bad) return std::nullopt;
    return plain(address);
}

/// The host of "http://host:port/path" or "host:port".
std::string_view host_of(std::string_view text)
{
    const auto scheme = text.find("://");
    if (scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    text = text.substr(0, text.find_first_of("/?#"));
    if (text.starts_with('[')) return text.substr(0, text.find(']') + 1);
    return text.substr(0, text.find(':'));
}

/// Whether `host` (of a Host field) cannot be a name that somebody elsewhere owns.
bool is_this_machine(std::string_view host)
{
    if (host.starts_with('[') || host.find('.') == std::string_view::npos) return true;
    constexpr std::string_view local = "localhost";
    if (equal_ignoring_case(host.substr(host.rfind('.') + 1), local)) return true;
    boost::system::error_code bad;
    asio::ip::make_address(std::string(host), bad);
    return !bad;
}

/// "host:port" of "http://host:port/path" or of a Host field; the port that a scheme has unless one
/// is given (80 where there is no scheme) is left out.
std::string origin_of(std::string_view text, std::string_view usual_port)
{
    const auto scheme = text.find("://");
    if (scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    text = text.substr(0, text.find_first_of("/?#"));
    const std::string_view host = host_of(text);
    std::string_view port = text.substr(host.size());
    if (port.starts_with(':')) port.remove_prefix(1);
    if (port.empty() || port == usual_port) return std::string(host);
    return fmt::format("{}:{}", host, port);
}

/// Whether an Origin or a Referer is of the address that the request was sent to.
bool is_own(std::string_view origin, std::string_view host)
{
    const std::string_view usual_port = origin.starts_with("https:") ? "443" : "80";
    return equal_ignoring_case(origin_of(origin, usual_port), origin_of(host, usual_port));
}

[[noreturn]] void refuse_site(std::string_view name, std::string_view value)
{
    throw HttpError(
        http::status::forbidden,
        fmt::format(
            "{}: {} says that a browser sent this, and not for a page of this address; calls that "
            "change something are accepted only from this address's own pages and from programs (a "
            "proxy must pass on the Host field unchanged, port included)",
            name, quote_utf8(value)));
}

}  // namespace

std::string_view to_string(Role role)
{
    switch (role) {
        case Role::read:
            return "read";
        case Role::operate:
            return "operate";
        case Role::admin:
            return "admin";
    }
    return "unknown";
}

Access::Access(const std::vector<Token>& tokens, const std::vector<std::string>& trusted_proxies,
               Hosts hosts)
    : hosts_(hosts)
{
    for (const Token& token : tokens) {
        if (token.secret.empty()) {
            throw std::invalid_argument("http: the token " + quote_utf8(token.name) +
                                        " has no secret");
        }
        tokens_.push_back({token.name, digest(token.secret), token.role});
    }
    for (const std::string& proxy : trusted_proxies) trusted_.push_back(parse_network(proxy));
}

Caller Access::admit(const Request& request, std::optional<Role> needed) const
{
    Caller caller{"anonymous", client_address(request)};
    if (tokens_.empty()) {
        const std::string_view host = host_of(header(request, http::field::host));
        if (needed && hosts_ == Hosts::this_machine && !is_this_machine(host)) {
            throw HttpError(
                http::status::forbidden,
                fmt::format("Host: given {}; a node without tokens accepts calls only for an IP "
                            "address or localhost, so that no web page can send them. Set "
                            "[[http.tokens]], or [http] allow_anonymous = true",
                            quote_utf8(host)));
        }
        return caller;
    }
    const std::string_view secret = shown_secret(request);
    const KnownToken* token = find(secret);
    if (token != nullptr) {
        caller.name = token->name;
        caller.role = token->role;
    }
    if (!needed) return caller;
    if (token == nullptr) {
        const std::string message =
            secret.empty()
                ? "this call needs a token: send \"Authorization: Bearer TOKEN\""
                : "the token is not known: see [[http.tokens]] in this node's configuration";
        throw HttpError(http::status::unauthorized, message)
            .with(http::field::www_authenticate, "Bearer realm=\"peercron\"");
    }
    if (token->role < *needed) {
        throw HttpError(
            http::status::forbidden,
            fmt::format("the token {} has the role {}; this needs {}", quote_utf8(token->name),
                        to_string(token->role), to_string(*needed)));
    }
    return caller;
}

std::string Access::client_address(const Request& request) const
{
    asio::ip::address client = plain(request.peer);
    if (!is_trusted(client)) return client.to_string();
    if (const auto real = parse_address(header(request, "X-Real-IP"))) return real->to_string();
    std::string_view forwarded = header(request, "X-Forwarded-For");
    while (is_trusted(client) && !forwarded.empty()) {
        const auto comma = forwarded.rfind(',');
        const bool last = comma == std::string_view::npos;
        const auto hop = parse_address(last ? forwarded : forwarded.substr(comma + 1));
        if (!hop) break;
        client = *hop;
        forwarded = last ? std::string_view() : forwarded.substr(0, comma);
    }
    return client.to_string();
}

// Of a hash, so that the length of the secret does not show in the time either.
Access::Digest Access::digest(std::string_view secret)
{
    Digest digest;
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
    return digest;
}

Access::Network Access::parse_network(const std::string& text)
{
    boost::system::error_code bad;
    const auto address = asio::ip::make_address(text, bad);
    if (!bad && address.is_v4()) return asio::ip::network_v4(address.to_v4(), 32);
    if (!bad) return asio::ip::network_v6(address.to_v6(), 128);
    const auto v4 = asio::ip::make_network_v4(text, bad);
    if (!bad) return v4.canonical();
    const auto v6 = asio::ip::make_network_v6(text, bad);
    if (!bad) return v6.canonical();
    throw std::invalid_argument("http: the trusted proxy " + quote_utf8(text) +
                                " is neither an address (127.0.0.1) nor a network (10.0.0.0/8)");
}

const Access::KnownToken* Access::find(std::string_view secret) const
{
    const Digest shown = digest(secret);
    const KnownToken* found = nullptr;
    for (const KnownToken& token : tokens_) {
        if (CRYPTO_memcmp(token.digest.data(), shown.data(), shown.size()) == 0) found = &token;
    }
    return found;
}

bool Access::is_trusted(const asio::ip::address& address) const
{
    const auto holds = [&address](const Network& network) {
        if (const auto* v4 = std::get_if<asio::ip::network_v4>(&network)) {
            return address.is_v4() &&
                   asio::ip::network_v4(address.to_v4(), v4->prefix_length()).canonical() == *v4;
        }
        const auto& v6 = std::get<asio::ip::network_v6>(network);
        return address.is_v6() &&
               asio::ip::network_v6(address.to_v6(), v6.prefix_length()).canonical() == v6;
    };
    return std::any_of(trusted_.begin(), trusted_.end(), holds);
}

void refuse_cross_site(const Request& request)
{
    const std::string_view site = header(request, "Sec-Fetch-Site");
    if (!site.empty() && site != "same-origin") refuse_site("Sec-Fetch-Site", site);
    // An address that somebody opens: no page of ours changes anything by that.
    const std::string_view mode = header(request, "Sec-Fetch-Mode");
    if (equal_ignoring_case(mode, "navigate")) refuse_site("Sec-Fetch-Mode", mode);
    if (!site.empty()) return;
    const std::string_view host = header(request, http::field::host);
    for (const http::field name : {http::field::origin, http::field::referer}) {
        const std::string_view value = header(request, name);
        if (value.empty()) continue;
        if (!is_own(value, host)) {
            const auto text = http::to_string(name);
            refuse_site({text.data(), text.size()}, value);
        }
        return;
    }
}

}  // namespace peercron
