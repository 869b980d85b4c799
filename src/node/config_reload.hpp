#pragma once

#include "config/config.hpp"
#include "http/router.hpp"
#include "node/certificate.hpp"

namespace peercron {

/// Takes over what a running node can of a configuration that is read again: [log], who may call,
/// and the certificates. Lives on the I/O thread.
class ConfigReload {
public:
    ConfigReload(const Config& config, const ConfigSources& sources, Certificate& certificate,
                 Certificate& peer_certificate, Router& api)
        : sources_(sources),
          certificate_(certificate),
          peer_certificate_(peer_certificate),
          api_(api),
          in_force_(config)
    {}

    /// The log says what changed, and what waits for the next start.
    void read_again();

private:
    const ConfigSources& sources_;
    Certificate& certificate_;
    Certificate& peer_certificate_;
    Router& api_;
    Config in_force_;  // the node's, with what was reloaded since
};

}  // namespace peercron
