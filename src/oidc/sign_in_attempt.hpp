#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// What a browser takes along to the provider and brings back.
///
/// All of it follows from one secret, which the browser keeps in a cookie and nobody else has. So a
/// node remembers nothing of a sign-in that has begun, any node can finish it, and what another
/// browser brings back does not fit: nobody can be made to sign in as somebody else (RFC 6749,
/// 10.12).
class SignInAttempt {
public:
    explicit SignInAttempt(std::string secret) : secret_(std::move(secret)) {}

    /// Goes to the provider in the address, and comes back in it.
    std::string state() const;
    /// Comes back in the ID token.
    std::string nonce() const;
    /// Is shown for the tokens (RFC 7636), so that a code that somebody has seen is worth nothing.
    std::string verifier() const;
    /// Goes to the provider in the address: the SHA-256 of the verifier.
    std::string challenge() const;

    /// Whether this is the state, in constant time.
    bool is_state(std::string_view shown) const;

private:
    std::string derive(std::string_view label) const;

    std::string secret_;
};

}  // namespace peercron
