#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace peercron {

/// The line (from 1) of a TOML document whose key has more than 100 parts; nullopt when there is
/// none. The library reads and frees nested tables by recursion, so that a key of very many parts
/// uses up the stack: whoever takes a file from a person asks first.
std::optional<std::size_t> find_deep_key(std::string_view toml);

}  // namespace peercron
