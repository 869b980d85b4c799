#pragma once

#include <functional>
#include <string>

namespace peercron {

/// The whole of a file; "-" is standard input. Throws Failure usage, with the reason.
std::string read_input(const std::string& file);

/// Something that does the same.
using ReadFile = std::function<std::string(const std::string& file)>;

}  // namespace peercron
