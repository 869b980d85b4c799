#include "oidc/id_token.hpp"

#include "base/base64.hpp"
#include "oidc/claims.hpp"
#include "test_keys.hpp"

#include <gmock/gmock.h>
#include <openssl/hmac.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <map>
#include <string>
#include <vector>

// What an ID token has to be before anybody is signed in by it; each attack on it is one case.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::key_set;
using testing::TestKey;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 12h;
const std::int64_t now_seconds =
    std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
const IdTokenRules rules{"https://id.example", "peercron", "the-nonce"};

boost::json::object good_claims()
{
    return {{"iss", "https://id.example"}, {"sub", "17"},
            {"aud", "peercron"},           {"exp", now_seconds + 300},
            {"iat", now_seconds - 1},      {"nonce", "the-nonce"}};
}

struct Keys {
    TestKey rsa = TestKey::rsa();
    TestKey ec = TestKey::ec();
    TestKey other = TestKey::rsa();
    std::string set = key_set({rsa.jwk(R"("kid":"r","use":"sig")"), ec.jwk(R"("kid":"e")")});
};

const Keys& keys()
{
    static const Keys made;
    return made;
}

/// "" = it is good.
std::string problem_of(const std::string& text, const std::string& set = keys().set)
{
    const auto parsed = JwkSet::parse(set);
    EXPECT_TRUE(parsed) << parsed.error().message;
    const auto token = UnverifiedToken::parse(text);
    if (!token) return token.error().message;
    const auto good = judge_id_token(*token, *parsed, rules, now);
    return good ? "" : good.error().message;
}

std::string signed_by_rsa(const boost::json::object& claims)
{
    return keys().rsa.token(R"({"alg":"RS256","kid":"r"})", boost::json::serialize(claims),
                            "RS256");
}

std::string problem_with(const std::string& claim, const boost::json::value& value)
{
    boost::json::object claims = good_claims();
    claims[claim] = value;
    return problem_of(signed_by_rsa(claims));
}

std::string problem_without(const std::string& claim)
{
    boost::json::object claims = good_claims();
    claims.erase(claim);
    return problem_of(signed_by_rsa(claims));
}

TEST(IdTokenTest, EveryAlgorithmOfAPublicKeyIsTaken)
{
    const std::string claims = boost::json::serialize(good_claims());
    std::map<std::string, TestKey> by_name;
    for (const char* name : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
        by_name.emplace(name, keys().rsa);
    }
    by_name.emplace("ES256", keys().ec);
    by_name.emplace("ES384", TestKey::ec("P-384"));
    by_name.emplace("ES512", TestKey::ec("P-521"));
    for (const auto& [name, key] : by_name) {
        const std::string set = key_set({keys().other.jwk(), key.jwk()});
        const std::string text = key.token(fmt::format(R"({{"alg":"{}"}})", name), claims, name);
        EXPECT_EQ(problem_of(text, set), "") << name;
        EXPECT_EQ(problem_of(text.substr(0, text.size() - 4) + "AAAA", set),
                  "its signature is wrong")
            << name;
    }
}

