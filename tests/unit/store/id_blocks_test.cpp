#include "store/id_blocks.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

const IdBlocks known{{{0, 900}, {1'000, 1'000}, {3'000, 10}}, 4'000};

TEST(IdBlocksTest, ARowByAscendingIdsIsInTheBlockThatTheOffsetReaches)
{
    const auto expect = [](std::size_t offset, std::int64_t from_id, std::size_t rest) {
        const PagePlace place = place_ascending(known, offset);
        EXPECT_EQ(place.from_id, from_id) << offset;
        EXPECT_EQ(place.offset, rest) << offset;
        EXPECT_FALSE(place.before_id);
    };
    expect(0, 0, 0);
    expect(899, 0, 899);
    expect(900, 1'000, 0);
    expect(1'899, 1'000, 999);
    expect(1'905, 3'000, 5);
    expect(1'910, 4'000, 0);
    expect(1'917, 4'000, 7);
}

TEST(IdBlocksTest, ARowByDescendingIdsIsBehindTheNewerOnes)
{
    const auto expect = [](std::size_t offset, std::optional<std::int64_t> before_id,
                           std::size_t rest) {
        const PagePlace place = place_descending(known, 7, offset);
        EXPECT_EQ(place.before_id, before_id) << offset;
        EXPECT_EQ(place.offset, rest) << offset;
        EXPECT_FALSE(place.from_id);
    };
    expect(6, std::nullopt, 6);
    expect(7, 4'000, 0);
    expect(16, 4'000, 9);
    expect(17, 3'000, 0);
    expect(1'016, 3'000, 999);
    expect(1'017, 1'000, 0);
    expect(1'917, 0, 0);
    expect(1'920, 0, 3);
}

TEST(IdBlocksTest, WithoutBlocksTheOffsetIsAllThereIs)
{
    EXPECT_EQ(place_ascending({}, 5'000).offset, 5'000U);
    EXPECT_FALSE(place_ascending({}, 5'000).from_id);
    EXPECT_EQ(place_descending({}, 7, 5'000).offset, 5'000U);
    EXPECT_FALSE(place_descending({}, 7, 5'000).before_id);
}

TEST(IdBlocksTest, ALongTableHasNoMoreBlocksThanAFewThousand)
{
    EXPECT_EQ(block_size(0), 1'000);
    EXPECT_EQ(block_size(4'000'000), 1'000);
    EXPECT_LE(10'000'000'000 / block_size(10'000'000'000), 4'096);
}

}  // namespace
}  // namespace peercron
