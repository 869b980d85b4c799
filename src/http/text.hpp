#pragma once

#include <string_view>

namespace peercron {

/// Whether two ASCII texts are equal but for case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Without the spaces and tabs around it.
std::string_view trim(std::string_view text);

}  // namespace peercron
