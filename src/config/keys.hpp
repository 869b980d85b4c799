#pragma once

#include "config/config.hpp"
#include "config/endpoint.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace peercron::keys {

/// What a text must be, for the message, when `text` is not; nullopt when it is.
using TextRule = std::optional<std::string> (*)(const std::string& text);

std::optional<std::string> data_dir(const std::string& text);
std::optional<std::string> folder_or_none(const std::string& text);
std::optional<std::string> folder(const std::string& text);
std::optional<std::string> user(const std::string& text);
std::optional<std::string> role_or_none(const std::string& text);
std::optional<std::string> user_or_group(const std::string& text);
std::optional<std::string> header_or_none(const std::string& text);
std::optional<std::string> socket_or_none(const std::string& text);
std::optional<std::string> any_text(const std::string& text);
std::optional<std::string> issuer_or_none(const std::string& text);
std::optional<std::string> redirect_uri_or_none(const std::string& text);
std::optional<std::string> button(const std::string& text);
std::optional<std::string> scope(const std::string& text);
std::optional<std::string> claim(const std::string& text);
std::optional<std::string> group(const std::string& text);
std::optional<std::string> host(const std::string& text);
std::optional<std::string> consul_address(const std::string& text);
std::optional<std::string> announced_address(const std::string& text);
std::optional<std::string> listen_address(const std::string& text);
std::optional<std::string> listen_address_or_none(const std::string& text);
std::optional<std::string> service_name(const std::string& text);
std::optional<std::string> lock_key(const std::string& text);
std::optional<std::string> time_zone(const std::string& text);
std::optional<std::string> shell(const std::string& text);
std::optional<std::string> database(const std::string& text);
std::optional<std::string> charset(const std::string& text);
std::optional<std::string> ip_or_network(const std::string& text);
std::optional<std::string> proxy_or_none(const std::string& text);
std::optional<std::string> bypass(const std::string& text);
std::optional<std::string> file_or_none(const std::string& text);
std::optional<std::string> notice_word(const std::string& text);
std::optional<std::string> cluster_word(const std::string& text);
std::optional<std::string> job_tag(const std::string& text);
std::optional<std::string> clock_or_none(const std::string& text);
std::optional<std::string> channel_name(const std::string& text);
std::optional<std::string> program(const std::string& text);
std::optional<std::string> node_label(const std::string& text);

// What a key may hold; the limits are included.
struct Text {
    TextRule rule;
};
struct Texts {
    TextRule rule;
};  ///< a list
struct Count {
    std::size_t least;
    std::size_t most;
};
struct Size {
    std::size_t least;
    std::size_t most;
};  ///< in bytes
struct Duration {
    std::chrono::milliseconds least;
    std::chrono::milliseconds most;
};
struct Flag {};
struct Level {};
/// One of these words.
template <class Value>
struct Choice {
    std::span<const std::pair<std::string_view, Value>> words;
};
/// A secret of at least `least` characters, or the file that is named by the other key and has it.
struct Secret {
    std::size_t least;
    const char* file_key;
};

inline constexpr std::array<std::pair<std::string_view, Config::Mode>, 2> modes{
    {{"solo", Config::Mode::solo}, {"cluster", Config::Mode::cluster}}};
inline constexpr std::array<std::pair<std::string_view, Config::Encrypt>, 3> encryptions{
    {{"off", Config::Encrypt::off},
     {"prefer", Config::Encrypt::prefer},
     {"require", Config::Encrypt::require}}};

inline constexpr std::array<std::pair<std::string_view, Config::Mysql::Tls>, 4> mysql_tls{
    {{"off", Config::Mysql::Tls::off},
     {"prefer", Config::Mysql::Tls::prefer},
     {"require", Config::Mysql::Tls::require},
     {"verify", Config::Mysql::Tls::verify}}};
inline constexpr std::array<std::pair<std::string_view, Config::Tls::Min>, 2> tls_versions{
    {{"1.2", Config::Tls::Min::tls_1_2}, {"1.3", Config::Tls::Min::tls_1_3}}};

/// Anyone who listens on the network can try any number of secrets, so this one has to be long.
inline constexpr std::size_t least_secret = 16;

/// The keys of an entry of notify.tags, in the same way.
template <class T, class Visitor>
void visit_tag(T& tag, Visitor& visitor)
{
    using namespace std::chrono_literals;
    visitor.key("tag", tag.tag, Text{job_tag});
    visitor.key("channels", tag.channels, Texts{channel_name});
    visitor.key("on", tag.on, Texts{notice_word});
    visitor.key("after", tag.after, Count{1, 1000});
    visitor.key("every", tag.every, Duration{1s, 8760h});
    visitor.key("late_after", tag.late_after, Duration{1s, 8760h});
    visitor.key("slow_after", tag.slow_after, Duration{1s, 8760h});
    visitor.key("expect_every", tag.expect_every, Duration{1s, 8760h});
    visitor.key("expect_by", tag.expect_by, Text{clock_or_none});
    visitor.key("late_goal", tag.late_goal, Duration{1ms, 24h});
}

