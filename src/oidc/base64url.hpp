#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// RFC 4648, section 5, without padding, as all of JOSE has it (RFC 7515, section 2).
std::string encode_base64url(std::string_view bytes);

/// nullopt: a character that is not of the alphabet, padding, or bits that belong to no byte. So
/// every value has one form.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace peercron
