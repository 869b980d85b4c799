#include "schedule/fire_before.hpp"

#include <algorithm>

namespace peercron {

using namespace std::chrono_literals;

/// Found by looking ahead from further and further back, and then from between.
std::optional<std::chrono::sys_seconds> fire_before(const Schedule& schedule,
                                                    std::chrono::sys_seconds time,
                                                    const Window& window)
{
    // A 29 February may be eight years after the one before it.
    constexpr std::chrono::seconds furthest = 9 * 366 * 24h;
    const auto has_fire = [&](std::chrono::seconds back) {
        const auto fire = schedule.next_in_window(time - back - 1s, window);
        return fire && *fire < time;
    };
    std::chrono::seconds without = 0s;
    std::chrono::seconds with = 60s;
    while (!has_fire(with)) {
        if (with == furthest) return std::nullopt;
        without = with;
        with = std::min(4 * with, furthest);
    }
    while (with - without > 1s) {
        const std::chrono::seconds between = without + (with - without) / 2;
        (has_fire(between) ? with : without) = between;
    }
    return schedule.next_in_window(time - with - 1s, window);
}

}  // namespace peercron
