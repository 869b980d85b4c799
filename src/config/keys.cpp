#include "config/keys.hpp"

#include "base/label_text.hpp"
#include "base/time_of_day.hpp"
#include "schedule/time_zone.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace peercron::keys {
namespace {

constexpr std::size_t longest_name = 128;

/// True when `text` has 1 to 128 characters, all printable ASCII and none of `forbidden`.
bool is_plain(const std::string& text, std::string_view forbidden)
{
    const auto allowed = [forbidden](char c) {
        return c > ' ' && c < '\x7f' && forbidden.find(c) == std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest_name &&
           std::all_of(text.begin(), text.end(), allowed);
}

/// Whether it is "https://HOST…", or "http://" and this machine, where nobody reads along.
bool is_private_url(const std::string& text)
{
    constexpr std::string_view https = "https://";
    constexpr std::string_view http = "http://";
    constexpr std::size_t longest = 255;
    const auto is_good = [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; };
    if (text.size() > longest || !std::ranges::all_of(text, is_good)) return false;
    if (text.find_first_of("?#@") != text.npos) return false;
    const bool is_https = text.starts_with(https);
    if (!is_https && !text.starts_with(http)) return false;
    const std::size_t begin = (is_https ? https : http).size();
    std::string host = text.substr(begin, text.find('/', begin) - begin);
    if (host.rfind(':') == host.npos || host.ends_with(']')) host += ":443";
    const auto endpoint = parse_endpoint(host);
    if (!endpoint) return false;
    return is_https || endpoint->kind == HostKind::loopback || endpoint->host == "localhost";
}

std::optional<HostKind> kind_of(const std::string& address)
{
    const auto endpoint = parse_endpoint(address);
    if (!endpoint || endpoint->kind == HostKind::name) return std::nullopt;
    return endpoint->kind;
}

}  // namespace

std::optional<std::string> any_text(const std::string&)
{
    return std::nullopt;
}

std::optional<std::string> issuer_or_none(const std::string& text)
{
    if (text.empty() || is_private_url(text)) return std::nullopt;
    return R"(the issuer of an OpenID provider, as the provider writes it, such as )"
           R"("https://id.example/realms/main" (http:// for this machine alone), or "")";
}

std::optional<std::string> redirect_uri_or_none(const std::string& text)
{
    if (text.empty()) return std::nullopt;
    constexpr std::string_view path = "/session/oidc/callback";
    if (is_private_url(text) && text.ends_with(path)) return std::nullopt;
    return R"(the address at which browsers reach this node, with that path, such as )"
           R"("https://cron.example/session/oidc/callback" (http:// for this machine alone), or "")";
}

std::optional<std::string> button(const std::string& text)
{
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
    if (!text.empty() && text.size() <= longest_name && std::ranges::none_of(text, is_control)) {
        return std::nullopt;
    }
    return R"(what people call the provider, such as "Keycloak")";
}

std::optional<std::string> scope(const std::string& text)
{
    if (is_plain(text, "\"\\")) return std::nullopt;
    return R"(a scope that the provider knows, such as "groups")";
}

std::optional<std::string> claim(const std::string& text)
{
    if (is_plain(text, "\"\\")) return std::nullopt;
    return R"(the name of a claim, such as "preferred_username")";
}

std::optional<std::string> group(const std::string& text)
{
    if (!text.empty() && text.size() <= 255) return std::nullopt;
    return R"(a group, as the provider writes it in the claim, such as "cron-admins")";
}

std::optional<std::string> data_dir(const std::string& text)
{
    if (text.starts_with('/')) return std::nullopt;
    return R"(a folder's path from the root, such as "/var/lib/peercron")";
}

std::optional<std::string> folder_or_none(const std::string& text)
{
    if (text.empty() || text.starts_with('/')) return std::nullopt;
    return R"("", or a folder's path from the root such as "/var/lib/peercron")";
}

std::optional<std::string> folder(const std::string& text)
{
    if (text.starts_with('/')) return std::nullopt;
    return R"(a folder's path from the root, such as "/opt/jobs")";
}

std::optional<std::string> program(const std::string& text)
{
    if (text.starts_with('/') && !text.ends_with('/')) return std::nullopt;
    return R"(a program's path from the root, such as "/etc/peercron/page")";
}

std::optional<std::string> user(const std::string& text)
{
    if (is_plain(text, "/:,\"\\")) return std::nullopt;
    return R"(the name of a user of this machine, such as "backup")";
}

std::optional<std::string> role_or_none(const std::string& text)
{
    constexpr std::array<std::string_view, 5> words{"none", "read", "operate", "admin", "owner"};
    if (std::ranges::find(words, text) != words.end()) return std::nullopt;
    return R"("none", "read", "operate", "admin" or "owner")";
}

std::optional<std::string> user_or_group(const std::string& text)
{
    if (!user(text.starts_with('@') ? text.substr(1) : text)) return std::nullopt;
    return R"(the name of a user of this machine, such as "ada", or of a group, such as "@wheel")";
}

std::optional<std::string> socket_or_none(const std::string& text)
{
    constexpr std::size_t longest = 107;  // unix(7)
    if (text.empty() || text == "none") return std::nullopt;
    if (text.starts_with('/') && text.size() <= longest) return std::nullopt;
    return R"(the path, from the root, of a socket, such as "/run/peercron/peercron.sock", "none", or )"
           R"("" for the usual place)";
}

std::optional<std::string> header_or_none(const std::string& text)
{
    // What clients, browsers and proxies send anyway would let everybody in under some name.
    constexpr std::array<std::string_view, 9> others{"authorization",
                                                     "cookie",
                                                     "host",
                                                     "origin",
                                                     "referer",
                                                     "user-agent",
                                                     "x-forwarded-for",
                                                     "x-forwarded-proto",
                                                     "x-real-ip"};
    constexpr std::size_t longest = 64;
    std::string name = text;
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const bool is_name =
        name.size() <= longest &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (text.empty() || (is_name && std::ranges::find(others, name) == others.end()))
        return std::nullopt;
    return R"(the name of a header that only the proxy sets, such as "X-Remote-User" (letters, digits and "-"), or "")";
}

std::optional<std::string> host(const std::string& text)
{
    if (is_plain(text, "/@[]")) return std::nullopt;
    return "a host name or an IP address";
}

std::optional<std::string> consul_address(const std::string& text)
{
    constexpr std::string_view https = "https://";
    const auto endpoint =
        parse_endpoint(text.starts_with(https) ? text.substr(https.size()) : text);
    if (endpoint && endpoint->kind != HostKind::wildcard) return std::nullopt;
    return R"(a host and a port such as "127.0.0.1:8500", without "http://", or )"
           R"("https://consul.example:8501")";
}

std::optional<std::string> announced_address(const std::string& text)
{
    const auto kind = kind_of(text);
    if (kind == HostKind::wildcard) {
        return R"(the address at which the other nodes reach this one, such as "10.0.0.5:9991": it )"
               "is announced to them, so it cannot be a wildcard";
    }
    if (kind) return std::nullopt;
    return R"(an IP address and a port such as "10.0.0.5:9991" or "[fd00::5]:9991")";
}

std::optional<std::string> listen_address(const std::string& text)
{
    if (kind_of(text)) return std::nullopt;
    return R"(an IP address and a port such as "127.0.0.1:9990", "0.0.0.0:9990" or "[::]:9990")";
}

std::optional<std::string> listen_address_or_none(const std::string& text)
{
    if (text.empty()) return std::nullopt;
    auto expected = listen_address(text);
    if (expected) *expected += R"(, or "" to listen nowhere)";
    return expected;
}

std::optional<std::string> service_name(const std::string& text)
{
    if (is_plain(text, "/?#%\"\\")) return std::nullopt;
    return R"(a name of 1 to 128 characters without spaces and slashes, such as "peercron")";
}

std::optional<std::string> lock_key(const std::string& text)
{
    // Consul refuses keys that begin with a slash.
    if (is_plain(text, "?#%\"\\") && text.front() != '/') return std::nullopt;
    return "a key of 1 to 128 characters that does not begin with a slash, such as "
           R"("peercron/dispatcher")";
}

std::optional<std::string> time_zone(const std::string& text)
{
    const bool is_name = is_plain(text, "\"\\") && text.front() != '/';
    if (is_name && find_zone(text)) return std::nullopt;
    return R"(a time zone's IANA name that this machine knows, such as "UTC" or "Europe/Berlin")";
}

std::optional<std::string> shell(const std::string& text)
{
    if (text.starts_with('/') && access(text.c_str(), X_OK) == 0) return std::nullopt;
    return R"(the path, from the root, of a shell that can be executed, such as "/bin/sh")";
}

std::optional<std::string> database(const std::string& text)
{
    if (!text.empty() && text.size() <= 64 && text.find_first_of("`/\\. \t\n") == text.npos) {
        return std::nullopt;
    }
    return R"(a database's name such as "cron")";
}

std::optional<std::string> charset(const std::string& text)
{
    if (text == "utf8mb4" || text == "utf8" || text == "utf8mb3") return std::nullopt;
    return R"("utf8mb4" ("utf8" is taken as it): commands and outputs are stored as UTF-8)";
}

std::optional<std::string> ip_or_network(const std::string& text)
{
    const auto slash = text.find('/');
    const auto kind = parse_ip(text.substr(0, slash));
    if (kind && slash != text.npos) {
        const std::size_t longest = text.find(':') == text.npos ? 32 : 128;
        std::size_t length = 0;
        const char* const end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, length);
        if (error == std::errc() && rest == end && length <= longest) return std::nullopt;
    }
    if (kind && slash == text.npos && *kind != HostKind::wildcard) return std::nullopt;
    return R"(an IP address such as "10.0.0.5" or a network such as "10.0.0.0/8")";
}

