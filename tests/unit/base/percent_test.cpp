#include "base/percent.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

TEST(PercentTest, AllButTheUnreservedIsEncoded)
{
    EXPECT_EQ(encode_percent("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(encode_percent("a b+c/%\xC3\xBC"), "a%20b%2Bc%2F%25%C3%BC");
    EXPECT_EQ(encode_percent(std::string(1, '\0')), "%00");
}

TEST(PercentTest, PercentEncodingIsUndone)
{
    EXPECT_EQ(decode_percent("a%20b+c%2B"), "a b+c+");
    EXPECT_EQ(decode_form("a%20b+c%2b"), "a b c+");
    for (const std::string bad : {"%", "%1", "%zz", "a%2", "%%20"}) {
        EXPECT_FALSE(decode_percent(bad)) << bad;
    }
}

}  // namespace
}  // namespace peercron
