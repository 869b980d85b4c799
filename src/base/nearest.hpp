#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peercron {

/// Of the known names the one that somebody who typed `name` likely meant: fewest letters are
/// missing, extra, others, or have changed places with their neighbour, and not more than two or a
/// quarter of them, of up to four letters one. Nullopt when none is so near. Pure.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> known);

}  // namespace peercron
