#include "oidc/id_token.hpp"

#include "base/base64.hpp"
#include "base/utf8.hpp"
#include "oidc/claims.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace peercron {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_subject = 255;  // OpenID Connect Core 1.0, 2

std::string shown(const std::optional<std::string>& text)
{
    return text ? quote_utf8(*text) : "nothing";
}

std::optional<Error> find_wrong_address(const json::object& claims, const IdTokenRules& rules)
{
    const auto issuer = text_claim(claims, "iss");
    if (issuer != rules.issuer) {
        return Error{fmt::format("its issuer (iss) is {}, expected {}", shown(issuer),
                                 quote_utf8(rules.issuer))};
    }
    const auto audience = list_claim(claims, "aud");
    if (!audience || std::ranges::find(*audience, rules.client_id) == audience->end()) {
        return Error{fmt::format(
            "it is for another client: its audience (aud) does not have {}, which [oidc] client_id "
            "says",
            quote_utf8(rules.client_id))};
    }
    const auto party = text_claim(claims, "azp");
    const bool is_named = claims.if_contains("azp") != nullptr;
    if ((is_named || audience->size() > 1) && party != rules.client_id) {
        return Error{fmt::format("it was issued to another client (azp): {}, expected {}",
                                 shown(party), quote_utf8(rules.client_id))};
    }
    const auto nonce = text_claim(claims, "nonce");
    if (!nonce || rules.nonce.empty() || *nonce != rules.nonce) {
        return Error{"it belongs to another sign-in (nonce); sign in again"};
    }
    return std::nullopt;
}

std::optional<Error> find_wrong_time(const json::object& claims, WallTime now)
{
    const auto ends = time_claim(claims, "exp");
    const auto made = time_claim(claims, "iat");
    if (!ends || !made)
        return Error{"it does not say when it was issued (iat) and when it expires (exp)"};
    const auto seconds = [](auto span) {
        return std::chrono::duration_cast<std::chrono::seconds>(span).count();
    };
    constexpr auto skew = IdTokenRules::skew;
    const char* const clocks = "compare the clocks of this node and of the provider";
    if (now >= *ends + skew) {
        return Error{fmt::format("it expired {} s ago (exp); {}", seconds(now - *ends), clocks)};
    }
    if (*made > now + skew) {
        return Error{fmt::format("it was issued {} s in the future (iat); {}", seconds(*made - now),
                                 clocks)};
    }
    if (now - *made > IdTokenRules::longest_age + skew) {
        return Error{fmt::format("it was issued {} s ago (iat), which is too long; {}",
                                 seconds(now - *made), clocks)};
    }
    if (claims.if_contains("nbf") != nullptr) {
        const auto begins = time_claim(claims, "nbf");
        if (!begins || *begins > now + skew) {
            return Error{fmt::format("it is not valid yet (nbf); {}", clocks)};
        }
    }
    return std::nullopt;
}

}  // namespace

Result<UnverifiedToken> UnverifiedToken::parse(std::string_view text)
{
    if (text.size() > longest) {
        return Error{fmt::format("it has {} bytes; at most {} are allowed", text.size(), longest)};
    }
    const auto first = text.find('.');
    const auto second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (second == text.npos || text.find('.', second + 1) != text.npos) {
        return Error{"it does not have the three parts that a signed token has"};
    }
    const auto header_text = decode_base64url(text.substr(0, first));
    auto payload = decode_base64url(text.substr(first + 1, second - first - 1));
    auto signature = decode_base64url(text.substr(second + 1));
    if (!header_text || !payload || !signature) return Error{"one of its parts is not base64url"};
    const auto header = parse_object(*header_text);
    if (!header) return Error{"its header is not a JSON object"};
    const auto algorithm = text_claim(*header, "alg");
    if (!algorithm || !is_signature_algorithm(*algorithm)) {
        return Error{fmt::format(
            "it is signed with the algorithm (alg) {}; RS, PS and ES with 256, 384 and 512 are "
            "allowed, which a public key of the provider proves",
            shown(algorithm))};
    }
    if (header->if_contains("crit") != nullptr) {
        return Error{"it requires extensions (crit), and none are supported"};
    }
    UnverifiedToken token;
    token.algorithm = *algorithm;
    token.key_id = text_claim(*header, "kid").value_or("");
    token.signed_text = text.substr(0, second);
    token.signature = *std::move(signature);
    token.payload = *std::move(payload);
    return token;
}

Result<IdToken> judge_id_token(const UnverifiedToken& token, const JwkSet& keys,
                               const IdTokenRules& rules, WallTime now)
{
    if (!keys.has_key(token.algorithm, token.key_id)) {
        return Error{
            fmt::format("the provider does not publish the key that it is signed with: {}, for {}",
                        token.key_id.empty() ? "one without an id" : quote_utf8(token.key_id),
                        token.algorithm)};
    }
    if (!keys.is_signature(token.algorithm, token.key_id, token.signed_text, token.signature)) {
        return Error{"its signature is wrong"};
    }
    auto claims = parse_object(token.payload);
    if (!claims) return Error{"its content is not a JSON object"};
    if (auto wrong = find_wrong_address(*claims, rules)) return *std::move(wrong);
    if (auto wrong = find_wrong_time(*claims, now)) return *std::move(wrong);
    auto subject = text_claim(*claims, "sub");
    const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f'; };
    if (!subject || subject->empty() || subject->size() > longest_subject ||
        !std::ranges::all_of(*subject, is_plain)) {
        return Error{"it does not say who has signed in (sub: 1 to 255 ASCII characters)"};
    }
    return IdToken{*std::move(subject), *std::move(claims)};
}

}  // namespace peercron
