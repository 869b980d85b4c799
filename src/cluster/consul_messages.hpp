#pragma once

#include "base/result.hpp"
#include "cluster/campaign.hpp"
#include "cluster/consul_settings.hpp"
#include "cluster/coordinator.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// Requests to Consul's HTTP API, and the meaning of its answers: text in, values out, no I/O.
// Parsers take only the fields that they name and ignore all others, so that the same code serves
// Consul 1.8 and the current one. An error says which field was not as expected.

/// The names under which a node appears in Consul.
struct ConsulNames {
    explicit ConsulNames(const ConsulSettings& settings);

    std::string service_id;   ///< "peercron-127.0.0.1:9991"
    std::string port_check;   ///< TCP on the peer port, made by Consul
    std::string alive_check;  ///< TTL, refreshed by the node
    std::string session;      ///< "peercron 127.0.0.1:9991"
};

/// Body of PUT /v1/agent/service/register. Throws std::invalid_argument when bind_address is not
/// host:port.
std::string registration_body(const ConsulSettings& settings);

/// The whole request, as bytes, with which another process makes the node's check fail: the lock is
/// free at once, and not only when the check expires.
std::string death_report(const ConsulSettings& settings);

/// Body of PUT /v1/session/create: tied to the node's checks and to its agent being alive.
std::string session_body(const ConsulSettings& settings);

/// Body of PUT /v1/kv/LOCK_KEY?acquire=…: shows who dispatches in `consul kv get`.
std::string holder_body(const ConsulSettings& settings);

/// Answer to PUT /v1/session/create: the session's id.
Result<std::string> parse_session_id(std::string_view json);

/// Answer to GET /v1/kv/LOCK_KEY. A value that is not ours names no holder.
Result<LockEntry> parse_lock_entry(std::string_view json);

/// Answer to GET /v1/health/service/NAME: ordered by name, each name once. A node that moved to
/// another agent is registered twice for a while; it passes when it does so anywhere.
Result<std::vector<Member>> parse_members(std::string_view json);

/// A session in the answers to GET /v1/session/info/ID and GET /v1/session/node/NODE.
struct SessionInfo {
    std::string id;
    std::string name;
    std::string node;  ///< the agent's name
};
Result<std::vector<SessionInfo>> parse_sessions(std::string_view json);

/// Answer to GET /v1/agent/services: ids of services with this node's name and peer address that
/// are not its own, left there by an earlier version or another naming.
Result<std::vector<std::string>> parse_stale_services(std::string_view json,
                                                      const ConsulSettings& settings);

/// `text` as a part of a URL's path: all but letters, digits and -._~/ percent-encoded.
std::string url_path(std::string_view text);

}  // namespace peercron
