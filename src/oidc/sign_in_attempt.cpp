#include "oidc/sign_in_attempt.hpp"

#include "oidc/base64url.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <stdexcept>

namespace peercron {
namespace {

std::string_view text_of(const std::array<unsigned char, SHA256_DIGEST_LENGTH>& digest)
{
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

std::string SignInAttempt::derive(std::string_view label) const
{
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(label.data()), label.size(), digest.data(),
             nullptr) == nullptr) {
        throw std::runtime_error("HMAC-SHA256 does not work here");
    }
    return encode_base64url(text_of(digest));
}

std::string SignInAttempt::state() const
{
    return derive("state");
}

std::string SignInAttempt::nonce() const
{
    return derive("nonce");
}

std::string SignInAttempt::verifier() const
{
    return derive("verifier");
}

std::string SignInAttempt::challenge() const
{
    const std::string text = verifier();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return encode_base64url(text_of(digest));
}

bool SignInAttempt::is_state(std::string_view shown) const
{
    const std::string own = state();
    return shown.size() == own.size() && CRYPTO_memcmp(shown.data(), own.data(), own.size()) == 0;
}

}  // namespace peercron
