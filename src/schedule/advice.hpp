#pragma once

#include "schedule/schedule.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Probable mistakes in this schedule of a job, a sentence each: weekdays counted as Quartz does,
/// and intervals of hours and days that do not begin at midnight of the zone. Empty when there are
/// none. Pure.
std::vector<std::string> doubts(std::string_view expression, const Schedule& schedule,
                                std::chrono::sys_seconds from);

/// The probable mistakes and other possible surprises, a sentence each: what happens to fires while
/// the clocks change within the year after `from`, and that many jobs start at full hours. Pure.
std::vector<std::string> advice(std::string_view expression, const Schedule& schedule,
                                std::chrono::sys_seconds from);

}  // namespace peercron
