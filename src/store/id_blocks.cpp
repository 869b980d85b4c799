#include "store/id_blocks.hpp"

#include <algorithm>

namespace peercron {
namespace {

std::int64_t end_of(const IdBlocks::Block& block, const IdBlocks& known)
{
    const std::int64_t size = block_size(known.end);
    return std::min((block.first / size + 1) * size, known.end);
}

/// Whether each of its ids is a row's. Most blocks of a whole table are full, and the place of any
/// of their rows is known.
bool is_full(const IdBlocks::Block& block, const IdBlocks& known)
{
    return block.count == end_of(block, known) - block.first;
}

}  // namespace

std::int64_t block_size(std::int64_t largest)
{
    constexpr std::int64_t smallest_size = 100;
    constexpr std::int64_t most_blocks = 4'096;
    return std::max(smallest_size, largest / most_blocks + 1);
}

std::int64_t block_begin(std::int64_t number, std::int64_t largest)
{
    return std::max<std::int64_t>(number * block_size(largest), 1);  // no row has id 0
}

std::int64_t IdBlocks::rows() const
{
    std::int64_t rows = 0;
    for (const Block& block : blocks) rows += block.count;
    return rows;
}

std::int64_t IdBlocks::last_end() const
{
    return blocks.empty() ? 0 : end_of(blocks.back(), *this);
}

bool IdBlocks::is_compact() const
{
    constexpr std::int64_t few = 100'000;
    constexpr std::int64_t gaps = 4;
    return blocks.empty() || last_end() - blocks.front().first <= few + gaps * rows();
}

std::int64_t next_part(std::int64_t ids, std::int64_t rows)
{
    constexpr std::int64_t growth = 8;
    constexpr std::int64_t longest = 16'000'000;  // some seconds, if all of them have rows
    return rows < ids / growth ? std::min(ids * growth, longest) : first_part;
}

PagePlace place_ascending(const IdBlocks& known, std::size_t offset)
{
    PagePlace place{std::nullopt, std::nullopt, offset};
    for (const auto& block : known.blocks) {
        place.from_id = block.first;
        const auto count = static_cast<std::size_t>(block.count);
        if (place.offset < count) {
            if (is_full(block, known)) {
                place.from_id = block.first + static_cast<std::int64_t>(place.offset);
                place.offset = 0;
            }
            return place;
        }
        place.offset -= count;
    }
    // Behind the last block.
    if (!known.blocks.empty()) place.from_id = known.end;
    return place;
}

PagePlace place_descending(const IdBlocks& known, std::size_t newer, std::size_t offset,
                           std::size_t limit)
{
    PagePlace place{std::nullopt, std::nullopt, offset};
    if (known.blocks.empty()) return place;
    place.from_id = known.blocks.front().first;
    std::int64_t lowest = known.end;
    std::size_t passed = newer;
    for (auto block = known.blocks.rbegin(); block != known.blocks.rend(); ++block) {
        if (passed >= offset + limit) break;
        lowest = block->first;
        const auto count = static_cast<std::size_t>(block->count);
        if (offset >= passed) {
            place.before_id = end_of(*block, known);
            place.offset = offset - passed;
            if (place.offset < count && is_full(*block, known)) {
                *place.before_id -= static_cast<std::int64_t>(place.offset);
                place.offset = 0;
            }
        }
        passed += count;
    }
    if (offset >= passed) {
        place.before_id = place.from_id;
        place.offset = offset - passed;
    }
    place.ids = place.before_id.value_or(known.end) - lowest;
    return place;
}

}  // namespace peercron
