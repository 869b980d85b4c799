#include "http/access.hpp"

#include "base/utf8.hpp"
#include "http/text.hpp"

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

/// The token that the client shows, "" when none.
std::string_view shown_token(const Request& request)
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

/// Throws std::invalid_argument.
Networks networks_of(std::string_view key, const std::vector<std::string>& texts)
{
    const auto networks = Networks::parse(texts);
    if (!networks) {
        throw std::invalid_argument(fmt::format("[http] {}: {}", key, networks.error().message));
    }
    return *networks;
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

Access::Access(const AccessRules& rules, Directory directory)
    : trusted_(networks_of("trusted_proxies", rules.trusted_proxies)),
      user_header_(rules.user_header),
      hosts_(rules.hosts),
      anonymous_(rules.anonymous),
      local_owners_(rules.local_owners),
      local_owner_groups_(rules.local_owner_groups),
      directory_(std::move(directory))
{
    if (!rules.allow.empty()) allowed_ = networks_of("allow", rules.allow);
    for (const Token& token : rules.tokens) {
        if (token.secret.empty()) {
            throw std::invalid_argument("http: the token " + quote_utf8(token.name) +
                                        " has no secret");
        }
        tokens_.push_back({token.name, sha256(token.secret), token.role});
    }
}

asio::awaitable<Caller> Access::admit(const Request& request, std::optional<Role> needed) const
{
    const std::string address = client_address(request);
    if (!request.user && allowed_ && !allowed_->contain(client(request))) {
        throw HttpError(http::status::forbidden,
                        fmt::format("this node takes no calls from {}; see [http] allow in its "
                                    "configuration",
                                    address));
    }
    if (!needed) {
        const KnownToken* const token = find(shown_token(request));
        Caller caller{token == nullptr ? "anonymous" : token->name, address};
        caller.role = token == nullptr ? Role::read : token->role;
        co_return caller;
    }
    std::optional<Caller> caller = co_await identify(request);
    if (!caller) {
        const std::optional<Role> role = co_await anonymous_role();
        if (!role || *role < *needed) refuse_anonymous(request, *needed);
        check_host(request);
        caller.emplace();
        caller->name = "anonymous";
        caller->role = *role;
    }
    caller->address = address;
    if (caller->role < *needed) {
        const std::string why =
            fmt::format("the {} {} has the role {}; this needs {}",
                        caller->is_of_browser() ? "account" : "token", quote_utf8(caller->name),
                        to_string(caller->role), to_string(*needed));
        if (directory_.note_refusal) {
            directory_.note_refusal({caller->name, caller->address, why});
        }
        throw HttpError(http::status::forbidden, why);
    }
    co_return *std::move(caller);
}

/// nullopt: it shows nothing, or nothing that is known.
asio::awaitable<std::optional<Caller>> Access::identify(const Request& request) const
{
    const std::string_view secret = shown_token(request);
    if (!secret.empty()) {
        if (const KnownToken* const token = find(secret)) {
            Caller caller{token->name, ""};
            caller.role = token->role;
            caller.proof = Proof::token;
            co_return caller;
        }
        if (!directory_.find_token) co_return std::nullopt;
        co_return co_await directory_.find_token(std::string(secret));
    }
    if (request.user) {
        std::optional<Caller> owner = local_owner(*request.user);
        if (owner) co_return owner;
    }
    const std::string_view user = user_of_proxy(request);
    if (!user.empty()) co_return co_await find_user(request, std::string(user));
    const std::string_view session = shown_session(request.message, is_https(request));
    if (session.empty() || !directory_.find_session) co_return std::nullopt;
    co_return co_await directory_.find_session(std::string(session));
}

/// Who has signed in at a trusted proxy; "" when that is nobody, or the proxy is not trusted.
std::string_view Access::user_of_proxy(const Request& request) const
{
    if (user_header_.empty() || request.user || !trusted_.contain(plain(request.peer))) return {};
    // A proxy that adds its header to the one of a client, instead of replacing it, would let
    // everybody be anybody.
    if (request.message.count(user_header_) > 1) {
        throw HttpError(
            http::status::bad_request,
            fmt::format("{}: given more than once; the proxy must replace what a client sends",
                        user_header_));
    }
    return trim(header(request, user_header_));
}

asio::awaitable<Caller> Access::find_user(const Request& request, std::string name) const
{
    std::optional<Caller> caller;
    if (directory_.find_user) caller = co_await directory_.find_user(name);
    if (caller) co_return *std::move(caller);
    const std::string why = fmt::format(
        "{}: the proxy says that {} has signed in, and there is no account of this name; an owner "
        "adds "
        "one: `peercron account add`",
        user_header_, quote_utf8(name));
    if (directory_.note_refusal) directory_.note_refusal({name, client_address(request), why});
    throw HttpError(http::status::forbidden, why);
}

std::optional<Caller> Access::local_owner(const LocalUser& user) const
{
    const auto known = local_owners_.find(user.uid);
    const bool is_member =
        std::ranges::find_first_of(user.groups, local_owner_groups_) != user.groups.end();
    if (known == local_owners_.end() && !is_member) return std::nullopt;
    Caller caller;
    caller.name = known != local_owners_.end() ? known->second : fmt::format("uid {}", user.uid);
    caller.proof = Proof::local_user;
    return caller;
}

/// nullopt: there are no anonymous callers.
asio::awaitable<std::optional<Role>> Access::anonymous_role() const
{
    if (!tokens_.empty() || !anonymous_) co_return std::nullopt;
    if (!directory_.has_entries) co_return anonymous_;
    const std::optional<bool> has_entries = co_await directory_.has_entries();
    if (!has_entries) co_return std::min(*anonymous_, Role::read);
    if (*has_entries) co_return std::nullopt;
    co_return anonymous_;
}

void Access::check_host(const Request& request) const
{
    const std::string_view host = host_of(header(request, http::field::host));
    if (hosts_ == Hosts::any || is_this_machine(host)) return;
    throw HttpError(http::status::forbidden,
                    fmt::format("Host: given {}; a node without tokens accepts calls only for an "
                                "IP address or localhost, so that no web page can send them. Set "
                                "[[http.tokens]], or [http] allow_anonymous = true",
                                quote_utf8(host)));
}

void Access::refuse_anonymous(const Request& request, Role needed) const
{
    std::string why = fmt::format(
        "this call needs the role {}, and nothing was shown that has it: send "
        "\"Authorization: Bearer TOKEN\", or sign in. On this machine the node's user, "
        "root and [http] local_admins need neither: `peercron` calls by the node's "
        "socket",
        to_string(needed));
    if (!shown_session(request.message, is_https(request)).empty()) {
        why = "the session is over, or not known: sign in again";
    }
    if (!shown_token(request).empty()) {
        why =
            "the token is not known here, or has expired: see `peercron token list`, and "
            "[[http.tokens]] in this node's configuration";
    }
    if (directory_.note_refusal) {
        directory_.note_refusal({"anonymous", client_address(request), why});
    }
    HttpError refused(http::status::unauthorized, why);
    throw refused.with(http::field::www_authenticate, "Bearer realm=\"peercron\"");
}

std::string Access::client_address(const Request& request) const
{
    return request.user ? "local" : client(request).to_string();
}

asio::ip::address Access::client(const Request& request) const
{
    asio::ip::address client = plain(request.peer);
    if (!trusted_.contain(client)) return client;
    if (const auto real = parse_address(header(request, "X-Real-IP"))) return *real;
    std::string_view forwarded = header(request, "X-Forwarded-For");
    while (trusted_.contain(client) && !forwarded.empty()) {
        const auto comma = forwarded.rfind(',');
        const bool last = comma == std::string_view::npos;
        const auto hop = parse_address(last ? forwarded : forwarded.substr(comma + 1));
        if (!hop) break;
        client = *hop;
        forwarded = last ? std::string_view() : forwarded.substr(0, comma);
    }
    return client;
}

bool Access::is_private(const Request& request) const
{
    return request.user || is_https(request) || client(request).is_loopback();
}

bool Access::is_https(const Request& request) const
{
    const bool has_proxy = !request.user && trusted_.contain(plain(request.peer));
    const std::string_view said = trim(header(request, "X-Forwarded-Proto"));
    if (has_proxy && !said.empty()) return equal_ignoring_case(said, "https");
    return request.is_encrypted;
}

const Access::KnownToken* Access::find(std::string_view secret) const
{
    const Digest shown = sha256(secret);
    const KnownToken* found = nullptr;
    for (const KnownToken& token : tokens_) {
        if (equal_secrets(view(token.digest), view(shown))) found = &token;
    }
    return found;
}

std::string_view shown_cookie(const http::fields& headers, std::string_view name)
{
    const auto field = headers[http::field::cookie];
    std::string_view cookies(field.data(), field.size());
    while (!cookies.empty()) {
        const auto semicolon = cookies.find(';');
        const std::string_view one = trim(cookies.substr(0, semicolon));
        const auto equals = one.find('=');
        if (equals != std::string_view::npos && one.substr(0, equals) == name) {
            return one.substr(equals + 1);
        }
        if (semicolon == std::string_view::npos) break;
        cookies.remove_prefix(semicolon + 1);
    }
    return {};
}

std::string_view shown_session(const http::fields& headers, bool is_https)
{
    return shown_cookie(headers, is_https ? secure_session_cookie : session_cookie);
}

void refuse_forged(const Request& request)
{
    if (request.message.method() != http::verb::post) {
        throw HttpError(http::status::forbidden, "in a session only POST changes something");
    }
    const bool says_where =
        !header(request, "Sec-Fetch-Site").empty() || !header(request, http::field::origin).empty();
    if (!says_where) {
        throw HttpError(http::status::forbidden,
                        "Origin: missing; a change in a session has to say that a page of this "
                        "address sends it. Programs use a token");
    }
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
