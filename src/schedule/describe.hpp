#pragma once

#include "schedule/expression.hpp"

#include <string>

namespace peercron {

/// The expression in plain English: "at 02:30:00 on weekdays in March". Says exactly the times
/// that the expression names, in local time, though not always as shortly as a person would.
std::string describe(const Expression& expression);

}  // namespace peercron
