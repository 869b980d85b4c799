#pragma once

#include <string>
#include <string_view>

namespace peercron {

// Texts as they stand in a TOML file.

/// On one line: in single quotes when that saves escapes, else in double quotes.
std::string toml_line(std::string_view text);

/// The same, but a text of several lines on a line for each of its own.
std::string toml_text(std::string_view text);

/// The name of a table: bare, or in quotes.
std::string toml_key(const std::string& name);

}  // namespace peercron
