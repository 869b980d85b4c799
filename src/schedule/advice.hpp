#pragma once

#include "schedule/schedule.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What is likely not meant by somebody who gives a job this schedule, a sentence each: weekdays
/// counted as Quartz does, and intervals of hours and days that do not begin at midnight of the
/// zone. Empty when nothing is. Pure.
std::vector<std::string> doubts(std::string_view expression, const Schedule& schedule,
                                std::chrono::sys_seconds from);

/// The doubts, and what may surprise somebody who gives a job this schedule, a sentence each: what
/// becomes of fires while the clocks change within the year after `from`, and that many jobs start
/// at full hours. Empty when nothing is to be said. Pure.
std::vector<std::string> advice(std::string_view expression, const Schedule& schedule,
                                std::chrono::sys_seconds from);

}  // namespace peercron
