#include "http/text.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(TextTest, Utf8IsJudgedByRfc3629)
{
    for (const std::string good : {"", "a", "ü", "€", "🎉", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_TRUE(is_utf8(good)) << good;
    }
    for (const std::string bad :
         {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "a\xFF"}) {
        EXPECT_FALSE(is_utf8(bad));
    }
}

TEST(TextTest, CharactersAreCountedNotBytes)
{
    EXPECT_EQ(count_characters("aü€🎉"), 4U);
}

TEST(TextTest, QuotedTextIsShortAndPrintable)
{
    EXPECT_EQ(quote_utf8("a\nb\xFF"), "\"a\\x0ab\\xff\"");
    EXPECT_EQ(quote_utf8(std::string(100, 'x')), '"' + std::string(60, 'x') + "…\"");
    EXPECT_EQ(quote_utf8(std::string(59, 'x') + "üü"), '"' + std::string(59, 'x') + "ü…\"");
}

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
