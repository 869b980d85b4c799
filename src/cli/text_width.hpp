#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace peercron {

/// How many columns of a terminal UTF-8 text takes: wide characters two, combining ones none (as
/// wcwidth(3) of C.UTF-8 says). A byte that is no UTF-8 counts as one.
std::size_t display_width(std::string_view text);

/// The text when it fits into `width` columns, else its beginning and "…".
std::string cut_to_width(std::string_view text, std::size_t width);

/// The text on one line and harmless to a terminal (see visible_text()): line breaks and tabs
/// become a space.
std::string one_line(std::string_view text);

/// The same for text of many lines, whose breaks and tabs stay.
std::string many_lines(std::string_view text);

/// Words on lines of at most `width` bytes, but for longer words.
std::string wrapped(std::string_view words, std::size_t width);

}  // namespace peercron