/// The one list of keys: calls `visitor.key(name, member, rule)` for each, in the order of the
/// file, `visitor.tag_notices()` and `visitor.tokens()`. `C` is Config, const or not. One visitor
/// reads the keys (config.cpp), one writes and one lists them (describe.cpp).
template <class C, class Visitor>
void visit(C& config, Visitor& visitor)
{
    using namespace std::chrono_literals;
    constexpr std::size_t kib = 1U << 10U;
    constexpr std::size_t mib = 1U << 20U;
    constexpr std::size_t gib = 1U << 30U;

    visitor.key("mode", config.mode, Choice<Config::Mode>{modes});
    visitor.key("data_dir", config.data_dir, Text{data_dir});
    visitor.key("consul_address", config.consul_address, Text{consul_address});
    visitor.key("service_name", config.service_name, Text{service_name});
    visitor.key("lock_key", config.lock_key, Text{lock_key});
    visitor.key("bind_address", config.bind_address, Text{announced_address});
    visitor.key("http_bind_address", config.http_bind_address, Text{listen_address});
    visitor.key("pprof_listen", config.pprof_listen, Text{listen_address_or_none});
    visitor.key("log_level", config.log.level, Level{});
    visitor.key("log_keep_day", config.ledger_keep_days, Count{0, 36500});
    visitor.key("time_zone", config.time_zone, Text{time_zone});
    visitor.key("mysql_host", config.mysql.host, Text{host});
    visitor.key("mysql_port", config.mysql.port, Count{1, 65535});
    visitor.key("mysql_user", config.mysql.user, Text{any_text});
    visitor.key("mysql_password", config.mysql.password, Secret{0, "mysql.password_file"});
    visitor.key("mysql_database", config.mysql.database, Text{database});
    visitor.key("mysql_charset", config.mysql.charset, Text{charset});

    visitor.key("log.file", config.log.file, Text{any_text});
    visitor.key("log.max_size", config.log.file_size, Size{64 * kib, 16 * gib});
    visitor.key("log.max_files", config.log.file_count, Count{1, 1000});

    visitor.key("mysql.socket", config.mysql.socket, Text{any_text});
    visitor.key("mysql.connect_timeout", config.mysql.connect_timeout, Duration{1s, 1min});
    visitor.key("mysql.timeout", config.mysql.timeout, Duration{1s, 10min});
    visitor.key("mysql.pool_size", config.mysql.pool_size, Count{1, 64});

    visitor.key("mysql.tls", config.mysql.tls, Choice<Config::Mysql::Tls>{mysql_tls});
    visitor.key("mysql.ca", config.mysql.ca, Text{file_or_none});

    visitor.key("consul.token", config.consul.token, Secret{0, "consul.token_file"});
    visitor.key("consul.ca", config.consul.ca, Text{file_or_none});
    visitor.key("consul.cert", config.consul.cert, Text{file_or_none});
    visitor.key("consul.key", config.consul.key, Text{file_or_none});

    visitor.key("cluster.secret", config.cluster_secret,
                Secret{least_secret, "cluster.secret_file"});
    visitor.key("cluster.allow_insecure", config.insecure, Flag{});
    visitor.key("cluster.encrypt", config.encrypt, Choice<Config::Encrypt>{encryptions});
    visitor.key("cluster.cert", config.peer_tls.cert, Text{file_or_none});
    visitor.key("cluster.key", config.peer_tls.key, Text{file_or_none});
    visitor.key("cluster.ca", config.peer_tls.ca, Text{file_or_none});

    visitor.key("node.labels", config.node.labels, Texts{node_label});

    visitor.key("dispatch.lookahead", config.dispatch.lookahead, Duration{100ms, 1min});
    visitor.key("dispatch.misfire_window", config.dispatch.misfire_window, Duration{0s, 24h});
    visitor.key("dispatch.start_deadline", config.dispatch.start_deadline, Duration{1s, 1h});
    visitor.key("dispatch.poll_interval", config.dispatch.poll_interval, Duration{100ms, 1min});
    visitor.key("dispatch.beat_interval", config.dispatch.beat_interval, Duration{50ms, 10s});
    visitor.key("dispatch.silence_limit", config.dispatch.silence_limit, Duration{200ms, 1min});
    visitor.key("dispatch.lease", config.dispatch.lease, Duration{1s, 10min});
    visitor.key("dispatch.lease_margin", config.dispatch.lease_margin, Duration{100ms, 1min});
    visitor.key("dispatch.max_jobs", config.dispatch.max_jobs, Count{1, 10'000'000});
    visitor.key("dispatch.audit_interval", config.dispatch.audit_interval, Duration{0s, 720h});

    visitor.key("exec.shell", config.exec.shell, Text{shell});
    visitor.key("exec.slots", config.exec.slots, Count{0, 100'000});
    visitor.key("exec.http_slots", config.exec.http_slots, Count{1, 100'000});
    visitor.key("exec.max_output", config.exec.max_output, Size{kib, 64 * mib});
    visitor.key("exec.kill_grace", config.exec.kill_grace, Duration{0s, 10min});
    visitor.key("exec.drain_timeout", config.exec.drain_timeout, Duration{0s, 24h});
    visitor.key("exec.run_as", config.exec.run_as, Texts{user});
    visitor.key("exec.command_dirs", config.exec.command_dirs, Texts{folder});
    visitor.key("exec.journal_dir", config.exec.journal_dir, Text{folder_or_none});
    visitor.key("exec.journal_limit", config.exec.journal_limit, Size{0, 64 * gib});

    visitor.key("secrets.dir", config.secrets.dir, Text{folder_or_none});

    visitor.key("http_client.deny", config.http_client.deny, Texts{ip_or_network});
    visitor.key("http_client.proxy", config.http_client.proxy, Text{proxy_or_none});
    visitor.key("http_client.proxy_login", config.http_client.proxy_login,
                Secret{0, "http_client.proxy_login_file"});
    visitor.key("http_client.no_proxy", config.http_client.no_proxy, Texts{bypass});
    visitor.key("http_client.ca_file", config.http_client.ca_file, Text{file_or_none});

    visitor.key("notify.on", config.notify.on, Texts{notice_word});
    visitor.key("notify.after", config.notify.after, Count{1, 1000});
    visitor.key("notify.every", config.notify.every, Duration{0s, 8760h});
    visitor.key("notify.late_after", config.notify.late_after, Duration{1s, 8760h});
    visitor.key("notify.slow_after", config.notify.slow_after, Duration{0s, 8760h});
    visitor.key("notify.expect_every", config.notify.expect_every, Duration{0s, 8760h});
    visitor.key("notify.expect_by", config.notify.expect_by, Text{clock_or_none});
    visitor.key("notify.late_goal", config.notify.late_goal, Duration{0s, 24h});
    visitor.tag_notices("notify.tags", config.notify.tags);
    visitor.key("notify.cluster_on", config.notify.cluster_on, Texts{cluster_word});
    visitor.key("notify.cluster_after", config.notify.cluster_after, Duration{1s, 24h});
    visitor.key("notify.cluster_channels", config.notify.cluster_channels, Texts{channel_name});
    visitor.key("notify.heartbeat_url", config.notify.heartbeat_url,
                Secret{0, "notify.heartbeat_url_file"});
    visitor.key("notify.commands", config.notify.commands, Texts{program});

    visitor.key("metrics.jobs", config.metrics.jobs, Count{0, 10'000});

    visitor.key("tls.cert", config.tls.cert, Text{file_or_none});
    visitor.key("tls.key", config.tls.key, Text{file_or_none});
    visitor.key("tls.client_ca", config.tls.client_ca, Text{file_or_none});
    visitor.key("tls.min", config.tls.min, Choice<Config::Tls::Min>{tls_versions});

    visitor.key("oidc.issuer", config.oidc.issuer, Text{issuer_or_none});
    visitor.key("oidc.client_id", config.oidc.client_id, Text{any_text});
    visitor.key("oidc.client_secret", config.oidc.client_secret,
                Secret{0, "oidc.client_secret_file"});
    visitor.key("oidc.redirect_uri", config.oidc.redirect_uri, Text{redirect_uri_or_none});
    visitor.key("oidc.name", config.oidc.name, Text{button});
    visitor.key("oidc.scopes", config.oidc.scopes, Texts{scope});
    visitor.key("oidc.user_claim", config.oidc.user_claim, Text{claim});
    visitor.key("oidc.groups_claim", config.oidc.groups_claim, Text{claim});
    visitor.key("oidc.read_groups", config.oidc.read_groups, Texts{group});
    visitor.key("oidc.operate_groups", config.oidc.operate_groups, Texts{group});
    visitor.key("oidc.admin_groups", config.oidc.admin_groups, Texts{group});
    visitor.key("oidc.owner_groups", config.oidc.owner_groups, Texts{group});

    visitor.key("http.anonymous", config.http.anonymous, Text{role_or_none});
    visitor.key("http.allow_anonymous", config.http.allow_anonymous, Flag{});
    visitor.key("http.max_body", config.http.max_body, Size{kib, 64 * mib});
    visitor.key("http.max_connections", config.http.max_connections, Count{1, 100'000});
    visitor.key("http.max_memory", config.http.max_memory, Size{8 * mib, 64 * gib});
    visitor.key("http.max_streams", config.http.max_streams, Count{1, 10'000});
    visitor.key("http.idle_timeout", config.http.idle_timeout, Duration{1s, 1h});
    visitor.key("http.trusted_proxies", config.http.trusted_proxies, Texts{ip_or_network});
    visitor.key("http.user_header", config.http.user_header, Text{header_or_none});
    visitor.key("http.allow", config.http.allow, Texts{ip_or_network});
    visitor.key("http.plain_sign_in", config.http.plain_sign_in, Flag{});
    visitor.key("http.socket", config.http.socket, Text{socket_or_none});
    visitor.key("http.local_admins", config.http.local_admins, Texts{user_or_group});
    visitor.key("http.changing_gets", config.http.changing_gets, Flag{});
    visitor.tokens("http.tokens", config.http.tokens);
}

}  // namespace peercron::keys
