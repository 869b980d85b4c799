#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

// More than six changes of one thing within an hour are told as one, and then nothing until an hour
// was quiet. Pure.

inline constexpr std::chrono::hours change_window{1};
inline constexpr std::size_t most_changes = 6;  ///< within change_window

/// What becomes of a change.
enum class Change : std::uint8_t {
    told,
    begins_to_flap,  ///< this is told instead
    counted,         ///< nobody is told
};

/// @param changes of the last hour; the one at `at` is added.
inline Change note_change(std::vector<WallTime>& changes, std::optional<WallTime>& flapping_since,
                          WallTime at)
{
    std::erase_if(changes, [at](WallTime change) { return change <= at - change_window; });
    changes.push_back(at);
    if (flapping_since) return Change::counted;
    if (changes.size() <= most_changes) return Change::told;
    flapping_since = changes.front();
    return Change::begins_to_flap;
}

/// Whether it has been quiet for so long that how it stands is told.
inline bool is_quiet_again(const std::vector<WallTime>& changes,
                           const std::optional<WallTime>& flapping_since, WallTime now)
{
    return flapping_since && now - changes.back() >= change_window;
}

}  // namespace peercron
