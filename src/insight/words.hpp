#pragma once

#include "base/clock.hpp"
#include "schedule/time_zone.hpp"

#include <chrono>
#include <string>

namespace peercron {

/// "4 ms", "12.3 s", "3 m 12 s", "2 h 5 m", "3 d 4 h". Pure.
std::string in_words(std::chrono::milliseconds time);

/// "2026-11-28 02:00:00", with milliseconds when there are any, by the clocks of the zone. Pure.
std::string local_text(WallTime time, const TimeZone& zone);

}  // namespace peercron
