#include "config/contradictions.hpp"

#include "base/units.hpp"
#include "config/endpoint.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

bool is_beyond_loopback(const std::string& address)
{
    const auto endpoint = parse_endpoint(address);
    return endpoint && endpoint->kind != HostKind::loopback;
}

/// Whether one machine cannot listen at both.
bool collide(const std::string& left, const std::string& right)
{
    const auto a = parse_endpoint(left);
    const auto b = parse_endpoint(right);
    if (!a || !b || a->port != b->port) return false;
    return a->host == b->host || a->kind == HostKind::wildcard || b->kind == HostKind::wildcard;
}

void check_exposure(const Config& config, std::vector<Contradiction>& found)
{
    const bool listens = config.mode == Config::Mode::cluster;
    if (listens && is_beyond_loopback(config.bind_address) && config.cluster_secret.empty() &&
        !config.insecure) {
        found.push_back(
            {"bind_address",
             config.bind_address +
                 " can be reached from other machines, and anyone who connects there can run "
                 "commands, but no cluster secret is set; set the same secret at every node "
                 "([cluster] secret_file, or PEERCRON_CLUSTER_SECRET), or, if everybody who can "
                 "reach the port may run commands, [cluster] allow_insecure = true"});
    }
}

void check_times(const Config::Dispatch& dispatch, std::vector<Contradiction>& found)
{
    const auto silence = "dispatch.silence_limit (" + format_duration(dispatch.silence_limit) + ")";
    if (dispatch.silence_limit < 3 * dispatch.beat_interval) {
        found.push_back(
            {"dispatch.silence_limit", format_duration(dispatch.silence_limit) +
                                           " is less than three times dispatch.beat_interval (" +
                                           format_duration(dispatch.beat_interval) +
                                           "), so that one late beat would look like a dead node"});
    }
    if (dispatch.lease <= dispatch.silence_limit) {
        found.push_back(
            {"dispatch.lease",
             format_duration(dispatch.lease) + " is not more than " + silence +
                 ", so that a mutex would move to another node before its node counts as silent"});
    }
    if (dispatch.lease_margin >= dispatch.lease) {
        found.push_back({"dispatch.lease_margin", format_duration(dispatch.lease_margin) +
                                                      " is not less than dispatch.lease (" +
                                                      format_duration(dispatch.lease) + ")"});
    }
    if (dispatch.start_deadline <= dispatch.silence_limit) {
        found.push_back({"dispatch.start_deadline",
                         format_duration(dispatch.start_deadline) + " is not more than " + silence +
                             ", so that no other node could start a dead node's fires in time"});
    }
}

void check_ports(const Config& config, std::vector<Contradiction>& found)
{
    const std::array<std::pair<const char*, const std::string&>, 3> listeners{
        {{"bind_address", config.bind_address},
         {"http_bind_address", config.http_bind_address},
         {"pprof_listen", config.pprof_listen}}};
    // Alone, a node has no peers to listen to.
    const auto* const first = listeners.begin() + (config.mode == Config::Mode::solo ? 1 : 0);
    for (const auto* later = first; later != listeners.end(); ++later) {
        for (const auto* earlier = first; earlier != later; ++earlier) {
            if (!collide(earlier->second, later->second)) continue;
            found.push_back({later->first, "found \"" + later->second + "\", where '" +
                                               earlier->first +
                                               "' already listens, expected another port"});
        }
    }
}

/// The files of the certificates between nodes, and whether each is set.
std::array<std::pair<const char*, bool>, 3> peer_tls_keys(const Config& config)
{
    return {{{"cluster.cert", !config.peer_tls.cert.empty()},
             {"cluster.key", !config.peer_tls.key.empty()},
             {"cluster.ca", !config.peer_tls.ca.empty()}}};
}

/// Keys that only a cluster uses, where nothing says that this is one.
void check_mode(const Config& config, std::vector<Contradiction>& found)
{
    if (config.mode != Config::Mode::solo || config.origins.contains("mode")) return;
    const Config defaults;
    const std::array<std::pair<const char*, bool>, 5> keys{
        {{"bind_address", config.bind_address != defaults.bind_address},
         {"service_name", config.service_name != defaults.service_name},
         {"lock_key", config.lock_key != defaults.lock_key},
         {"cluster.allow_insecure", config.insecure},
         {"cluster.encrypt", config.encrypt != defaults.encrypt}}};
    const auto check = [&found](const std::pair<const char*, bool>& key) {
        if (!key.second) return;
        found.push_back({key.first,
                         "only a cluster uses it, and nothing says that this node is in a cluster; "
                         "set mode = \"cluster\" with consul_address and mysql_host, or mode = "
                         "\"solo\" for a single node, whose only address is http_bind_address"});
    };
    std::ranges::for_each(keys, check);
    std::ranges::for_each(peer_tls_keys(config), check);
}

void check_proxies(const Config::Http& http, std::vector<Contradiction>& found)
{
    if (http.user_header.empty() || !http.trusted_proxies.empty()) return;
    found.push_back({"http.user_header",
                     "nobody's header is believed without http.trusted_proxies; set the addresses "
                     "of the proxies "
                     "that people sign in to"});
}

