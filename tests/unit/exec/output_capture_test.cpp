#include "exec/output_capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <regex>

namespace peercron {
namespace {

using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string captured(std::string_view bytes, std::size_t limit = 1000)
{
    OutputCapture capture(limit);
    capture.append(bytes);
    return capture.text();
}

/// An independent decoder: strict UTF-8 without NUL.
bool is_clean_utf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        std::size_t more = 0;
        std::uint32_t code = lead;
        if (lead >= 0xF0U) {
            more = 3;
            code = lead & 0x07U;
        } else if (lead >= 0xE0U) {
            more = 2;
            code = lead & 0x0FU;
        } else if (lead >= 0xC0U) {
            more = 1;
            code = lead & 0x1FU;
        } else if (lead >= 0x80U || lead == 0) {
            return false;
        }
        if (i + more >= text.size()) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            const auto byte = static_cast<unsigned char>(text[i + k]);
            if ((byte & 0xC0U) != 0x80U) return false;
            code = (code << 6U) | (byte & 0x3FU);
        }
        static constexpr std::uint32_t smallest[]{0, 0x80, 0x800, 0x10000};
        if (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
        i += more + 1;
    }
    return true;
}

TEST(OutputCaptureTest, KeepsGoodTextAsItIs)
{
    EXPECT_EQ(captured(""), "");
    EXPECT_EQ(captured("hello\n"), "hello\n");
    EXPECT_EQ(captured("grüße 漢字 🎉\n"), "grüße 漢字 🎉\n");
}

TEST(OutputCaptureTest, JoinsACharacterThatCameInPieces)
{
    OutputCapture capture(1000);
    for (const char c : "🎉漢"s) capture.append({&c, 1});
    EXPECT_EQ(capture.text(), "🎉漢");
}

TEST(OutputCaptureTest, ReplacesEachMaximalIllFormedPart)
{
    EXPECT_EQ(captured("a\xFFz"), "a\xEF\xBF\xBDz");
    EXPECT_EQ(captured("a\0z"s), "a\xEF\xBF\xBDz");
    EXPECT_EQ(captured("\xE6\xBC"), "\xEF\xBF\xBD");  // cut short: one
    EXPECT_EQ(captured("\xF0\x9F\x8E"
                       "a"),
              "\xEF\xBF\xBD"
              "a");
    EXPECT_EQ(captured("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong: two
    EXPECT_EQ(captured("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
    EXPECT_EQ(captured("\xF4\x90\x80\x80").size(), 12U);                          // beyond U+10FFFF
}

TEST(OutputCaptureTest, KeepsHeadAndTailAndSaysHowMuchIsMissing)
{
    const std::string text = captured("head-" + std::string(100, 'x') + "-tail", 10);
    EXPECT_EQ(text, "head-\n[… 100 bytes left out …]\n-tail");
}

TEST(OutputCaptureTest, KeepsExactlyTheLimitUncut)
{
    EXPECT_EQ(captured("0123456789", 10), "0123456789");
    EXPECT_EQ(captured("0123456789a", 10), "01234\n[… 1 bytes left out …]\n6789a");
}

TEST(OutputCaptureTest, ManySmallPiecesGiveTheSameAsOneBig)
{
    std::string all;
    OutputCapture capture(100);
    for (int i = 0; i < 10'000; ++i) {
        const std::string piece = "line " + std::to_string(i) + "\n";
        all += piece;
        capture.append(piece);
    }
    EXPECT_EQ(capture.text(), captured(all, 100));
    EXPECT_EQ(capture.total(), static_cast<std::int64_t>(all.size()));
    EXPECT_THAT(capture.text(), StartsWith("line 0\n"));
    EXPECT_THAT(capture.text(), EndsWith("line 9999\n"));
}

TEST(OutputCaptureTest, NeverSplitsACharacterAtTheCut)
{
    std::string all;
    for (int i = 0; i < 50; ++i) all += "🎉";
    for (std::size_t limit = 2; limit < 60; ++limit) {
        const std::string text = captured(all, limit);
        EXPECT_TRUE(is_clean_utf8(text)) << limit;
        EXPECT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << limit;
    }
}

TEST(OutputCaptureTest, StaysWithinTheLimitWhateverIsWritten)
{
    std::minstd_rand random(7);
    for (int round = 0; round < 2000; ++round) {
        const std::size_t limit = random() % 64;
        OutputCapture capture(limit);
        std::int64_t written = 0;
        for (auto piece = random() % 20; piece > 0; --piece) {
            std::string bytes(random() % 40, '\0');
            for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 'a' : random());
            written += static_cast<std::int64_t>(bytes.size());
            capture.append(bytes);
        }
        const std::string text = capture.text();
        ASSERT_TRUE(is_clean_utf8(text));
        ASSERT_EQ(capture.total(), written);
        const std::string kept =
            std::regex_replace(text, std::regex("\n\\[… [0-9]+ bytes left out …\\]\n"), "");
        ASSERT_LE(kept.size(), limit);
    }
}

TEST(OutputCaptureTest, TakesHardlyAnyMemoryForLittleOutput)
{
    const OutputCapture capture(1U << 20U);
    EXPECT_LE(sizeof capture, 128U);  // and its strings begin empty
}

TEST(OutputCapture, WhatIsKeptCanBeReadFromAnyByteWhileItGrows)
{
    OutputCapture capture(1000);
    EXPECT_EQ(capture.read(0, 100), (OutputPart{true, 0, 0, ""}));
    capture.append("0123456789");
    EXPECT_EQ(capture.read(0, 4), (OutputPart{true, 0, 10, "0123"}));
    EXPECT_EQ(capture.read(4, 100), (OutputPart{true, 4, 10, "456789"}));
    EXPECT_EQ(capture.read(10, 100), (OutputPart{true, 10, 10, ""}));
    EXPECT_EQ(capture.read(11, 100), (OutputPart{true, 10, 10, ""}));
}

TEST(OutputCapture, AReaderGoesFromTheHeadToTheTailWithoutAGapWhileBothAreKept)
{
    OutputCapture capture(1000);
    const std::string output(500, 'h');
    capture.append(output + "tail");
    EXPECT_EQ(capture.read(0, 65536), (OutputPart{true, 0, 504, output}));
    EXPECT_EQ(capture.read(500, 65536), (OutputPart{true, 500, 504, "tail"}));
}

TEST(OutputCapture, AReaderThatIsTooSlowGetsTheNewest)
{
    OutputCapture capture(1000);
    for (int i = 0; i < 1000; ++i) capture.append("0123456789");
    const OutputPart part = capture.read(600, 65536);
    EXPECT_GT(part.from, 8000);
    EXPECT_EQ(part.from + static_cast<std::int64_t>(part.bytes.size()), 10'000);
    EXPECT_EQ(part.total, 10'000);
}

TEST(OutputCapture, OfALongTailAReaderThatIsTooSlowGetsTheLast256KiB)
{
    OutputCapture capture(4U << 20U);
    for (int i = 0; i < 8192; ++i) capture.append(std::string(1024, 'x'));
    EXPECT_EQ(capture.read(3 << 20, 16).from, (8 << 20) - 256 * 1024);
}

}  // namespace
}  // namespace peercron
