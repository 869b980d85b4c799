#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace peercron {

// Text on its way into a database. UTF-8 is never cut inside a character.

/// The pattern for `LIKE … ESCAPE '|'` that finds `part` anywhere, each character as itself.
std::string like_pattern(std::string_view part);

/// `text` itself when it has at most `limit` bytes; else its head and its tail with a line between
/// them that says how many bytes were cut, in no more than `limit` bytes, unless that is too few
/// for the line.
std::string cut_middle(std::string_view text, std::size_t limit);

/// `text` with '?' for every byte that is not printable ASCII, a tab or a newline: what any
/// database takes.
std::string plain_ascii(std::string_view text);

}  // namespace peercron
