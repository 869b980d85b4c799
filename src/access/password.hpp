#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// Passwords of people, kept as yescrypt hashes: crypt(5), crypt_gensalt(3). Both functions take
// some ten milliseconds and megabytes on purpose, so they have no place on the I/O thread.
// Thread-safe.

/// @throws std::runtime_error when the machine's libcrypt cannot.
std::string hash_password(const std::string& password);

/// False, too, for a text that is no hash.
bool is_password(const std::string& password, const std::string& hash);

/// What is wrong with a new password, with what is allowed; nullopt = nothing.
std::optional<std::string> find_password_problem(std::string_view password);

}  // namespace peercron
