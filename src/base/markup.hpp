#pragma once

#include <string>
#include <string_view>

namespace peercron {

/// A text as the content or a quoted attribute of XML or HTML; control characters become spaces.
std::string escape_markup(std::string_view text);

}  // namespace peercron
