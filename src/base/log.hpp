#pragma once

#include <spdlog/spdlog.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Where the program's own log goes. Every part logs through spdlog's default logger
/// (spdlog::info and friends), a line per event, starting with the part's name: "consul: …".
struct LogSettings {
    spdlog::level::level_enum level = spdlog::level::info;
    std::string file;                    ///< empty: standard error
    std::size_t file_size = 64U << 20U;  ///< bytes after which the file is rotated
    std::size_t file_count = 5;          ///< rotated files that are kept
};

/// Installs the default logger. May be called again (SIGHUP), then only on the I/O thread.
/// Throws spdlog::spdlog_ex when the file cannot be opened.
void set_up_log(const LogSettings& settings);

/// The levels by number as the reference numbers them (0 panic, 1 fatal, 2 error, 3 warn, 4 info,
/// 5 debug; both 0 and 1 are spdlog's "critical") or by name; nullopt for anything else.
std::optional<spdlog::level::level_enum> parse_log_level(std::string_view text);

}  // namespace peercron
