#include "base/log.hpp"

#include "base/visible_text.hpp"

#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace peercron {
namespace {

/// The message, in which others' texts may be: names, addresses, what a server answers.
class VisibleMessage : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& line) override
    {
        const std::string text =
            visible_text({message.payload.data(), message.payload.size()}, Breaks::indent);
        line.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override
    {
        return std::make_unique<VisibleMessage>();
    }
};

/// The library's own files are inherited by commands.
spdlog::file_event_handlers close_on_exec()
{
    spdlog::file_event_handlers handlers;
    handlers.after_open = [](const spdlog::filename_t& /*name*/, std::FILE* file) {
        ::fcntl(::fileno(file), F_SETFD, FD_CLOEXEC);
    };
    return handlers;
}

}  // namespace

void set_up_log(const LogSettings& settings)
{
    spdlog::sink_ptr sink;
    if (settings.file.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
            settings.file, settings.file_size, settings.file_count, false, close_on_exec());
    }
    auto logger = std::make_shared<spdlog::logger>("peercron", std::move(sink));
    logger->set_level(settings.level);
    logger->flush_on(spdlog::level::info);
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<VisibleMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %*");
    logger->set_formatter(std::move(formatter));
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
