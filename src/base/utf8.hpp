#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace peercron {

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF).
bool is_utf8(std::string_view text);

/// How many characters (code points) well-formed UTF-8 has.
std::size_t count_characters(std::string_view utf8);

struct Utf8Character {
    std::size_t length = 0;  ///< bytes; 0 = not well-formed
    char32_t code = 0;
};

/// The character at the start of a text that is not empty.
Utf8Character first_character(std::string_view text);

/// A text from outside, for a message: in quotes, bytes that are not UTF-8 and the characters of
/// visible_text() written as escapes, cut after 60 bytes.
std::string quote_utf8(std::string_view given);

/// Cuts UTF-8 to at most this many bytes, and removes an incomplete character at the end.
void cut_utf8(std::string& text, std::size_t most);

/// The first `count` characters (code points) of `text`.
std::string_view first_characters(std::string_view text, std::size_t count);

}  // namespace peercron
