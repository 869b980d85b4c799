#include "access/password.hpp"
#include "access/secret.hpp"

#include <gmock/gmock.h>

#include <set>
#include <string>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(PasswordTest, IsKeptAsAYescryptHashThatOnlyItMatches)
{
    const std::string hash = hash_password("correct horse");
    EXPECT_THAT(hash, StartsWith("$y$"));
    EXPECT_TRUE(is_password("correct horse", hash));
    EXPECT_FALSE(is_password("correct hors", hash));
    EXPECT_FALSE(is_password("", hash));
    EXPECT_NE(hash_password("correct horse"), hash) << "each with a salt of its own";
}

TEST(PasswordTest, WhatIsNoHashMatchesNothing)
{
    for (const std::string hash : {"", "*", "*0", "!", "plain", "$y$", "$y$j9T$"}) {
        EXPECT_FALSE(is_password("plain", hash)) << hash;
        EXPECT_FALSE(is_password(hash, hash)) << hash;
    }
}

TEST(PasswordTest, ANewOneIsNeitherShortNorEndless)
{
    EXPECT_THAT(*find_password_problem("1234567"), HasSubstr("at least 8"));
    EXPECT_TRUE(find_password_problem(std::string(257, 'x')));
    EXPECT_TRUE(find_password_problem(std::string("12345678\0x", 10)));
    EXPECT_FALSE(find_password_problem("12345678"));
    EXPECT_FALSE(find_password_problem(std::string(256, 'x')));
    EXPECT_FALSE(is_password(std::string(255, 'x'), hash_password(std::string(256, 'x'))))
        << "every byte counts";
}

TEST(SecretTest, Has256RandomBitsInCharactersThatNeedNoQuoting)
{
    std::set<std::string> secrets;
    for (int i = 0; i < 100; ++i) {
        const std::string secret = random_secret();
        EXPECT_EQ(secret.size(), 43U);
        EXPECT_EQ(secret.find_first_not_of(
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                  secret.npos);
        secrets.insert(secret);
    }
    EXPECT_EQ(secrets.size(), 100U);
    EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace peercron
