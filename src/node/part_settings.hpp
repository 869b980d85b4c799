#pragma once

#include "base/result.hpp"
#include "base/tls_context.hpp"
#include "config/config.hpp"
#include "dispatch/dispatcher.hpp"
#include "exec/executor.hpp"
#include "http/access.hpp"
#include "http/server.hpp"
#include "http_client/http_client.hpp"
#include "notify/cluster_rules.hpp"
#include "notify/notice_rules.hpp"
#include "oidc/oidc_provider.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

// What the configuration means for each part of the node. The parts know no Config.

/// The labels that this node tells: those of the configuration, and its host's name.
std::vector<std::string> labels_of_this_node(const Config& config);

DispatchSettings dispatch_settings(const Config& config);

/// As many commands at a time as configured, or as this process has descriptors for: then the log
/// says so.
/// @param open_files the limit that commands get, when the node has raised its own.
ExecSettings exec_settings(const Config& config, const std::string& version,
                           const std::optional<rlimit>& open_files);

HttpClientSettings http_client_settings(const Config& config, const std::string& version);

/// By whom people sign in, besides by passwords; nullopt: by nobody.
std::optional<OidcSettings> oidc_settings(const Config& config);

NoticeDefaults notice_defaults(const Config& config);
ClusterNotices cluster_notices(const Config& config);

/// Of the server at `address`: as many connections as configured, or as this process has
/// descriptors for; then the log says so.
HttpSettings http_settings(const Config& config, const std::string& address);

/// What the API proves its name with; null: it is not encrypted. The Error names the file that
/// cannot be used.
Result<TlsContext> api_tls(const Config& config);

/// What this node shows to other nodes, besides the cluster secret; null: nothing. The Error names
/// the file that cannot be used.
Result<TlsContext> peer_tls_of(const Config& config);

/// Where the node listens for users of its machine; empty: nowhere.
std::filesystem::path local_socket(const Config& config);

/// Of all streams together: as configured, but not more than half the connections.
std::size_t max_streams(const Config& config);

std::vector<Token> tokens(const Config& config);

/// Who may call the API.
AccessRules access_rules(const Config& config);

/// What became of which token between two configurations, for the log: "token \"deploy\" is new".
/// Never shows a secret.
std::vector<std::string> token_changes(const Config& before, const Config& after);

}  // namespace peercron
