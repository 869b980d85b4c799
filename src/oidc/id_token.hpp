#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "oidc/jwk_set.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A signed JSON Web Token (RFC 7515, 7519) as it came: nothing in it is to be believed yet.
struct UnverifiedToken {
    static constexpr std::size_t longest = 64U << 10U;

    std::string algorithm;
    std::string key_id;       ///< "" = it names none
    std::string signed_text;  ///< what the signature is of
    std::string signature;
    std::string payload;

    /// Refuses all but signatures by a key of the provider; keys that the token brings along or
    /// points to are not looked at.
    static Result<UnverifiedToken> parse(std::string_view text);
};

/// What an ID token has to say to be meant for this sign-in (OpenID Connect Core 1.0, 3.1.3.7).
struct IdTokenRules {
    /// By how much the clocks of the provider and of this node may differ.
    static constexpr std::chrono::seconds skew{60};
    /// How long after it was made a token is still taken: it is fetched as soon as it is made.
    static constexpr std::chrono::minutes longest_age{10};

    std::string issuer;
    std::string client_id;
    std::string nonce;
};

/// Who has signed in, as the provider says it.
struct IdToken {
    std::string subject;  ///< never changes, and never is another person's
    boost::json::object claims;
};

/// The Error says what is wrong with it, for an operator.
Result<IdToken> judge_id_token(const UnverifiedToken& token, const JwkSet& keys,
                               const IdTokenRules& rules, WallTime now);

}  // namespace peercron