std::optional<std::string> proxy_or_none(const std::string& text)
{
    if (text.empty()) return std::nullopt;
    const bool is_tls = text.starts_with("https://");
    if (is_tls || text.starts_with("http://")) {
        const auto endpoint = text.substr(is_tls ? 8 : 7);
        const bool is_plain = endpoint.find_first_of("@/ \t") == text.npos;
        if (is_plain && parse_endpoint(endpoint)) return std::nullopt;
    }
    return R"(a proxy such as "http://proxy:3128", its login in proxy_login, or "" for none)";
}

std::optional<std::string> bypass(const std::string& text)
{
    if (!text.empty() && text.find_first_of(" ,:\t") == text.npos) return std::nullopt;
    if (!ip_or_network(text)) return std::nullopt;
    return R"(a host name, which stands for those below it, too, an address or network, or "*")";
}

std::optional<std::string> file_or_none(const std::string& text)
{
    if (text.empty() || (text.starts_with('/') && access(text.c_str(), R_OK) == 0)) {
        return std::nullopt;
    }
    return R"(the path, from the root, of a file that can be read, or "")";
}

std::optional<std::string> notice_word(const std::string& text)
{
    constexpr std::array<std::string_view, 10> words{"failing", "recovered", "missed", "late",
                                                     "slow",    "fast",      "failed", "success",
                                                     "skipped", "lost"};
    if (std::ranges::find(words, text) != words.end()) return std::nullopt;
    return "one of failing, recovered, missed, late, slow, fast, failed, success, skipped and lost";
}

