#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peercron {

/// The known name that was probably meant by `name`: the one with the fewest letters that are
/// missing, extra, different, or swapped with their neighbour. At most two letters or a quarter of
/// them may differ, and one of up to four letters. nullopt when no name is that near. Pure.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> known);

}  // namespace peercron
