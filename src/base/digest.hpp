#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string_view>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace peercron {

using Digest = std::array<char, 32>;

inline std::string_view view(const Digest& digest)
{
    return {digest.data(), digest.size()};
}

/// FIPS 180-4.
Digest sha256(std::string_view text);

/// HMAC-SHA256 with one key, for any number of messages. RFC 2104, FIPS 180-4.
/// Throws std::runtime_error when OpenSSL does not work.
class Hmac {
public:
    /// Any key, also an empty one.
    explicit Hmac(std::string_view key);

    /// Of the parts one after the other. The parts' lengths are the caller's to bind.
    Digest of(std::initializer_list<std::string_view> parts);

private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const;
    };
    std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

/// Whether two secrets of the same length are equal, in time that does not tell where they differ.
bool equal_secrets(std::string_view a, std::string_view b);

/// 32 bytes that nobody can guess. Throws std::runtime_error when OpenSSL has none.
Digest random_bytes();

}  // namespace peercron
