#pragma once

#include "base/clock.hpp"
#include "schedule/calendars.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace peercron {

/// Which fires come and go when a schedule takes the place of another one.
struct ScheduleChange {
    std::int64_t stay_total = 0;
    std::int64_t come_total = 0;
    std::int64_t go_total = 0;
    std::vector<std::chrono::sys_seconds> come;  ///< the first of them
    std::vector<std::chrono::sys_seconds> go;
    std::chrono::sys_seconds counted_to{};  ///< earlier than asked for when there are too many
};

/// Of the fires later than `from` and before `to`. Pure.
ScheduleChange compare(const OpenFires& before, const OpenFires& after,
                       std::chrono::sys_seconds from, std::chrono::sys_seconds to);

}  // namespace peercron
