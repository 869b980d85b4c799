#pragma once

#include <cstddef>
#include <string_view>

namespace peercron {

/// How long the label of a node may be.
inline constexpr std::size_t longest_label = 120;

/// Whether it is a word, as "db", or a key and a value, as "zone=eu", of letters, digits and
/// _ . - : / @ [ ].
bool is_label(std::string_view text);

/// Whether a node has it by itself: host=... or address=...
bool is_own_label(std::string_view label);

}  // namespace peercron
