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

/// The same for looks that come once a second or less often: they use only the moments after whole
/// seconds.
inline constexpr SteadyTime::duration rare_moments_apart = std::chrono::seconds(1);

/// How long before a moment the last shared one was, of those that this interval uses.
inline SteadyTime::duration since_shared_moment(SteadyTime::duration interval, ExactWallTime moment)
{
    constexpr SteadyTime::duration first = std::chrono::milliseconds(250);
    const auto apart = interval < rare_moments_apart ? shared_moments_apart : rare_moments_apart;
    return (moment.time_since_epoch() - first) % apart;
}

/// How long to wait before looking again at something that is looked at at this interval: until the
/// shared moment that is nearest to its end. That is a quarter of a second less or more, and half a
/// second for intervals of a second or longer. Short intervals are kept.
inline SteadyTime::duration shared_pause(SteadyTime::duration interval, ExactWallTime wall)
{
    if (interval < shared_moments_apart) return interval;
    const auto apart = interval < rare_moments_apart ? shared_moments_apart : rare_moments_apart;
    const SteadyTime::duration past = since_shared_moment(interval, wall + interval);
    return past < apart / 2 ? interval - past : interval + (apart - past);
}

/// The same when the interval is the longest time that may pass: until the last shared moment in
/// it.
inline SteadyTime::duration shared_pause_within(SteadyTime::duration longest, ExactWallTime wall)
{
    if (longest < shared_moments_apart) return longest;
    return longest - since_shared_moment(longest, wall + longest);
}

}  // namespace peercron
