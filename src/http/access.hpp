#pragma once

#include "base/digest.hpp"
#include "base/networks.hpp"
#include "http/message.hpp"
#include "model/role.hpp"

#include <boost/asio/awaitable.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// A secret of the configuration.
struct Token {
    std::string name;    ///< for the log
    std::string secret;  ///< what the client shows
    Role role = Role::read;
};

/// How a caller shows who it is.
enum class Proof : std::uint8_t {
    none,
    token,
    session,
    proxy,  ///< a trusted proxy names the account: see AccessRules::user_header
    local_user
};
/// By Proof; in the API.
inline constexpr std::array<std::string_view, 5> proof_words{"none", "token", "session", "proxy",
                                                             "local_user"};
static_assert(proof_words.size() == static_cast<std::size_t>(Proof::local_user) + 1);

/// The caller, and from where it calls; for the log.
struct Caller {
    std::string name;  ///< of the token or the account, or "anonymous"
    std::string address;
    Role role = Role::owner;             ///< what it may do
    std::vector<std::string> tags = {};  ///< only with jobs that have one of these; empty = all
    Proof proof = Proof::none;
    std::int64_t account = 0;  ///< the id, of a session

    bool is_limited() const { return !tags.empty(); }

    /// Whether a browser shows the proof by itself, whatever page makes it send the call.
    bool is_of_browser() const { return proof == Proof::session || proof == Proof::proxy; }
};

/// A call that was refused, and why.
struct Refusal {
    std::string who;  ///< the name that is known, or "anonymous"
    std::string address;
    std::string why;
};

/// The way to tokens and accounts that this server does not keep itself. Called on the I/O thread.
/// What a member throws is the answer to the call.
struct Directory {
    using Find = std::function<asio::awaitable<std::optional<Caller>>(std::string secret)>;

    Find find_token;    ///< not set: there are none
    Find find_session;  ///< the same
    /// The account of this name, which a trusted proxy vouches for. Not set: there are none.
    Find find_user;
    /// Whether anybody has a token or an account there; nullopt: that cannot be known now.
    std::function<asio::awaitable<std::optional<bool>>()> has_entries;
    /// Hears of refused calls.
    std::function<void(const Refusal&)> note_refusal;
};

/// Which names are accepted in the Host field of a request when there are no tokens.
enum class Hosts : std::uint8_t {
    any,
    /// Addresses, names below "localhost", and names without a dot. A page of any site can make its
    /// own name point to this machine (DNS rebinding); then the browser takes the node for that
    /// site. Such a name has a dot.
    this_machine,
};

struct AccessRules {
    std::vector<Token> tokens = {};
    /// Addresses or networks ("10.0.0.0/8") whose X-Real-IP, X-Forwarded-For and X-Forwarded-Proto
    /// are believed.
    std::vector<std::string> trusted_proxies = {};
    /// The header in which a trusted proxy says who has signed in to it: the name of an account.
    /// Empty: none does.
    std::string user_header = {};
    std::vector<std::string> allow = {};  ///< addresses and networks that may call; empty = all
    Hosts hosts = Hosts::any;
    /// What callers may do that show nothing, while nobody has a token or an account; not set:
    /// nothing, as then.
    std::optional<Role> anonymous = Role::owner;
    /// Users of this machine who are owners where the kernel says who they are, with their names;
    /// and groups whose members are.
    std::map<uid_t, std::string> local_owners = {};
    std::vector<gid_t> local_owner_groups = {};
};

/// Decides who may do what.
class Access {
public:
    /// @throws std::invalid_argument for a token without a secret, and for an address that is none.
    explicit Access(const AccessRules& rules, Directory directory = {});

    /// The same with other rules.
    Access with(const AccessRules& rules) const { return Access(rules, directory_); }

    /// The caller, if it may do what needs the role `needed` (not set: everybody may, and nothing
    /// is looked up). A token is in "Authorization: Bearer …" or "X-Peercron-Token: …", a session
    /// in a cookie; secrets are compared in constant time.
    ///
    /// Over a socket of this machine, a local owner needs to show nothing.
    ///
    /// A trusted proxy may name an account in `user_header`. A token counts before that, a session
    /// after it.
    ///
    /// Without any token and account, here and in the directory, every caller is anonymous,
    /// whatever it shows. While the directory cannot say whether there are any, an anonymous
    /// caller may only read.
    ///
    /// @throws HttpError 401 without a known secret, 403 when its role is too low, when the address
    ///         is not allowed, when a proxy names somebody without an account, or when the caller
    ///         is anonymous and the request is for a host that is not allowed; and what the
    ///         directory throws.
    asio::awaitable<Caller> admit(const Request& request, std::optional<Role> needed) const;

    /// The client's address: "local" for a user of this machine who came over a socket of its own,
    /// else the peer's, or what a trusted proxy says. X-Real-IP comes first, then
    /// the last address of X-Forwarded-For that is not a trusted proxy itself.
    std::string client_address(const Request& request) const;

    /// Whether nobody between the client and this node can read along: the client is on this
    /// machine, or came by https.
    bool is_private(const Request& request) const;

    /// Whether the client came by https, to this node or, as it says, to a trusted proxy.
    bool is_https(const Request& request) const;

private:
    struct KnownToken {
        std::string name;
        Digest digest;  ///< so that the length of the secret does not show in the time either
        Role role;
    };

    const KnownToken* find(std::string_view secret) const;
    asio::ip::address client(const Request& request) const;
    void check_host(const Request& request) const;
    asio::awaitable<std::optional<Caller>> identify(const Request& request) const;
    std::optional<Caller> local_owner(const LocalUser& user) const;
    std::string_view user_of_proxy(const Request& request) const;
    asio::awaitable<Caller> find_user(const Request& request, std::string name) const;
    asio::awaitable<std::optional<Role>> anonymous_role() const;
    [[noreturn]] void refuse_anonymous(const Request& request, Role needed) const;

    std::vector<KnownToken> tokens_;
    Networks trusted_;
    std::string user_header_;
    std::optional<Networks> allowed_;  // not set: all addresses
    Hosts hosts_;
    std::optional<Role> anonymous_;
    std::map<uid_t, std::string> local_owners_;
    std::vector<gid_t> local_owner_groups_;
    Directory directory_;
};

/// The names of the cookie with a session: the first one over https only. See
/// https://developer.mozilla.org/docs/Web/HTTP/Cookies, cookie prefixes.
inline constexpr std::string_view secure_session_cookie = "__Host-peercron";
inline constexpr std::string_view session_cookie = "peercron";

/// The value of a cookie of the request, "" when there is none.
std::string_view shown_cookie(const http::fields& headers, std::string_view name);

/// The secret of the session in the request's cookies, "" when there is none. Under https only the
/// cookie that no neighbouring host, and nothing over plain HTTP, can set.
std::string_view shown_session(const http::fields& headers, bool is_https);

/// Refuses a request that a browser sends for anything but a page of this address. GETs that change
/// something exist for old clients, so even the address of an image, or a link in a mail, could
/// stop a job. Judged by Sec-Fetch-Site and Sec-Fetch-Mode (W3C Fetch Metadata), else by Origin,
/// else by Referer, port included; programs send none of them.
/// @throws HttpError 403.
void refuse_cross_site(const Request& request);

/// Refuses a change in a session that is no POST, or that does not say that a page of this address
/// sends it: a browser adds the cookie by itself, so the cookie alone proves nothing.
/// @throws HttpError 403.
void refuse_forged(const Request& request);

}  // namespace peercron
