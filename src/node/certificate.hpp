#pragma once

#include "base/clock.hpp"
#include "base/tls_context.hpp"
#include "config/config.hpp"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <optional>

namespace peercron {

/// The certificate of the API, which may be renewed while the node runs. Lives on the I/O thread.
class Certificate {
public:
    /// Throws std::runtime_error that names the file that cannot be used.
    Certificate(const Config& config, prometheus::Registry& registry);

    bool is_used() const { return context_ != nullptr; }
    /// nullopt: it is not used.
    std::optional<WallTime> expiry() const;
    TlsContext context() const { return context_; }

    /// Reads the files again; goes on with the certificate that there is when they are not good.
    bool reload(const Config& fresh);

private:
    void tell();

    TlsContext context_;  // null: the API is not encrypted
    prometheus::Gauge* expiry_ = nullptr;
};

}  // namespace peercron
