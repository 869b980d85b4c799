#include "oidc/sign_in_attempt.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"

namespace peercron {

std::string SignInAttempt::derive(std::string_view label) const
{
    return encode_base64url(view(Hmac(secret_).of({label})));
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
    return encode_base64url(view(sha256(verifier())));
}

bool SignInAttempt::is_state(std::string_view shown) const
{
    return equal_secrets(shown, state());
}

}  // namespace peercron
