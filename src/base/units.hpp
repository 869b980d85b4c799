#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// A whole number with its unit: "500ms", "2s", "1m", "24h". nullopt for anything else, also for a
/// number that stands alone.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest text that parse_duration() reads back.
std::string format_duration(std::chrono::milliseconds duration);

/// A whole number with its unit: "512KiB", "64MiB", "1GiB". nullopt for anything else.
std::optional<std::size_t> parse_size(std::string_view text);

/// The shortest text that parse_size() reads back, a bare number when no unit fits.
std::string format_size(std::size_t bytes);

}  // namespace peercron
