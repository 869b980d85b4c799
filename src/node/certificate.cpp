#include "node/certificate.hpp"

#include "node/part_settings.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>

namespace peercron {

Certificate::Certificate(const Config& config, prometheus::Registry& registry)
    : context_(api_tls(config).value())
{
    if (!is_used()) return;
    expiry_ = &prometheus::BuildGauge()
                   .Name("peercron_tls_certificate_expiry_timestamp_seconds")
                   .Help("When the certificate of the API expires")
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
    const Result<TlsContext> read = api_tls(fresh);
    if (!read) {
        spdlog::error("node: the certificate of the API stays as it was: {}", read.error().message);
        return false;
    }
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
                "node: the certificate of the API expires at {:%Y-%m-%d %H:%M} UTC",
                fmt::gmtime(static_cast<std::time_t>(seconds.count())));
}

}  // namespace peercron
