#include "base/digest.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <stdexcept>
#include <string>

namespace peercron {
namespace {

const unsigned char* digest_bytes(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

void check_openssl(bool worked, const char* what)
{
    if (!worked) throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

}  // namespace

Digest sha256(std::string_view text)
{
    Digest digest{};
    SHA256(digest_bytes(text), text.size(), reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

void Hmac::Free::operator()(evp_mac_ctx_st* context) const
{
    EVP_MAC_CTX_free(context);
}

Hmac::Hmac(std::string_view key)
{
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), &EVP_MAC_free);
    check_openssl(mac != nullptr, "find HMAC");
    context_.reset(EVP_MAC_CTX_new(mac.get()));
    check_openssl(context_ != nullptr, "make an HMAC context");
    std::string digest = "SHA256";
    const std::array params{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end(),
    };
    const std::string_view given = key.empty() ? std::string_view("") : key;  // never a null key
    check_openssl(
        EVP_MAC_init(context_.get(), digest_bytes(given), given.size(), params.data()) == 1,
        "use the key for HMAC-SHA256");
}

Digest Hmac::of(std::initializer_list<std::string_view> parts)
{
    // Without a key: the one that was given before.
    check_openssl(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1, "begin an HMAC");
    for (const std::string_view part : parts) {
        check_openssl(EVP_MAC_update(context_.get(), digest_bytes(part), part.size()) == 1,
                      "go on with an HMAC");
    }
    Digest digest{};
    std::size_t size = 0;
    check_openssl(EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                &size, digest.size()) == 1 &&
                      size == digest.size(),
                  "end an HMAC");
    return digest;
}

bool equal_secrets(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Digest random_bytes()
{
    Digest random{};
    check_openssl(RAND_bytes(reinterpret_cast<unsigned char*>(random.data()),
                             static_cast<int>(random.size())) == 1,
                  "make random bytes");
    return random;
}

}  // namespace peercron
