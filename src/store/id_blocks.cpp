#include "store/id_blocks.hpp"

#include <algorithm>

namespace peercron {

std::int64_t block_size(std::int64_t largest)
{
    constexpr std::int64_t smallest_size = 1'000;
    constexpr std::int64_t most_blocks = 4'096;
    return std::max(smallest_size, largest / most_blocks + 1);
}

PagePlace place_ascending(const IdBlocks& known, std::size_t offset)
{
    PagePlace place{std::nullopt, std::nullopt, offset};
    for (const auto& block : known.blocks) {
        place.from_id = block.first;
        const auto count = static_cast<std::size_t>(block.count);
        if (place.offset < count) return place;
        place.offset -= count;
    }
    // Behind the last block.
    if (!known.blocks.empty()) place.from_id = known.end;
    return place;
}

PagePlace place_descending(const IdBlocks& known, std::size_t newer, std::size_t offset)
{
    PagePlace place{std::nullopt, std::nullopt, offset};
    if (known.blocks.empty() || offset < newer) return place;
    place.offset -= newer;
    place.before_id = known.end;
    for (auto block = known.blocks.rbegin(); block != known.blocks.rend(); ++block) {
        const auto count = static_cast<std::size_t>(block->count);
        if (place.offset < count) return place;
        place.offset -= count;
        place.before_id = block->first;
    }
    return place;
}

}  // namespace peercron
