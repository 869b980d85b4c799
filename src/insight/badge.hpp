#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// A picture (SVG) with a name on the left and a word on coloured ground on the right, as such are
/// put into web pages. @param colour as CSS has it. Texts are escaped, and cut at 60 characters.
std::string badge(std::string_view name, std::string_view word, std::string_view colour);

}  // namespace peercron
