#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace peercron {

/// The line (from 1) of a TOML document at which tables, lists and the parts of keys nest more than
/// 100 deep, in whatever form they are written: headers, dotted and quoted keys, inline tables,
/// lists. nullopt when nothing does. The TOML library frees nested values by recursion, so that
/// very deep ones use up the stack: every text from outside is checked first. In text that is not
/// valid TOML, only what stands before the first mistake is judged exactly.
std::optional<std::size_t> find_deep_key(std::string_view toml);

}  // namespace peercron
