#pragma once

#include <cstdint>

namespace peercron {

/// A hash of parts that are given one after the other, the first time with `state` 0: SplitMix64
/// (Steele, Lea, Flood 2014). What jobs do when depends on it: it may never change.
constexpr std::uint64_t mix(std::uint64_t state, std::uint64_t part)
{
    state = (state ^ part) + 0x9E3779B97F4A7C15ULL;
    state = (state ^ (state >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    state = (state ^ (state >> 27U)) * 0x94D049BB133111EBULL;
    return state ^ (state >> 31U);
}

}  // namespace peercron
