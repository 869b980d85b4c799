#include "cli/text_width.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(TextWidth, CountsColumnsAndNotBytes)
{
    EXPECT_EQ(display_width(""), 0U);
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("grüße"), 5U);
    EXPECT_EQ(display_width("日本"), 4U);
    EXPECT_EQ(display_width("🎉"), 2U);
    EXPECT_EQ(display_width("e\xCC\x81"), 1U);  // e and a combining accent
}

TEST(TextWidth, CountsAByteThatIsNoUtf8AsOne)
{
    EXPECT_EQ(display_width("a\xFF"
                            "b"),
              3U);
    EXPECT_EQ(display_width("\xE6\x97"), 2U);
}

TEST(TextWidth, CutsBetweenCharactersAndSaysSo)
{
    EXPECT_EQ(cut_to_width("abcdef", 6), "abcdef");
    EXPECT_EQ(cut_to_width("abcdef", 4), "abc…");
    EXPECT_EQ(cut_to_width("grüße an alle", 5), "grüß…");
    EXPECT_EQ(cut_to_width("日本語", 4), "日…");
    EXPECT_EQ(cut_to_width("日本語", 5), "日本…");
    EXPECT_EQ(cut_to_width("abc", 1), "…");
    EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(TextWidth, ALineStaysOneLineAndCannotTalkToTheTerminal)
{
    EXPECT_EQ(one_line("a\nb\tc\r\n"), "a b c");
    EXPECT_EQ(one_line("\033[31mred\a"), "^[[31mred^G");
    EXPECT_EQ(one_line("\xC2\x9B"
                       "2J"),
              "<U+009B>2J");  // CSI as one character
    EXPECT_EQ(one_line("  \n"), "");
}

TEST(TextWidth, ManyLinesKeepTheirBreaks)
{
    EXPECT_EQ(many_lines("a\r\n\tb\033c\n"), "a\n\tb^[c\n");
    EXPECT_EQ(many_lines("10%\r20%\n"), "10%^M20%\n");
}

}  // namespace
}  // namespace peercron
