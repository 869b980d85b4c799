#include "oidc/sign_in_attempt.hpp"

#include "base/base64.hpp"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <array>
#include <set>
#include <string>

namespace peercron {
namespace {

TEST(SignInAttemptTest, WhatFollowsFromASecretTellsNothingElse)
{
    const SignInAttempt one("one");
    const std::set<std::string> all{one.state(), one.nonce(), one.verifier(), one.challenge(),
                                    SignInAttempt("two").state()};
    EXPECT_EQ(all.size(), 5U);
    for (const std::string& text : all) EXPECT_EQ(text.size(), 43U) << "as RFC 7636, 4.1 wants it";
    EXPECT_EQ(one.state(), SignInAttempt("one").state()) << "at every node";
    EXPECT_TRUE(one.is_state(one.state()));
    EXPECT_FALSE(one.is_state(""));
    EXPECT_FALSE(one.is_state(one.nonce()));
    EXPECT_FALSE(one.is_state(one.state() + "x"));
    EXPECT_FALSE(one.is_state(SignInAttempt("two").state()));
}

TEST(SignInAttemptTest, TheChallengeIsTheSha256OfTheVerifier)
{
    const SignInAttempt attempt("one");
    const std::string verifier = attempt.verifier();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(verifier.data()), verifier.size(), digest.data());
    const std::string bytes(digest.begin(), digest.end());
    EXPECT_EQ(attempt.challenge(), encode_base64url(bytes));
}

}  // namespace
}  // namespace peercron
