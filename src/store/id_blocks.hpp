#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

/// Where the rows of a long list are: how many of them have ids from `first` on and before the next
/// block's. With it, a page that is far from the list's beginning is found without skipping through
/// all rows before it.
///
/// Counted at some moment. Rows that are deleted later make a far page show some rows of the page
/// before it; none are left out, because new rows have ids of `end` or above.
struct IdBlocks {
    struct Block {
        std::int64_t first = 0;
        std::int64_t count = 0;
    };
    std::vector<Block> blocks;  ///< ascending, of those that have rows
    std::int64_t end = 0;       ///< no block goes further; they have block_size(end) ids each

    /// How many rows are in them.
    std::int64_t rows() const;

    /// No row has an id from here on and below `end`.
    std::int64_t last_end() const;

    /// Whether the rows lie so close together that skipping the other ids costs little.
    bool is_compact() const;
};

/// Where the count of a list that is too long for one statement goes on: from the newest ids down.
struct CountRest {
    std::int64_t first = 0;   ///< the smallest id that may have a row
    std::int64_t before = 0;  ///< ids from here on are counted
    std::int64_t top = 0;     ///< where `before` was in the beginning
    std::int64_t end = 0;     ///< IdBlocks::end of the whole
    std::int64_t ids = 0;     ///< how many the next part has
};

/// How many ids the first part of a count has, and how many the next part has after one of `ids`
/// ids with `rows` rows: few enough for a quick statement, and many enough that lists of few rows
/// take few parts.
inline constexpr std::int64_t first_part = 1'000'000;
std::int64_t next_part(std::int64_t ids, std::int64_t rows);

/// From this offset on it pays to look up the place of a page.
inline constexpr std::size_t far_offset = 2'000;

/// How many ids each block has, with ids from 1 to `largest`: there are 4,096 blocks at most.
std::int64_t block_size(std::int64_t largest);

/// The first id of the block with this number, counted from 0.
std::int64_t block_begin(std::int64_t number, std::int64_t largest);

/// Where a page begins: `offset` rows behind the first one with an id within the bounds.
struct PagePlace {
    std::optional<std::int64_t> from_id;    ///< ids from here on
    std::optional<std::int64_t> before_id;  ///< ids below
    std::size_t offset = 0;
    /// Among so many ids of blocks, whether they are the list's or not, the rows up to the page's
    /// last one are. Of a list by descending ids.
    std::int64_t ids = 0;
};

/// In a list by ascending ids.
PagePlace place_ascending(const IdBlocks& known, std::size_t offset);

/// In a list by descending ids of which `newer` rows have an id of `end` or above. A page has
/// `limit` rows.
PagePlace place_descending(const IdBlocks& known, std::size_t newer, std::size_t offset,
                           std::size_t limit);

}  // namespace peercron
