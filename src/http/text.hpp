#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF).
bool is_utf8(std::string_view text);

/// How many characters (code points) well-formed UTF-8 has.
std::size_t count_characters(std::string_view utf8);

/// What somebody gave, for a message: in quotes, control characters and bytes that are not UTF-8
/// made visible, cut after 60 bytes.
std::string quote_utf8(std::string_view given);

/// Undoes percent-encoding (RFC 3986, 2.1); nullopt when a '%' is not followed by two hexadecimal
/// digits.
std::optional<std::string> decode_percent(std::string_view text);

/// As decode_percent(), and '+' is a space, as in forms and query strings.
std::optional<std::string> decode_form(std::string_view text);

/// Whether two ASCII texts are equal but for case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Without the spaces and tabs around it.
std::string_view trim(std::string_view text);

}  // namespace peercron
