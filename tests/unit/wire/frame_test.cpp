#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace peercron {
namespace {

std::string frame(std::string_view payload)
{
    std::string bytes;
    const std::size_t start = begin_frame(bytes);
    bytes += payload;
    end_frame(bytes, start);
    return bytes;
}

/// Hands `bytes` over in pieces of at most `piece`, as a socket would; returns what was cut.
std::vector<std::string> cut(FrameReader& reader, std::string_view bytes, std::size_t piece)
{
    std::vector<std::string> payloads;
    while (!bytes.empty()) {
        const auto room = reader.room();
        const std::size_t size = std::min({piece, bytes.size(), room.size()});
        std::copy_n(bytes.begin(), size, room.begin());
        reader.filled(size);
        bytes.remove_prefix(size);
        for (auto next = reader.next().value(); next; next = reader.next().value()) {
            payloads.emplace_back(*next);
        }
    }
    return payloads;
}

TEST(FrameTest, TheLengthComesFirstInNetworkOrder)
{
    EXPECT_EQ(frame("abc"), std::string("\0\0\0\3abc", 7));
    EXPECT_EQ(frame(std::string(0x010203, 'x')).substr(0, 4), std::string("\0\1\2\3", 4));
}

TEST(FrameTest, FramesAreCutWhereverTheNetworkCutsThem)
{
    const std::vector<std::string> payloads{"", "a", std::string(70'000, 'b'), "cc", ""};
    std::string bytes;
    for (const std::string& payload : payloads) bytes += frame(payload);
    for (const std::size_t piece : {1, 2, 3, 5, 4096, 65'536, 1'000'000}) {
        FrameReader reader(100'000);
        EXPECT_EQ(cut(reader, bytes, piece), payloads) << piece;
        EXPECT_FALSE(reader.is_inside_frame());
    }
}

TEST(FrameTest, RandomFramesInRandomPiecesComeOutWhole)
{
    std::mt19937 random(4);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> payloads;
        std::string bytes;
        for (auto left = random() % 50; left > 0; --left) {
            payloads.emplace_back(random() % (random() % 10 == 0 ? 200'000 : 300),
                                  static_cast<char>('a' + random() % 26));
            bytes += frame(payloads.back());
        }
        FrameReader reader(200'000);
        EXPECT_EQ(cut(reader, bytes, 1 + random() % 100'000), payloads);
    }
}

TEST(FrameTest, AFrameOfTheLimitPassesAndOneByteMoreDoesNot)
{
    FrameReader reader(10);
    EXPECT_EQ(cut(reader, frame("0123456789"), 100).size(), 1U);
    const auto room = reader.room();
    const std::string header("\0\0\0\x0B", 4);
    std::copy(header.begin(), header.end(), room.begin());
    reader.filled(4);
    const auto next = reader.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().message, "announced a frame of 11 bytes, 10 are allowed");
}

TEST(FrameTest, MemoryGrowsWithWhatArrivesNotWithWhatIsAnnounced)
{
    FrameReader reader(1U << 30U);
    const std::string header("\x3F\xFF\xFF\xFF", 4);  // almost a gigabyte
    for (const std::size_t arrived : {0U, 100'000U, 1'000'000U}) {
        (void)cut(reader, arrived == 0 ? header : std::string(arrived, 'x'), 65'536);
        EXPECT_LE(reader.room().size(), 128U * 1024U + 4 * arrived);
    }
    EXPECT_TRUE(reader.is_inside_frame());
}

TEST(FrameTest, AGiantsMemoryIsGivenBack)
{
    FrameReader reader(16U << 20U);
    (void)cut(reader, frame(std::string(10U << 20U, 'x')), 1U << 20U);
    EXPECT_LE(reader.room().size(), 128U * 1024U);
}

TEST(FrameTest, ALimitThatIsRaisedHoldsFromTheNextFrameOn)
{
    FrameReader reader(4);
    EXPECT_EQ(cut(reader, frame("four"), 100).size(), 1U);
    reader.set_limit(100);
    EXPECT_EQ(cut(reader, frame(std::string(100, 'x')), 1000).size(), 1U);
}

}  // namespace
}  // namespace peercron
