#include "store/id_blocks.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

// 100 ids each: with gaps, full, nearly empty, and one that is cut off.
const IdBlocks known{{{0, 90}, {100, 100}, {300, 10}, {400, 40}}, 450};

TEST(IdBlocksTest, ARowByAscendingIdsIsInTheBlockThatTheOffsetReaches)
{
    const auto expect = [](std::size_t offset, std::int64_t from_id, std::size_t rest) {
        const PagePlace place = place_ascending(known, offset);
        EXPECT_EQ(place.from_id, from_id) << offset;
        EXPECT_EQ(place.offset, rest) << offset;
        EXPECT_FALSE(place.before_id);
    };
    expect(0, 0, 0);
    expect(89, 0, 89);
    expect(90, 100, 0);
    expect(195, 300, 5);
    expect(200, 400, 0);
    expect(240, 450, 0);
    expect(247, 450, 7);
}

TEST(IdBlocksTest, ARowByDescendingIdsIsBehindTheNewerOnes)
{
    const auto expect = [](std::size_t offset, std::optional<std::int64_t> before_id,
                           std::size_t rest) {
        const PagePlace place = place_descending(known, 7, offset, 20);
        EXPECT_EQ(place.before_id, before_id) << offset;
        EXPECT_EQ(place.offset, rest) << offset;
        EXPECT_EQ(place.from_id, 0) << offset;
    };
    expect(6, std::nullopt, 6);
    expect(7, 450, 0);
    expect(46, 450, 39);
    expect(47, 400, 0);
    expect(56, 400, 9);
    expect(57, 200, 0);
    expect(157, 100, 0);
    expect(246, 100, 89);
    expect(247, 0, 0);
    expect(250, 0, 3);
}

TEST(IdBlocksTest, InAFullBlockTheIdOfEachRowIsKnown)
{
    EXPECT_EQ(place_ascending(known, 95).from_id, 105);
    EXPECT_EQ(place_ascending(known, 95).offset, 0U);
    EXPECT_EQ(place_ascending(known, 189).from_id, 199);
    EXPECT_EQ(place_descending(known, 7, 60, 20).before_id, 197);
    EXPECT_EQ(place_descending(known, 7, 60, 20).offset, 0U);
    EXPECT_EQ(place_descending(known, 7, 156, 20).before_id, 101);

    const IdBlocks cut_off{{{0, 90}, {100, 50}}, 150};
    EXPECT_EQ(place_ascending(cut_off, 100).from_id, 110);
    EXPECT_EQ(place_descending(cut_off, 0, 10, 20).before_id, 140);
}

TEST(IdBlocksTest, APageKnowsAmongHowManyIdsItsRowsAre)
{
    const auto ids = [](std::size_t offset, std::size_t limit) {
        return place_descending(known, 7, offset, limit).ids;
    };
    EXPECT_EQ(ids(0, 7), 0) << "newer rows only";
    EXPECT_EQ(ids(0, 8), 50);
    EXPECT_EQ(ids(7, 40), 50);
    EXPECT_EQ(ids(7, 41), 150) << "to the next block";
    EXPECT_EQ(ids(47, 11), 300) << "over the ids between";
    EXPECT_EQ(ids(57, 100), 100);
    EXPECT_EQ(ids(67, 90), 90) << "in a full block from its row on";
    EXPECT_EQ(ids(240, 500), 100) << "the last page";
    EXPECT_EQ(ids(247, 20), 0) << "behind the last row";
}

TEST(IdBlocksTest, WithoutBlocksTheOffsetIsAllThereIs)
{
    EXPECT_EQ(place_ascending({}, 5'000).offset, 5'000U);
    EXPECT_FALSE(place_ascending({}, 5'000).from_id);
    EXPECT_EQ(place_descending({}, 7, 5'000, 50).offset, 5'000U);
    EXPECT_FALSE(place_descending({}, 7, 5'000, 50).before_id);
    EXPECT_FALSE(place_descending({}, 7, 5'000, 50).from_id);
}

TEST(IdBlocksTest, RowsAreCloseTogetherOrNot)
{
    EXPECT_EQ(known.last_end(), 450);
    EXPECT_EQ(known.rows(), 240);
    const std::int64_t end = 409'600'000;  // blocks of 100,001 ids
    EXPECT_TRUE((IdBlocks{{{100'001, 1}}, end}.is_compact()));
    EXPECT_FALSE((IdBlocks{{{100'001, 1}, {300'003, 1}}, end}.is_compact()));
    EXPECT_TRUE((IdBlocks{{{100'001, 60'000}, {300'003, 60'000}}, end}.is_compact()));
    EXPECT_TRUE((IdBlocks{{}, end}.is_compact()));
}

TEST(IdBlocksTest, ALongTableHasNoMoreBlocksThanAFewThousand)
{
    EXPECT_EQ(block_size(0), 100);
    EXPECT_EQ(block_size(400'000), 100);
    EXPECT_LE(10'000'000'000 / block_size(10'000'000'000), 4'096);
}

TEST(IdBlocksTest, TheFirstBlockIsFullWithoutARowOfId0)
{
    EXPECT_EQ(block_begin(0, 450), 1);
    EXPECT_EQ(block_begin(3, 450), 300);
    const IdBlocks whole{{{1, 99}, {100, 100}}, 200};
    EXPECT_EQ(place_descending(whole, 0, 150, 20).before_id, 50);
    EXPECT_EQ(place_descending(whole, 0, 150, 20).offset, 0U);
}

TEST(IdBlocksTest, TheNextPartOfACountIsLongerWhereThereAreFewRows)
{
    EXPECT_EQ(next_part(first_part, 10), 8 * first_part);
    EXPECT_EQ(next_part(8 * first_part, 10), 16'000'000);
    EXPECT_EQ(next_part(16'000'000, 10), 16'000'000);
    EXPECT_EQ(next_part(first_part, first_part / 2), first_part);
    EXPECT_EQ(next_part(16'000'000, 3'000'000), first_part);
}

}  // namespace
}  // namespace peercron
