#pragma once

#include "config/config.hpp"
#include "exec/warden.hpp"
#include "node/own_api.hpp"

#include <functional>
#include <string>

namespace peercron {

/// What the process that runs a node gets from its caller.
struct NodeSurroundings {
    ConfigSources sources;  ///< read again on SIGHUP
    std::string version;
    std::string program = "peercron";  ///< how a person starts it from here

    /// What brings the node's jobs in line with something outside (`serve --jobs`): called once the
    /// node runs, and again at each SIGHUP. Not set: nothing does.
    std::function<asio::awaitable<void>(OwnApi& api)> apply_jobs;
    bool log_output = false;  ///< see OutputLog
};

/// Runs a node until SIGTERM or SIGINT, and returns the exit status: 0 after a requested stop, 1
/// when a part failed or could not start (the log says which).
///
/// SIGTERM drains: the dispatcher's lock and the fires that are not due go to others, running
/// commands have [exec] drain_timeout to end, then they are killed and recorded. A second SIGTERM
/// ends it at once. SIGHUP reads the configuration again; of it, [log] and [[http.tokens]]
/// take effect, and the log says what changed and what waits for the next start. It applies the
/// jobs again, too.
///
/// `lifeline` tells when the warden is gone; then the node kills all commands and ends.
/// Takes over the process's signals; call it once, before there are threads.
int run_node(const Config& config, const NodeSurroundings& surroundings, Lifeline lifeline);

}  // namespace peercron
