#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/tls_context.hpp"
#include "config/config.hpp"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <optional>
#include <string>

namespace peercron {

/// A certificate of this node, which may be renewed while the node runs. Lives on the I/O thread.
class Certificate {
public:
    struct Kind {
        std::string owner;  ///< for the log: "the API"
        std::string metric;
        /// The context with it; null: it is not used. The Error names the file that cannot be used.
        Result<TlsContext> (*read)(const Config& config);
    };
    static Kind of_api();
    static Kind of_peer_port();

    /// Throws std::runtime_error that names the file that cannot be used.
    Certificate(Kind kind, const Config& config, prometheus::Registry& registry);

    bool is_used() const { return context_ != nullptr; }
    /// nullopt: it is not used.
    std::optional<WallTime> expiry() const;
    TlsContext context() const { return context_; }

    const std::string& owner() const { return kind_.owner; }

    /// Reads the files again; goes on with the certificate that there is when they are not good,
    /// or are not configured any more. Whether there is another one.
    bool reload(const Config& fresh);

private:
    void tell();

    const Kind kind_;
    TlsContext context_;  // null: it is not used
    prometheus::Gauge* expiry_ = nullptr;
};

}  // namespace peercron