// Source: RFC 7515, appendix A.3.
TEST(IdTokenTest, TheExampleOfTheStandardIsSigned)
{
    const auto set = JwkSet::parse(
        key_set({R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                 R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})"}));
    const auto token = UnverifiedToken::parse(
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
        "pmWQxfKTUJqPP3-Kg6NU1Q");
    ASSERT_TRUE(token);
    EXPECT_TRUE(set->is_signature("ES256", "", token->signed_text, token->signature));
    EXPECT_THAT(judge_id_token(*token, *set, rules, now).error().message, HasSubstr("issuer"));
}

TEST(IdTokenTest, WhatNobodySignedIsRefused)
{
    const std::string claims = encode_base64url(boost::json::serialize(good_claims()));
    const auto unsigned_as = [&claims](const std::string& header) {
        return problem_of(encode_base64url(header) + "." + claims + ".");
    };
    for (const std::string name : {"none", "None", "NONE", "", "HS256", "RSA1_5", "EdDSA", "RS1"}) {
        EXPECT_THAT(unsigned_as(R"({"alg":")" + name + R"("})"), HasSubstr("(alg)")) << name;
    }
    EXPECT_THAT(unsigned_as("{}"), HasSubstr("(alg)"));
    EXPECT_THAT(unsigned_as(R"({"alg":["RS256"]})"), HasSubstr("(alg)"));
    EXPECT_EQ(unsigned_as(R"({"alg":"RS256"})"), "its signature is wrong");
    EXPECT_EQ(unsigned_as(R"({"alg":"ES256"})"), "its signature is wrong");
    // Numbers of zero were a signature of everything in Java (CVE-2022-21449).
    EXPECT_EQ(problem_of(encode_base64url(R"({"alg":"ES256"})") + "." + claims + "." +
                         encode_base64url(std::string(64, '\0'))),
              "its signature is wrong");
    EXPECT_EQ(problem_of(encode_base64url(R"({"alg":"RS256"})") + "." + claims + "." +
                         encode_base64url(std::string(256, '\0'))),
              "its signature is wrong");
}

TEST(IdTokenTest, APublicKeyIsNoSharedSecret)
{
    const std::string text = encode_base64url(R"({"alg":"HS256","kid":"r"})") + "." +
                             encode_base64url(boost::json::serialize(good_claims()));
    const std::string secret = keys().rsa.jwk();
    std::string digest(32, '\0');
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    EXPECT_THAT(problem_of(text + "." + encode_base64url(digest)), HasSubstr("(alg)"));
}

TEST(IdTokenTest, OnlyTheProvidersKeysCount)
{
    const std::string claims = boost::json::serialize(good_claims());
    const TestKey& stranger = keys().other;
    EXPECT_EQ(problem_of(stranger.token(R"({"alg":"RS256","kid":"r"})", claims, "RS256")),
              "its signature is wrong");
    EXPECT_EQ(problem_of(stranger.token(R"({"alg":"RS256"})", claims, "RS256")),
              "its signature is wrong");
    EXPECT_THAT(problem_of(stranger.token(R"({"alg":"RS256","kid":"x"})", claims, "RS256")),
                HasSubstr("does not publish"));
    // A token that brings its key along, or says where it is.
    const std::string brought = fmt::format(
        R"({{"alg":"RS256","jwk":{},"jku":"https://evil.example/keys"}})", stranger.jwk());
    EXPECT_EQ(problem_of(stranger.token(brought, claims, "RS256")), "its signature is wrong");
    // The key of the one kind with the name of the other.
    EXPECT_THAT(problem_of(keys().ec.token(R"({"alg":"ES256","kid":"r"})", claims, "ES256")),
                HasSubstr("does not publish"));
    EXPECT_THAT(problem_of(keys().rsa.token(R"({"alg":"RS256","kid":"e"})", claims, "RS256")),
                HasSubstr("does not publish"));
    EXPECT_EQ(problem_of(keys().rsa.token(R"({"alg":"PS256","kid":"r"})", claims, "RS256")),
              "its signature is wrong");
}

TEST(IdTokenTest, AnythingElseOfItsFormIsRefused)
{
    const std::string good = signed_by_rsa(good_claims());
    EXPECT_EQ(problem_of(good), "");
    const auto dot = good.find('.');
    const std::vector<std::string> bad{
        "",
        ".",
        "..",
        "...",
        good + ".",
        good + ".x.y",  // encrypted ones have five parts
        good + "=",
        good + "\n",
        " " + good,
        good.substr(0, good.rfind('.')),
        good.substr(dot),
        "!" + good,
        std::string(UnverifiedToken::longest + 1, 'a'),
        encode_base64url("[]") + good.substr(dot),
        encode_base64url(R"({"alg":"RS256")") + good.substr(dot),
        encode_base64url(std::string(1000, '[')) + good.substr(dot),
    };
    for (const std::string& text : bad) EXPECT_NE(problem_of(text), "") << text.substr(0, 80);
    EXPECT_THAT(problem_of(keys().rsa.token(R"({"alg":"RS256","crit":["exp"]})",
                                            boost::json::serialize(good_claims()), "RS256")),
                HasSubstr("crit"));
    EXPECT_THAT(problem_of(keys().rsa.token(R"({"alg":"RS256"})", "[]", "RS256")),
                HasSubstr("not a JSON object"));
}

TEST(IdTokenTest, ItIsOfThisProviderForThisClientAndThisSignIn)
{
    for (const char* issuer : {"https://evil.example", "https://id.example/", "https://ID.example",
                               "http://id.example", ""}) {
        EXPECT_THAT(problem_with("iss", issuer), HasSubstr("(iss)")) << issuer;
    }
    EXPECT_THAT(problem_without("iss"), HasSubstr("(iss)"));
    EXPECT_THAT(problem_with("iss", boost::json::array{"https://id.example"}), HasSubstr("(iss)"));

    EXPECT_THAT(problem_with("aud", "another"), HasSubstr("(aud)"));
    EXPECT_THAT(problem_with("aud", "peercron2"), HasSubstr("(aud)"));
    EXPECT_THAT(problem_with("aud", boost::json::array()), HasSubstr("(aud)"));
    EXPECT_THAT(problem_without("aud"), HasSubstr("(aud)"));
    EXPECT_EQ(problem_with("aud", boost::json::array{"peercron"}), "");
    EXPECT_THAT(problem_with("aud", boost::json::array{"peercron", "another"}), HasSubstr("(azp)"));
    EXPECT_THAT(problem_with("azp", "another"), HasSubstr("(azp)"));
    EXPECT_THAT(problem_with("azp", 1), HasSubstr("(azp)"));
    EXPECT_EQ(problem_with("azp", "peercron"), "");

    EXPECT_THAT(problem_with("nonce", "of an older sign-in"), HasSubstr("nonce"));
    EXPECT_THAT(problem_with("nonce", nullptr), HasSubstr("nonce"));
    EXPECT_THAT(problem_without("nonce"), HasSubstr("nonce"));
}

TEST(IdTokenTest, ItHoldsNowWithinTheSkewOfTheClocks)
{
    EXPECT_THAT(problem_with("exp", now_seconds - 60), HasSubstr("it expired 60 s ago"));
    EXPECT_EQ(problem_with("exp", now_seconds - 59), "");
    EXPECT_THAT(problem_with("iat", now_seconds + 61), HasSubstr("61 s in the future"));
    EXPECT_EQ(problem_with("iat", now_seconds + 60), "");
    EXPECT_THAT(problem_with("iat", now_seconds - 661), HasSubstr("661 s ago"));
    EXPECT_EQ(problem_with("iat", now_seconds - 660), "");
    EXPECT_THAT(problem_with("nbf", now_seconds + 61), HasSubstr("nbf"));
    EXPECT_EQ(problem_with("nbf", now_seconds), "");
    EXPECT_THAT(problem_with("nbf", "soon"), HasSubstr("nbf"));
    for (const char* claim : {"exp", "iat"}) {
        EXPECT_THAT(problem_without(claim), HasSubstr("does not say when")) << claim;
        EXPECT_THAT(problem_with(claim, "1795219200"), HasSubstr("does not say when")) << claim;
        EXPECT_THAT(problem_with(claim, -1), HasSubstr("does not say when")) << claim;
        EXPECT_THAT(problem_with(claim, 1e300), HasSubstr("does not say when")) << claim;
    }
}

TEST(IdTokenTest, ItSaysWhoHasSignedIn)
{
    EXPECT_THAT(problem_without("sub"), HasSubstr("(sub"));
    EXPECT_THAT(problem_with("sub", ""), HasSubstr("(sub"));
    EXPECT_THAT(problem_with("sub", 17), HasSubstr("(sub"));
    EXPECT_THAT(problem_with("sub", "17\n18"), HasSubstr("(sub"));
    EXPECT_THAT(problem_with("sub", boost::json::string(256, '1')), HasSubstr("(sub"));
    EXPECT_EQ(problem_with("sub", boost::json::string(255, '1')), "");
}

TEST(IdTokenTest, ClaimsAreReadByTheirKind)
{
    const boost::json::object claims =
        boost::json::parse(R"({"one":"a","many":["a",1,"b"],"number":1,"null":null})").as_object();
    EXPECT_EQ(text_claim(claims, "one"), "a");
    EXPECT_EQ(text_claim(claims, "many"), std::nullopt);
    EXPECT_EQ(text_claim(claims, "none"), std::nullopt);
    EXPECT_THAT(*list_claim(claims, "many"), ElementsAre("a", "b"));
    EXPECT_THAT(*list_claim(claims, "one"), ElementsAre("a"));
    EXPECT_THAT(*list_claim(claims, "number"), ElementsAre());
    EXPECT_EQ(list_claim(claims, "none"), std::nullopt);
}

}  // namespace
}  // namespace peercron
