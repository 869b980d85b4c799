#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// "a%20b": all but the unreserved characters encoded (RFC 3986, 2.1 and 2.3), so that it fits
/// anywhere in an address or a form.
std::string encode_percent(std::string_view text);

/// Undoes it; nullopt when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> decode_percent(std::string_view text);

/// As decode_percent(), and '+' is a space, as in forms and query strings.
std::optional<std::string> decode_form(std::string_view text);

}  // namespace peercron
