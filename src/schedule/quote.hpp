#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// A text from outside, made fit for a message: in single quotes, of limited length, in plain
/// ASCII.
std::string quote(std::string_view text);

}  // namespace peercron