/// Keys of [oidc] where nobody signs in by a provider.
void check_no_provider(const Config& config, std::vector<Contradiction>& found)
{
    const Config::Oidc defaults;
    const Config::Oidc& oidc = config.oidc;
    const bool is_file = config.origins.contains("oidc.client_secret_file");
    const std::array<std::pair<const char*, bool>, 11> keys{
        {{"oidc.client_id", !oidc.client_id.empty()},
         {is_file ? "oidc.client_secret_file" : "oidc.client_secret", !oidc.client_secret.empty()},
         {"oidc.redirect_uri", !oidc.redirect_uri.empty()},
         {"oidc.name", oidc.name != defaults.name},
         {"oidc.scopes", oidc.scopes != defaults.scopes},
         {"oidc.user_claim", oidc.user_claim != defaults.user_claim},
         {"oidc.groups_claim", oidc.groups_claim != defaults.groups_claim},
         {"oidc.read_groups", !oidc.read_groups.empty()},
         {"oidc.operate_groups", !oidc.operate_groups.empty()},
         {"oidc.admin_groups", !oidc.admin_groups.empty()},
         {"oidc.owner_groups", !oidc.owner_groups.empty()}}};
    for (const auto& [key, is_set] : keys) {
        if (!is_set) continue;
        found.push_back({key, "it is of no use without oidc.issuer, which names the provider"});
    }
}

void check_oidc(const Config& config, std::vector<Contradiction>& found)
{
    const Config::Oidc& oidc = config.oidc;
    if (oidc.issuer.empty()) return check_no_provider(config, found);
    const auto need = [&found](const char* key, const std::string& value, const char* what) {
        if (value.empty())
            found.push_back({key, std::string("oidc.issuer is set, so expected ") + what});
    };
    need("oidc.client_id", oidc.client_id, "the id under which the provider knows peercron");
    need("oidc.redirect_uri", oidc.redirect_uri,
         "the address of this API as browsers know it, ending in /session/oidc/callback, which the "
         "provider has to know, too");
    // OpenID Connect Core 1.0, 3.1.2.1: without it the provider gives no ID token.
    if (std::ranges::find(oidc.scopes, "openid") == oidc.scopes.end()) {
        found.push_back({"oidc.scopes",
                         "\"openid\" is missing, without which a provider does not say who has "
                         "signed in; expected a list such as [\"openid\", \"profile\"]"});
    }
}

void check_labels(const std::vector<std::string>& labels, std::vector<Contradiction>& found)
{
    constexpr std::size_t most = 32;
    if (labels.size() <= most) return;
    found.push_back({"node.labels", "found " + std::to_string(labels.size()) +
                                        " labels, expected at most " + std::to_string(most)});
}

/// A certificate and its key belong together.
void check_tls(const Config& config, std::vector<Contradiction>& found)
{
    const auto check_pair = [&found](const char* cert_key, const std::string& cert,
                                     const char* key_key, const std::string& key) {
        if (cert.empty() == key.empty()) return;
        found.push_back({cert.empty() ? key_key : cert_key,
                         std::string("it is of no use without ") +
                             (cert.empty() ? cert_key : key_key) + "; set both, or none"});
    };
    check_pair("tls.cert", config.tls.cert, "tls.key", config.tls.key);
    check_pair("consul.cert", config.consul.cert, "consul.key", config.consul.key);
    if (!config.tls.client_ca.empty() && config.tls.cert.empty()) {
        found.push_back({"tls.client_ca",
                         "clients are asked for certificates under TLS only; set tls.cert and "
                         "tls.key"});
    }
    const bool is_https = config.consul_address.starts_with("https://");
    if (!is_https && (!config.consul.ca.empty() || !config.consul.cert.empty())) {
        found.push_back(
            {config.consul.ca.empty() ? "consul.cert" : "consul.ca",
             "it is used only with consul_address = \"https://" + config.consul_address + "\""});
    }
    if (config.mysql.tls == Config::Mysql::Tls::off && !config.mysql.ca.empty()) {
        found.push_back({"mysql.ca", "it is not used, since mysql.tls is \"off\""});
    }
}

/// The certificates of nodes: both ends show one, so each needs all three files.
void check_peer_tls(const Config& config, std::vector<Contradiction>& found)
{
    const auto keys = peer_tls_keys(config);
    const auto is_set = [](const auto& key) { return key.second; };
    const auto* const set = std::ranges::find_if(keys, is_set);
    if (set == keys.end()) return;
    for (const auto& [key, is_there] : keys) {
        if (is_there) continue;
        found.push_back({set->first, std::string("it is of no use without ") + key +
                                         "; set cluster.cert, key and ca, or none of them"});
    }
    if (config.encrypt == Config::Encrypt::off) {
        found.push_back({set->first,
                         "nodes show certificates under TLS only, and cluster.encrypt is \"off\"; "
                         "expected \"prefer\" or \"require\", or no certificate"});
    }
}

}  // namespace

std::vector<Contradiction> contradictions(const Config& config)
{
    std::vector<Contradiction> found;
    check_tls(config, found);
    check_peer_tls(config, found);
    check_mode(config, found);
    check_exposure(config, found);
    check_times(config.dispatch, found);
    check_ports(config, found);
    check_labels(config.node.labels, found);
    check_proxies(config.http, found);
    check_oidc(config, found);
    return found;
}

}  // namespace peercron
