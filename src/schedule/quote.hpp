#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// What somebody typed, fit for a message: in single quotes, of bounded length, and plain ASCII
/// whatever the bytes were.
std::string quote(std::string_view text);

}  // namespace peercron
