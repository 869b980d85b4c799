#pragma once

#include "base/clock.hpp"

#include <chrono>

namespace peercron {

// The moments that looks have in common which are taken every so often, and not at exact times: so
// they wake a machine at rest once for all. They are a quarter of a second after each whole and
// half second of `wall`, since schedules fire at whole ones. `wall` is Clock::exact_now(): with
// milliseconds alone, each look would come up to one later than the moment, and at another time
// than the others.

/// How far apart these moments are.
inline constexpr SteadyTime::duration shared_moments_apart = std::chrono::milliseconds(500);

/// How long to wait before looking again at something that is looked at at this interval: until the
/// shared moment that is nearest to its end, so a quarter of a second less or more. Short intervals
/// are kept.
inline SteadyTime::duration shared_pause(SteadyTime::duration interval, ExactWallTime wall)
{
    constexpr SteadyTime::duration apart = shared_moments_apart;
    if (interval < apart) return interval;
    const SteadyTime::duration due = wall.time_since_epoch() + interval;
    return interval + (apart / 2 - due % apart);
}

/// The same when the interval is the longest time that may pass: until the last shared moment in
/// it.
inline SteadyTime::duration shared_pause_within(SteadyTime::duration longest, ExactWallTime wall)
{
    constexpr SteadyTime::duration apart = shared_moments_apart;
    if (longest < apart) return longest;
    const SteadyTime::duration latest = wall.time_since_epoch() + longest;
    return longest - (latest - apart / 2) % apart;
}

}  // namespace peercron
