#pragma once

#include "base/result.hpp"

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Whether a signature of this name (RFC 7518, section 3.1) can prove anything here: RS256, RS384,
/// RS512, PS256, PS384, PS512, ES256, ES384 and ES512. "none" cannot, nor can those by a shared
/// secret (HS256 …): then a public key could be taken for the secret.
bool is_signature_algorithm(std::string_view name);

/// The public keys of an OpenID provider (RFC 7517), by OpenSSL.
///
/// Keys for anything but signatures, of other kinds, and RSA keys of less than 2048 bits are left
/// out. What a key is for is decided by the key: an RSA key checks RS and PS, an EC key the ES of
/// its curve, and a key with an "alg" that one alone.
class JwkSet {
public:
    static constexpr std::size_t most_keys = 64;

    JwkSet() = default;

    /// The Error says what is wrong with the text. A key that cannot be read is left out: providers
    /// have keys that others need.
    static Result<JwkSet> parse(std::string_view json);

    /// Whether there is a key for such a signature; with an empty id, whatever its id.
    bool has_key(std::string_view algorithm, std::string_view id) const;

    /// Whether one of these keys has signed `text`.
    bool is_signature(std::string_view algorithm, std::string_view id, std::string_view text,
                      std::string_view signature) const;

    std::size_t size() const { return keys_.size(); }

private:
    struct Key {
        std::string id;         // "" = it has none
        std::string algorithm;  // "" = each that fits
        std::shared_ptr<EVP_PKEY> key;
    };

    static bool fits(const Key& key, std::string_view algorithm, std::string_view id);

    std::vector<Key> keys_;
};

}  // namespace peercron
