#pragma once

#include "schedule/schedule.hpp"

#include <chrono>
#include <optional>

namespace peercron {

/// The last fire of the schedule that is strictly earlier than `time`, inside the window; nullopt:
/// there is none, or none within 9 years.
std::optional<std::chrono::sys_seconds> fire_before(const Schedule& schedule,
                                                    std::chrono::sys_seconds time,
                                                    const Window& window);

}  // namespace peercron
