#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace peercron::simulation {

/// Numbers that follow from a seed alone, the same on every machine (the distributions of the
/// standard library are not). Source: S. Vigna, "splitmix64.c".
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next()
    {
        state_ += 0x9E3779B97F4A7C15ULL;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
        return mixed ^ (mixed >> 31U);
    }

    /// 0 to `count` - 1.
    std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }

    /// Once in `times`.
    bool once_in(std::size_t times) { return below(times) == 0; }

    std::int64_t between(std::int64_t low, std::int64_t high)
    {
        return low + static_cast<std::int64_t>(below(static_cast<std::size_t>(high - low) + 1));
    }

    /// To the microsecond.
    std::chrono::microseconds between(std::chrono::microseconds low, std::chrono::microseconds high)
    {
        return std::chrono::microseconds(between(low.count(), high.count()));
    }

    template <class T>
    const T& one_of(const std::vector<T>& values)
    {
        return values[below(values.size())];
    }

private:
    std::uint64_t state_;
};

}  // namespace peercron::simulation
