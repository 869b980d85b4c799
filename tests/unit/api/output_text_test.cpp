#include "api/output_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

OutputPart part(std::int64_t from, std::string bytes)
{
    OutputPart part;
    part.is_there = true;
    part.from = from;
    part.total = from + static_cast<std::int64_t>(bytes.size());
    part.bytes = std::move(bytes);
    return part;
}

TEST(OutputText, TellsEachPartWithItsPlace)
{
    OutputText text(0);
    EXPECT_THAT(text.take(part(0, "one\n")), ElementsAre(OutputSpan{0, 4, "one\n"}));
    EXPECT_THAT(text.take(part(4, "")), IsEmpty());
    EXPECT_THAT(text.take(part(4, "two\n")), ElementsAre(OutputSpan{4, 8, "two\n"}));
    EXPECT_EQ(text.next(), 8);
}

TEST(OutputText, WhatIsNotKeptIsAGap)
{
    OutputText text(0);
    text.take(part(0, "one"));
    EXPECT_THAT(text.take(part(100, "two")),
                ElementsAre(OutputSpan{3, 100, ""}, OutputSpan{100, 103, "two"}));
}

TEST(OutputText, ACharacterInTwoPartsIsToldInOnePiece)
{
    OutputText text(0);
    EXPECT_THAT(text.take(part(0, "a\xC3")), ElementsAre(OutputSpan{0, 1, "a"}));
    EXPECT_EQ(text.told(), 1);
    EXPECT_EQ(text.next(), 2);
    EXPECT_THAT(text.take(part(2, "\xA4z")), ElementsAre(OutputSpan{1, 4, "\xC3\xA4z"}));
}

TEST(OutputText, WhatIsNoTextIsReplaced)
{
    OutputText text(0);
    EXPECT_THAT(text.take(part(0, "a\xFF\0z"s)),
                ElementsAre(OutputSpan{0, 4, "a\xEF\xBF\xBD\xEF\xBF\xBDz"}));
}

TEST(OutputText, ALongPartComesInPiecesThatSplitNoCharacter)
{
    std::string bytes = "x";
    while (bytes.size() < 150'000) bytes += "\xC3\xA4";
    OutputText text(0);
    std::string all;
    std::int64_t place = 0;
    for (const OutputSpan& span : text.take(part(0, bytes))) {
        EXPECT_EQ(span.from, place);
        EXPECT_LE(span.text.size(), 65536U);
        place = span.to;
        all += span.text;
    }
    EXPECT_EQ(all, bytes);
}

TEST(OutputText, TheRestOfAWholeOutputBeginsWhereItWasTold)
{
    OutputText text(0);
    text.take(part(0, "one\n\xC3"));
    EXPECT_THAT(text.take_rest("one\n\xC3\xA4\n", 7), ElementsAre(OutputSpan{4, 7, "\xC3\xA4\n"}));
    EXPECT_THAT(text.take_rest("one\n\xC3\xA4\n", 7), IsEmpty());
}

TEST(OutputText, AReaderThatComesLateGetsAllOrFromItsPlace)
{
    EXPECT_THAT(OutputText(0).take_rest("0123456789", 10),
                ElementsAre(OutputSpan{0, 10, "0123456789"}));
    EXPECT_THAT(OutputText(7).take_rest("0123456789", 10), ElementsAre(OutputSpan{7, 10, "789"}));
    EXPECT_THAT(OutputText(11).take_rest("0123456789", 10), IsEmpty());
}

TEST(OutputText, OfACutOutputTheGapIsToldAndItsTailIsAtItsPlace)
{
    const std::string cut = "head\n[… 90 bytes left out …]\ntails!";
    EXPECT_THAT(OutputText(0).take_rest(cut, 100),
                ElementsAre(OutputSpan{0, 4, "head"}, OutputSpan{4, 94, ""},
                            OutputSpan{94, 100, "tails!"}));
    EXPECT_THAT(
        OutputText(2).take_rest(cut, 100),
        ElementsAre(OutputSpan{2, 4, "ad"}, OutputSpan{4, 94, ""}, OutputSpan{94, 100, "tails!"}));
    EXPECT_THAT(OutputText(50).take_rest(cut, 100),
                ElementsAre(OutputSpan{50, 94, ""}, OutputSpan{94, 100, "tails!"}));
    EXPECT_THAT(OutputText(97).take_rest(cut, 100), ElementsAre(OutputSpan{97, 100, "ls!"}));
}

TEST(OutputText, AMarkThatACommandWroteIsText)
{
    const std::string odd = "a\n[… 5 bytes left out …]\nb";
    const auto size = static_cast<std::int64_t>(odd.size());
    EXPECT_THAT(OutputText(0).take_rest(odd, size), ElementsAre(OutputSpan{0, size, odd}));
}

TEST(OutputText, WhereBytesWereNoTextTheRestIsCountedFromTheEnd)
{
    // 6 bytes were written, of which one became three.
    EXPECT_THAT(OutputText(4).take_rest("ab\xEF\xBF\xBD"
                                        "def",
                                        6),
                ElementsAre(OutputSpan{4, 6, "ef"}));
}

}  // namespace
}  // namespace peercron