std::optional<std::string> cluster_word(const std::string& text)
{
    constexpr std::array<std::string_view, 7> words{
        "node-gone", "no-dispatcher", "store-away",         "journal-failing",
        "clock-off", "audit-finding", "certificate-expires"};
    if (std::ranges::find(words, text) != words.end()) return std::nullopt;
    return "one of node-gone, no-dispatcher, store-away, journal-failing, clock-off, audit-finding "
           "and certificate-expires";
}

std::optional<std::string> job_tag(const std::string& text)
{
    constexpr std::size_t longest = 64;
    if (!text.empty() && text.size() <= longest && text.find(',') == text.npos) {
        return std::nullopt;
    }
    return R"(a tag of jobs, such as "nightly", of 1 to 64 bytes without a comma)";
}

std::optional<std::string> clock_or_none(const std::string& text)
{
    if (text.empty() || text == "none" || is_time_of_day(text)) return std::nullopt;
    return R"(a time of the day, such as "04:00", or "none", which expects nothing)";
}

std::optional<std::string> channel_name(const std::string& text)
{
    const auto is_good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
    };
    constexpr std::size_t longest = 64;
    if (!text.empty() && text.size() <= longest && std::ranges::all_of(text, is_good)) {
        return std::nullopt;
    }
    return R"(the name of a channel, such as "ops", as `peercron channel list` has it)";
}

std::optional<std::string> node_label(const std::string& text)
{
    if (is_own_label(text)) return "a label other than host=... and address=..., which a node has";
    if (is_label(text) && text.size() <= longest_label) return std::nullopt;
    return fmt::format(
        "a word, as \"db\", or a key and a value, as \"zone=eu\", of letters, digits and "
        "_ . - : / @ [ ], at most {} characters",
        longest_label);
}

}  // namespace peercron::keys
