#pragma once

#include "base/base64.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <spdlog/fmt/fmt.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::testing {

/// A provider's private key.
class TestKey {
public:
    static TestKey rsa(unsigned bits = 2048) { return TestKey(EVP_RSA_gen(bits)); }
    static TestKey ec(const char* curve = "P-256") { return TestKey(EVP_EC_gen(curve)); }

    /// The public half (RFC 7517); `more` are members such as R"("kid":"one")".
    std::string jwk(const std::string& more = "") const
    {
        const std::string rest = more.empty() ? "" : "," + more;
        if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
            return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"{}}})", number("n", 0),
                               number("e", 0), rest);
        }
        const int bits = EVP_PKEY_get_bits(key_.get());
        const auto bytes = static_cast<std::size_t>((bits + 7) / 8);
        return fmt::format(R"({{"kty":"EC","crv":"P-{}","x":"{}","y":"{}"{}}})", bits,
                           number("qx", bytes), number("qy", bytes), rest);
    }

    /// The third part of a token (RFC 7515).
    std::string sign(std::string_view text, const std::string& algorithm) const
    {
        const std::string digest = "SHA" + algorithm.substr(2);
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                              &EVP_MD_CTX_free);
        EVP_PKEY_CTX* options = nullptr;
        const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
        check(EVP_DigestSignInit_ex(context.get(), &options, digest.c_str(), nullptr, nullptr,
                                    key_.get(), nullptr));
        if (algorithm.starts_with("PS")) {
            check(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING));
            check(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST));
        }
        std::size_t size = 0;
        check(EVP_DigestSign(context.get(), nullptr, &size, data, text.size()));
        std::string signature(size, '\0');
        auto* const bytes = reinterpret_cast<unsigned char*>(signature.data());
        check(EVP_DigestSign(context.get(), bytes, &size, data, text.size()));
        signature.resize(size);
        if (algorithm.starts_with("ES")) signature = raw(signature);
        return encode_base64url(signature);
    }

    /// A whole token; `header` has to name the algorithm.
    std::string token(const std::string& header, const std::string& claims,
                      const std::string& algorithm) const
    {
        const std::string text = encode_base64url(header) + "." + encode_base64url(claims);
        return text + "." + sign(text, algorithm);
    }

private:
    explicit TestKey(EVP_PKEY* key) : key_(key, &EVP_PKEY_free) { check(key != nullptr); }

    static void check(int is_good)
    {
        if (is_good != 1) throw std::runtime_error("OpenSSL does not do what the test wants");
    }

    /// @param size bytes; 0 = as many as it has.
    std::string number(const char* name, std::size_t size) const
    {
        BIGNUM* value = nullptr;
        check(EVP_PKEY_get_bn_param(key_.get(), name, &value));
        std::string bytes(size == 0 ? static_cast<std::size_t>(BN_num_bytes(value)) : size, '\0');
        BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
                     static_cast<int>(bytes.size()));
        BN_free(value);
        return encode_base64url(bytes);
    }

    /// Both numbers side by side instead of in DER.
    std::string raw(const std::string& der) const
    {
        const auto half = static_cast<std::size_t>((EVP_PKEY_get_bits(key_.get()) + 7) / 8);
        const auto* data = reinterpret_cast<const unsigned char*>(der.data());
        ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));
        std::string bytes(2 * half, '\0');
        auto* const out = reinterpret_cast<unsigned char*>(bytes.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, static_cast<int>(half));
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, static_cast<int>(half));
        ECDSA_SIG_free(pair);
        return bytes;
    }

    std::shared_ptr<EVP_PKEY> key_;
};

inline std::string key_set(const std::vector<std::string>& keys)
{
    return fmt::format(R"({{"keys":[{}]}})", fmt::join(keys, ","));
}

}  // namespace peercron::testing
