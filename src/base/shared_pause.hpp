#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace peercron {

/// When to look again at something that is looked at every so often, and not at exact times: a
/// moment that such looks have in common, so that they wake a machine at rest once for all. It is a
/// quarter of a second after a whole or half second, since schedules fire at whole ones. Off by a
/// quarter of a second at most; short intervals are kept.
inline SteadyTime shared_moment(SteadyTime now, SteadyTime::duration interval,
                                std::chrono::system_clock::time_point wall)
{
    constexpr SteadyTime::duration apart = std::chrono::milliseconds(500);
    if (interval < apart) return now + interval;
    const std::chrono::nanoseconds due = wall.time_since_epoch() + interval;
    return now + interval + (apart / 2 - due % apart);
}

inline SteadyTime shared_moment(SteadyTime now, SteadyTime::duration interval)
{
    return shared_moment(now, interval, std::chrono::system_clock::now());
}

}  // namespace peercron
