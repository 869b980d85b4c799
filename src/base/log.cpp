#include "base/log.hpp"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <memory>
#include <utility>

namespace peercron {

void set_up_log(const LogSettings& settings)
{
    spdlog::sink_ptr sink;
    if (settings.file.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
            settings.file, settings.file_size, settings.file_count);
    }
    auto logger = std::make_shared<spdlog::logger>("peercron", std::move(sink));
    logger->set_level(settings.level);
    logger->flush_on(spdlog::level::info);
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    spdlog::set_default_logger(std::move(logger));
}

std::optional<spdlog::level::level_enum> parse_log_level(std::string_view text)
{
    using Name = std::pair<std::string_view, spdlog::level::level_enum>;
    static constexpr std::array<Name, 13> names{{
        {"0", spdlog::level::critical},
        {"1", spdlog::level::critical},
        {"2", spdlog::level::err},
        {"3", spdlog::level::warn},
        {"4", spdlog::level::info},
        {"5", spdlog::level::debug},
        {"panic", spdlog::level::critical},
        {"fatal", spdlog::level::critical},
        {"error", spdlog::level::err},
        {"warn", spdlog::level::warn},
        {"info", spdlog::level::info},
        {"debug", spdlog::level::debug},
        {"trace", spdlog::level::trace},
    }};
    for (const auto& [name, level] : names) {
        if (name == text) return level;
    }
    return std::nullopt;
}

}  // namespace peercron
