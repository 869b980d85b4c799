#include "store/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TextTest, EscapesWhatLikeWouldTakeForAWildcard)
{
    EXPECT_EQ(like_pattern("php -v"), "%php -v%");
    EXPECT_EQ(like_pattern("100%_a|b\\c"), "%100|%|_a||b\\c%");
    EXPECT_EQ(like_pattern(""), "%%");
}

TEST(TextTest, LeavesATextThatFitsAlone)
{
    EXPECT_EQ(cut_middle("abc", 3), "abc");
    EXPECT_EQ(cut_middle("", 0), "");
}

TEST(TextTest, CutsTheMiddleAndSaysHowMuch)
{
    const std::string text = "head" + std::string(1000, '.') + "tail";
    const std::string cut = cut_middle(text, 200);
    EXPECT_LE(cut.size(), 200U);
    EXPECT_THAT(cut, StartsWith("head"));
    EXPECT_THAT(cut, EndsWith("tail"));
    EXPECT_THAT(cut, HasSubstr("888 bytes cut"));
}

TEST(TextTest, NeverCutsInsideACharacter)
{
    std::string text;
    for (int i = 0; i < 300; ++i) text += "😀";
    for (std::size_t limit = 90; limit < 120; ++limit) {
        std::string cut = cut_middle(text, limit);
        EXPECT_LE(cut.size(), limit);
        const auto mark = cut.find("\n[");
        ASSERT_NE(mark, std::string::npos);
        EXPECT_EQ(mark % 4, 0U) << limit;
        const auto tail = cut.find("]\n") + 2;
        EXPECT_EQ((cut.size() - tail) % 4, 0U) << limit;
    }
}

TEST(TextTest, SaysItEvenWhenNothingElseHasRoom)
{
    EXPECT_THAT(cut_middle(std::string(500, 'x'), 10), HasSubstr("500 bytes cut"));
}

TEST(TextTest, ReplacesWhatIsNotPlain)
{
    EXPECT_EQ(plain_ascii("ok ~\n\t"), "ok ~\n\t");
    EXPECT_EQ(plain_ascii("ü\x01\xff"), "????");
}

}  // namespace
}  // namespace peercron
