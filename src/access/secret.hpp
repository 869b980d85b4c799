#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// With what the secrets of tokens begin, so that scanners of source code and logs find them.
inline constexpr std::string_view token_prefix = "pcr_";

/// 256 random bits as 43 characters that need no quoting anywhere (base64url, RFC 4648, 5).
/// @throws std::runtime_error when the system has no random numbers.
std::string random_secret();

/// The SHA-256 of a secret, hexadecimal. No salt and no work is needed: nobody guesses 256 bits.
std::string digest_of(std::string_view secret);

}  // namespace peercron
