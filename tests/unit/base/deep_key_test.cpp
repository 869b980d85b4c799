#include "base/deep_key.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

std::string key_of(int parts)
{
    std::string key = "a";
    for (int i = 1; i < parts; ++i) key += ".a";
    return key;
}

TEST(DeepKeyTest, FindsTheLineOfAKeyOfVeryManyParts)
{
    EXPECT_EQ(find_deep_key("x = 1\n" + key_of(101) + " = 1\n"), 2U);
    EXPECT_EQ(find_deep_key("\n\n[" + key_of(101) + "]"), 3U);
    EXPECT_EQ(find_deep_key(key_of(100'000)), 1U);
}

TEST(DeepKeyTest, LeavesOtherLinesAlone)
{
    EXPECT_EQ(find_deep_key(""), std::nullopt);
    EXPECT_EQ(find_deep_key(key_of(100) + " = 1"), std::nullopt);
    EXPECT_EQ(find_deep_key("x = '" + key_of(500) + "'\n# " + key_of(500)), std::nullopt);
}

}  // namespace
}  // namespace peercron
