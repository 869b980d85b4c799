#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

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
