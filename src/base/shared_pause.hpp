#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace peercron {

/// How long to wait before looking again at something that is looked at every so often, and not at
/// exact times: until a moment that such looks have in common, so that they wake a machine at rest
/// once for all. It is a quarter of a second after a whole or half second of `wall`, since
/// schedules fire at whole ones. Off by a quarter of a second at most; short intervals are kept.
inline SteadyTime::duration shared_pause(SteadyTime::duration interval, WallTime wall)
{
    constexpr SteadyTime::duration apart = std::chrono::milliseconds(500);
    if (interval < apart) return interval;
    const SteadyTime::duration due = wall.time_since_epoch() + interval;
    return interval + (apart / 2 - due % apart);
}

}  // namespace peercron
