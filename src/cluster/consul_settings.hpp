#pragma once

#include "base/tls_context.hpp"
#include "model/run.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace peercron {

/// What a node needs to know to take part through Consul.
struct ConsulSettings {
    std::string address = "127.0.0.1:8500";  ///< of the agent's API: host:port or https://host:port
    TlsFiles tls;                            ///< for https
    std::string token;                       ///< ACL token; empty: none is sent
    std::string service_name = "peercron";   ///< all nodes of a cluster share it …
    std::string lock_key = "peercron/dispatcher";  ///< … and this
    NodeName bind_address;     ///< host:port of this node's peer port, reachable by the agent
    std::string http_address;  ///< where this node's API answers, told to others
    std::string version;       ///< told to others
    std::vector<std::string> labels;  ///< told to others, as the service's tags
    std::uint64_t incarnation = 0;    ///< told to others; new with each start of the process
};

}  // namespace peercron
