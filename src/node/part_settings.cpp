#include "node/part_settings.hpp"

#include "base/environment.hpp"
#include "base/socket_places.hpp"
#include "base/utf8.hpp"
#include "config/endpoint.hpp"
#include "exec/descriptors.hpp"
#include "model/labels.hpp"

#include <grp.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <thread>

namespace peercron {
namespace {

/// Between two commits of a node that is alone.
constexpr std::chrono::milliseconds longest_pause_alone{2000};

}  // namespace

std::vector<std::string> labels_of_this_node(const Config& config)
{
    std::array<char, HOST_NAME_MAX + 1> host{};
    ::gethostname(host.data(), host.size() - 1);
    std::vector<std::string> labels = host_labels(host.data());
    labels.insert(labels.end(), config.node.labels.begin(), config.node.labels.end());
    return labels;
}

DispatchSettings dispatch_settings(const Config& config)
{
    DispatchSettings settings;
    settings.default_zone = config.time_zone;
    settings.lookahead = config.dispatch.lookahead;
    settings.misfire_window = config.dispatch.misfire_window;
    settings.start_deadline = config.dispatch.start_deadline;
    settings.poll_interval = config.dispatch.poll_interval;
    settings.beat_interval = config.dispatch.beat_interval;
    settings.silence_limit = config.dispatch.silence_limit;
    // Alone there is nobody to be given up, and the beats only show that this process runs. Nor is
    // anybody deposed.
    settings.is_alone = config.mode == Config::Mode::solo;
    if (settings.is_alone) {
        settings.longest_plan_pause =
            std::clamp(settings.lookahead, settings.longest_plan_pause, longest_pause_alone);
        settings.beat_interval = std::max(settings.beat_interval, settings.silence_limit / 3);
        settings.silence_limit *= 2;
    }
    settings.lease = config.dispatch.lease;
    settings.lease_margin = config.dispatch.lease_margin;
    settings.audit_interval = config.dispatch.audit_interval;
    settings.ledger_retention = std::chrono::days(config.ledger_keep_days);
    return settings;
}

namespace {

/// In memory: systemd's RuntimeDirectory= of this node, or a folder of its name in /dev/shm.
std::filesystem::path folder_for_secrets(const NodeName& node)
{
    const char* const runtime = std::getenv("RUNTIME_DIRECTORY");
    if (runtime != nullptr && *runtime == '/') {
        // There may be several, with colons between.
        const std::string_view all(runtime);
        return std::filesystem::path(all.substr(0, all.find(':'))) / "secrets";
    }
    std::string name = "peercron-secrets-" + node;
    std::ranges::replace(name, ':', '_');
    return std::filesystem::path("/dev/shm") / name;
}

/// As configured, whatever this process may have open.
RunShare wanted_runs(const Config& config)
{
    constexpr std::size_t slots_per_core = 64;
    const std::size_t cores = std::max(std::thread::hardware_concurrency(), 1U);
    const std::size_t slots = config.exec.slots != 0 ? config.exec.slots : cores * slots_per_core;
    return {slots, ExecSettings().max_left_outputs, config.exec.http_slots};
}

}  // namespace

ExecSettings exec_settings(const Config& config, const std::string& version,
                           const std::optional<rlimit>& open_files)
{
    ExecSettings settings;
    settings.node = config.node_name();
    settings.version = version;
    settings.shell = config.exec.shell;
    settings.max_output = config.exec.max_output;
    settings.open_files = open_files;
    settings.commands.users = config.exec.run_as;
    settings.commands.folders = config.exec.command_dirs;
    settings.commands.secrets = {config.secrets.dir, folder_for_secrets(settings.node)};
    const std::size_t limit = descriptor_limit();
    const RunShare wanted = wanted_runs(config);
    const RunShare share = share_of_runs(wanted, limit);
    if (share.slots < wanted.slots) {
        spdlog::warn(
            "node: {} commands run at a time instead of {} ([exec] slots): this process may have "
            "only {} descriptors open; raise LimitNOFILE (systemd) or ulimit -n",
            share.slots, wanted.slots, limit);
    }
    if (share.requests < wanted.requests) {
        spdlog::warn(
            "node: {} requests are under way at a time instead of {} ([exec] http_slots): this "
            "process may have only {} descriptors open; raise LimitNOFILE (systemd) or ulimit -n",
            share.requests, wanted.requests, limit);
    }
    settings.rules.http_slots = share.requests;
    settings.rules.slots = share.slots;
    settings.max_left_outputs = share.left_outputs;
    settings.rules.silence_limit = config.dispatch.silence_limit;
    settings.rules.lease = config.dispatch.lease;
    settings.rules.early = 2 * config.dispatch.lookahead;
    settings.rules.kill_grace = config.exec.kill_grace;
    return settings;
}

HttpClientSettings http_client_settings(const Config& config, const std::string& version)
{
    HttpClientSettings settings;
    settings.user_agent = "peercron/" + version;
    settings.deny = config.http_client.deny;
    settings.proxy = config.http_client.proxy;
    settings.proxy_login = config.http_client.proxy_login;
    settings.no_proxy = config.http_client.no_proxy;
    settings.ca_file = config.http_client.ca_file;
    // Fewer, and a burst of requests would close connections that the next one needs.
    const std::size_t requests = share_of_runs(wanted_runs(config), descriptor_limit()).requests;
    settings.idle_connections = std::max(settings.idle_connections, requests);
    return settings;
}

std::optional<OidcSettings> oidc_settings(const Config& config)
{
    const Config::Oidc& given = config.oidc;
    if (given.issuer.empty()) return std::nullopt;
    OidcSettings settings;
    settings.issuer = given.issuer;
    settings.client_id = given.client_id;
    settings.client_secret = given.client_secret;
    settings.redirect_uri = given.redirect_uri;
    settings.name = given.name;
    settings.scopes = given.scopes;
    settings.user_claim = given.user_claim;
    settings.groups_claim = given.groups_claim;
    settings.groups = {given.read_groups, given.operate_groups, given.admin_groups,
                       given.owner_groups};
    return settings;
}

NoticeDefaults notice_defaults(const Config& config)
{
    NoticeDefaults defaults;
    defaults.notify_on = config.notify.on;
    defaults.notify_after = static_cast<std::int64_t>(config.notify.after);
    defaults.notify_every = config.notify.every;
    defaults.late_after = config.notify.late_after;
    defaults.slow_after = config.notify.slow_after;
    defaults.expect_every = config.notify.expect_every;
    defaults.expect_by = config.notify.expect_by;
    defaults.late_goal = config.notify.late_goal;
    defaults.time_zone = config.time_zone;
    for (const Config::Notify::Tag& tag : config.notify.tags) {
        defaults.tags.push_back({.tag = tag.tag,
                                 .channels = tag.channels,
                                 .notify_on = tag.on,
                                 .notify_after = static_cast<std::int64_t>(tag.after),
                                 .notify_every = tag.every,
                                 .late_after = tag.late_after,
                                 .slow_after = tag.slow_after,
                                 .expect_every = tag.expect_every,
                                 .expect_by = tag.expect_by,
                                 .late_goal = tag.late_goal});
    }
    return defaults;
}

ClusterNotices cluster_notices(const Config& config)
{
    ClusterNotices notices;
    notices.on = config.notify.cluster_on;
    notices.after = config.notify.cluster_after;
    notices.every = config.notify.every;
    notices.channels = config.notify.cluster_channels;
    return notices;
}

HttpSettings http_settings(const Config& config, const std::string& address)
{
    HttpSettings settings;
    settings.address = address;
    settings.max_body = config.http.max_body;
    settings.max_connections = connections_within(config.http.max_connections, descriptor_limit());
    if (settings.max_connections < config.http.max_connections) {
        spdlog::warn(
            "http: {} takes {} connections at a time instead of {} ([http] max_connections): this "
            "process may have only {} descriptors open; raise LimitNOFILE (systemd) or ulimit -n",
            address, settings.max_connections, config.http.max_connections, descriptor_limit());
    }
    settings.idle_timeout = config.http.idle_timeout;
    return settings;
}

Result<TlsContext> api_tls(const Config& config)
{
    if (config.tls.cert.empty()) return TlsContext();
    return server_tls({config.tls.cert, config.tls.key, config.tls.client_ca},
                      static_cast<TlsVersion>(config.tls.min));
}

Result<TlsContext> peer_tls_of(const Config& config)
{
    const bool has_peers = config.mode == Config::Mode::cluster;
    if (!has_peers || config.peer_tls.cert.empty()) return TlsContext();
    return peer_tls({config.peer_tls.cert, config.peer_tls.key, config.peer_tls.ca});
}

std::filesystem::path local_socket(const Config& config)
{
    if (config.http.socket == "none") return {};
    if (!config.http.socket.empty()) return config.http.socket;
    const std::string runtime = environment_variable("RUNTIME_DIRECTORY");
    if (runtime.starts_with('/')) {
        return std::filesystem::path(runtime.substr(0, runtime.find(':'))) / "peercron.sock";
    }
    return socket_place(::geteuid(), environment_variable);
}

std::size_t max_streams(const Config& config)
{
    const std::size_t connections =
        connections_within(config.http.max_connections, descriptor_limit());
    return std::min(config.http.max_streams, std::max<std::size_t>(connections / 2, 1));
}

std::vector<Token> tokens(const Config& config)
{
    std::vector<Token> tokens;
    for (const Config::Http::Token& token : config.http.tokens) {
        tokens.push_back(Token{token.name, token.secret, static_cast<Role>(token.role)});
    }
    return tokens;
}

namespace {

bool is_loopback(const std::string& address)
{
    const auto endpoint = parse_endpoint(address);
    return endpoint && endpoint->kind == HostKind::loopback;
}

std::string user_name(uid_t uid)
{
    const passwd* const user = ::getpwuid(uid);
    return user == nullptr ? fmt::format("uid {}", uid) : user->pw_name;
}

/// Names are looked up once, here, so that no call waits for the machine's directory.
void add_local_owner(AccessRules& rules, const std::string& name)
{
    if (name.starts_with('@')) {
        const group* const known = ::getgrnam(name.c_str() + 1);
        if (known != nullptr) rules.local_owner_groups.push_back(known->gr_gid);
        if (known == nullptr) spdlog::warn("http: [http] local_admins: no group {}", name);
        return;
    }
    const passwd* const known = ::getpwnam(name.c_str());
    if (known != nullptr) rules.local_owners.emplace(known->pw_uid, name);
    if (known == nullptr) spdlog::warn("http: [http] local_admins: no user {}", name);
}

}  // namespace

AccessRules access_rules(const Config& config)
{
    AccessRules rules;
    rules.tokens = tokens(config);
    rules.trusted_proxies = config.http.trusted_proxies;
    rules.allow = config.http.allow;
    rules.hosts = config.http.allow_anonymous ? Hosts::any : Hosts::this_machine;
    if (config.http.allow_anonymous) {
        rules.anonymous = Role::owner;
    } else if (is_loopback(config.http_bind_address)) {
        rules.anonymous = parse_role(config.http.anonymous);
    } else {
        rules.anonymous = std::nullopt;
    }
    rules.local_owners = {{0, "root"}, {::geteuid(), user_name(::geteuid())}};
    for (const std::string& name : config.http.local_admins) add_local_owner(rules, name);
    rules.user_header = config.http.user_header;
    return rules;
}

std::vector<std::string> token_changes(const Config& before, const Config& after)
{
    const auto find = [](const Config& config, const std::string& name) {
        const auto& all = config.http.tokens;
        const auto found = std::ranges::find(all, name, &Config::Http::Token::name);
        return found == all.end() ? nullptr : &*found;
    };
    std::vector<std::string> changes;
    for (const auto& token : after.http.tokens) {
        const auto* const earlier = find(before, token.name);
        if (earlier != nullptr && *earlier == token) continue;
        changes.push_back(fmt::format("token {} {}", quote_utf8(token.name),
                                      earlier == nullptr ? "is new" : "has changed"));
    }
    for (const auto& token : before.http.tokens) {
        if (find(after, token.name) != nullptr) continue;
        changes.push_back(fmt::format("token {} is not valid any more", quote_utf8(token.name)));
    }
    return changes;
}

}  // namespace peercron
