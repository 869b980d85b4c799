#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// RFC 4648, section 4, with padding.
std::string encode_base64(std::string_view bytes);

/// nullopt: nothing, or something else than whole groups of four characters, padded at the end.
std::optional<std::string> decode_base64(std::string_view text);

/// RFC 4648, section 5, without padding: what needs no quoting anywhere. All of JOSE has it (RFC
/// 7515, section 2).
std::string encode_base64url(std::string_view bytes);

/// nullopt: a character that is not of the alphabet, padding, or bits that belong to no byte. So
/// every value has one form.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace peercron
