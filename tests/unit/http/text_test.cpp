#include "http/text.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(TextTest, PercentEncodingIsUndone)
{
    EXPECT_EQ(decode_percent("a%20b+c%2B"), "a b+c+");
    EXPECT_EQ(decode_form("a%20b+c%2b"), "a b c+");
    for (const std::string bad : {"%", "%1", "%zz", "a%2", "%%20"}) {
        EXPECT_FALSE(decode_percent(bad)) << bad;
    }
}

}  // namespace
}  // namespace peercron
