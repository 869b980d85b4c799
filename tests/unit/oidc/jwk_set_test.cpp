#include "oidc/jwk_set.hpp"

#include "base/base64.hpp"
#include "test_keys.hpp"

#include <gmock/gmock.h>

#include <string>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using testing::key_set;
using testing::TestKey;

std::size_t count(const std::string& jwk)
{
    const auto set = JwkSet::parse(key_set({jwk}));
    EXPECT_TRUE(set);
    return set ? set->size() : 0;
}

TEST(JwkSetTest, WhatCanProveNothingIsLeftOut)
{
    const TestKey rsa = TestKey::rsa();
    EXPECT_EQ(count(rsa.jwk()), 1U);
    EXPECT_EQ(count(rsa.jwk(R"("use":"sig")")), 1U);
    EXPECT_EQ(count(rsa.jwk(R"("use":"enc")")), 0U);
    EXPECT_EQ(count(TestKey::rsa(1024).jwk()), 0U) << "too short";
    EXPECT_EQ(count(R"({"kty":"oct","k":"c2VjcmV0"})"), 0U) << "a shared secret";
    EXPECT_EQ(count("{}"), 0U);
    EXPECT_EQ(count("null"), 0U);
    EXPECT_EQ(count(R"({"kty":"RSA"})"), 0U);
    EXPECT_EQ(count(R"({"kty":["RSA"],"n":1,"e":2})"), 0U);
    const std::string n = encode_base64url(std::string(256, '\xFF'));
    EXPECT_EQ(count(R"({"kty":"RSA","n":")" + n + R"(","e":"AQ"})"), 0U) << "the exponent 1";
    EXPECT_EQ(count(R"({"kty":"RSA","n":")" + n + R"(","e":"Ag"})"), 0U) << "an even one";
    EXPECT_EQ(count(R"({"kty":"RSA","n":")" + n + R"(","e":"AQABAQABAQABAQAB"})"), 0U)
        << "a long one";
    const std::string huge = encode_base64url(std::string(1025, '\xFF'));
    EXPECT_EQ(count(R"({"kty":"RSA","n":")" + huge + R"(","e":"AQAB"})"), 0U) << "too long";
}

TEST(JwkSetTest, APointHasToBeOnItsCurve)
{
    EXPECT_EQ(count(TestKey::ec().jwk()), 1U);
    const std::string ones = encode_base64url(std::string(32, '\x01'));
    EXPECT_EQ(count(R"({"kty":"EC","crv":"P-256","x":")" + ones + R"(","y":")" + ones + R"("})"),
              0U);
    EXPECT_EQ(
        count(R"({"kty":"EC","crv":"secp256k1","x":")" + ones + R"(","y":")" + ones + R"("})"), 0U);
    EXPECT_EQ(count(R"({"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"})"), 0U);
}

TEST(JwkSetTest, AKeyIsForItsOwnAlgorithmsAlone)
{
    const TestKey rsa = TestKey::rsa();
    const TestKey ec = TestKey::ec();
    const auto set =
        JwkSet::parse(key_set({rsa.jwk(R"("kid":"r","alg":"RS512")"), ec.jwk(R"("kid":"e")")}));
    ASSERT_TRUE(set);
    EXPECT_TRUE(set->has_key("RS512", "r"));
    EXPECT_TRUE(set->has_key("RS512", ""));
    EXPECT_FALSE(set->has_key("RS256", "r")) << "its alg is another one";
    EXPECT_TRUE(set->has_key("ES256", "e"));
    EXPECT_FALSE(set->has_key("ES384", "e"));
    EXPECT_FALSE(set->has_key("ES256", "r"));
    EXPECT_FALSE(set->has_key("HS256", "r"));
    EXPECT_FALSE(set->has_key("none", ""));
}

TEST(JwkSetTest, ATextThatIsNoSetIsRefused)
{
    for (const char* text : {"", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":[)", "<html>"}) {
        EXPECT_FALSE(JwkSet::parse(text)) << text;
    }
    EXPECT_EQ(JwkSet::parse(R"({"keys":[]})")->size(), 0U);
    const std::vector<std::string> many(JwkSet::most_keys + 1, "{}");
    EXPECT_THAT(JwkSet::parse(key_set(many)).error().message, HasSubstr("65 keys"));
}

}  // namespace
}  // namespace peercron
