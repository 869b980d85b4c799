#include "base/base64.hpp"
#include "fuzzers.hpp"
#include "oidc/id_token.hpp"
#include "oidc/jwk_set.hpp"

#include <string>

namespace peercron::fuzz {
namespace {

/// Source: RFC 7515, appendix A.3; nobody has its private key.
const JwkSet& keys()
{
    static const JwkSet set =
        *JwkSet::parse(R"({"keys":[{"kty":"EC","crv":"P-256",)"
                       R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                       R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
    return set;
}

void check_token(std::string_view bytes)
{
    const auto token = UnverifiedToken::parse(bytes);
    if (!token) return;
    promise(is_signature_algorithm(token->algorithm), "only a public key proves a token");
    const IdTokenRules rules{"https://id.example", "peercron", "nonce"};
    promise(!judge_id_token(*token, keys(), rules, WallTime()), "a token needs the private key");
}

void check_keys(std::string_view bytes)
{
    const auto set = JwkSet::parse(bytes);
    if (!set) return;
    promise(set->size() <= JwkSet::most_keys, "a provider has few keys");
    promise(
        !set->is_signature("none", "", "text", "") && !set->is_signature("HS256", "", "text", ""),
        "only a public key proves a text");
}

}  // namespace

/// What an OpenID provider publishes, and the tokens that it makes.
void fuzz_sign_in(std::string_view bytes)
{
    check_token(bytes);
    check_keys(bytes);
    const auto decoded = decode_base64url(bytes);
    if (decoded) promise(encode_base64url(*decoded) == bytes, "each value has one form");
}

}  // namespace peercron::fuzz
