#include "base/visible_text.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(VisibleText, PlainTextStaysWhatItIs)
{
    EXPECT_EQ(visible_text("", Breaks::keep), "");
    EXPECT_EQ(visible_text("a ~", Breaks::keep), "a ~");
    EXPECT_EQ(visible_text("grüße 定时任务 🎉 a\u0301", Breaks::keep), "grüße 定时任务 🎉 a\u0301");
    EXPECT_EQ(visible_text("\xA0\xFF", Breaks::keep), "\xA0\xFF") << "no UTF-8, and no control";
}

TEST(VisibleText, ControlsAreShownAndDoNothing)
{
    EXPECT_EQ(visible_text("\033[31mred\a\x7F", Breaks::keep), "^[[31mred^G^?");
    EXPECT_EQ(visible_text("a\u0080b\u009B2J\u009F", Breaks::keep), "a<U+0080>b<U+009B>2J<U+009F>");
    EXPECT_EQ(visible_text("a\x9B"
                           "2J",
                           Breaks::keep),
              "a<9B>2J");
    EXPECT_EQ(visible_text(std::string_view("a\0b", 3), Breaks::keep), "a^@b");
}

TEST(VisibleText, WhatTurnsTheTextAroundIsShown)
{
    for (const auto& [hidden, shown] : {
             std::pair("\u061C", "<U+061C>"),
             std::pair("\u200E", "<U+200E>"),
             std::pair("\u200F", "<U+200F>"),
             std::pair("\u202A", "<U+202A>"),
             std::pair("\u202E", "<U+202E>"),
             std::pair("\u2066", "<U+2066>"),
             std::pair("\u2069", "<U+2069>"),
             std::pair("\u2028", "<U+2028>"),
             std::pair("\u200B", "<U+200B>"),
             std::pair("\uFEFF", "<U+FEFF>"),
         }) {
        EXPECT_EQ(visible_text(hidden, Breaks::keep), shown);
    }
    EXPECT_EQ(visible_text("\u202F\u2065\u206A\u0085", Breaks::keep), "\u202F\u2065\u206A<U+0085>");
}

TEST(VisibleText, BreaksAreKeptOrNot)
{
    EXPECT_EQ(visible_text("a\r\n\tb\rc", Breaks::keep), "a\n\tb^Mc");
    EXPECT_EQ(visible_text("a\r\n\tb\rc", Breaks::to_spaces), "a  b^Mc");
    EXPECT_EQ(visible_text("a\n2026-11-28 error b", Breaks::indent), "a\n    2026-11-28 error b")
        << "no line of a log can be forged";
}

}  // namespace
}  // namespace peercron
