#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(Utf8Test, Utf8IsJudgedByRfc3629)
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

TEST(Utf8Test, CharactersAreCountedNotBytes)
{
    EXPECT_EQ(count_characters("aü€🎉"), 4U);
}

TEST(Utf8Test, QuotedTextIsShortAndPrintable)
{
    EXPECT_EQ(quote_utf8("a\nb\xFF"), "\"a\\x0ab\\xff\"");
    EXPECT_EQ(quote_utf8("\u202Ea\u009Bb\u007F"), "\"\\u202ea\\u009bb\\x7f\"");
    EXPECT_EQ(quote_utf8(std::string(100, 'x')), '"' + std::string(60, 'x') + "…\"");
    EXPECT_EQ(quote_utf8(std::string(59, 'x') + "üü"), '"' + std::string(59, 'x') + "ü…\"");
}

TEST(Utf8Test, IsCutBetweenCharacters)
{
    EXPECT_EQ(first_characters("定时任务", 2), "定时");
    EXPECT_EQ(first_characters("a😀b", 2), "a😀");
    EXPECT_EQ(first_characters("abc", 3), "abc");
    EXPECT_EQ(first_characters("abc", 99), "abc");
    EXPECT_EQ(first_characters("abc", 0), "");
    EXPECT_EQ(first_characters("", 5), "");
}

TEST(Utf8Test, IsCutToBytesAndLeavesNoHalfCharacter)
{
    const auto cut = [](std::string text, std::size_t most) {
        cut_utf8(text, most);
        return text;
    };
    EXPECT_EQ(cut("abc", 9), "abc");
    EXPECT_EQ(cut("abc", 2), "ab");
    EXPECT_EQ(cut("aä", 3), "aä");
    EXPECT_EQ(cut("aä", 2), "a");
    EXPECT_EQ(cut("a😀b", 5), "a😀");
    for (std::size_t most = 1; most < 5; ++most) EXPECT_EQ(cut("a😀b", most), "a") << most;
    EXPECT_EQ(cut("😀", 3), "");
    EXPECT_EQ(cut("a\xF0\x9F", 9), "a") << "as a database cuts bytes";
    EXPECT_EQ(cut("", 0), "");
}

}  // namespace
}  // namespace peercron
