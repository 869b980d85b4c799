#include "node/certificate.hpp"

#include "node/part_settings.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>
#include <utility>

namespace peercron {

Certificate::Kind Certificate::of_api()
{
    return {"the API", "peercron_tls_certificate_expiry_timestamp_seconds", api_tls};
}

Certificate::Kind Certificate::of_peer_port()
{
    return {"the peer port", "peercron_peer_certificate_expiry_timestamp_seconds", peer_tls_of};
}

Certificate::Certificate(Kind kind, const Config& config, prometheus::Registry& registry)
    : kind_(std::move(kind)), context_(kind_.read(config).value())
{
    if (!is_used()) return;
    expiry_ = &prometheus::BuildGauge()
                   .Name(kind_.metric)
                   .Help("When the certificate of " + kind_.owner + " expires")
                   .Register(registry)
                   .Add({});
    tell();
}

std::optional<WallTime> Certificate::expiry() const
{
    return context_ ? std::optional(certificate_expiry(*context_)) : std::nullopt;
}

bool Certificate::reload(const Config& fresh)
{
    if (!is_used()) return false;
    const Result<TlsContext> read = kind_.read(fresh);
    if (!read) {
        spdlog::error("node: the certificate of {} stays as it was: {}", kind_.owner,
                      read.error().message);
        return false;
    }
    if (*read == nullptr) return false;
    context_ = *read;
    tell();
    return true;
}

void Certificate::tell()
{
    constexpr auto soon = std::chrono::hours(24 * 14);
    const WallTime expiry = certificate_expiry(*context_);
    const auto seconds = std::chrono::duration<double>(expiry.time_since_epoch());
    expiry_->Set(seconds.count());
    const bool is_late = expiry < std::chrono::system_clock::now() + soon;
    spdlog::log(is_late ? spdlog::level::warn : spdlog::level::info,
                "node: the certificate of {} expires at {:%Y-%m-%d %H:%M} UTC", kind_.owner,
                fmt::gmtime(static_cast<std::time_t>(seconds.count())));
}

}  // namespace peercron
