#pragma once

#include <toml++/toml.h>

#include <string_view>

namespace peercron {

/// Reads a document that comes from outside; the only way in which TOML is read here.
/// @param source the file's name, for the places in the result.
/// @throws toml::parse_error for what is not TOML, and for what nests deeper than the stack allows
///         (see find_deep_key).
toml::table parse_toml(std::string_view text, std::string_view source);

}  // namespace peercron
