#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Whether it is one of the tags, in the same case.
inline bool has_tag(const std::vector<std::string>& tags, std::string_view tag)
{
    return std::ranges::find(tags, tag) != tags.end();
}

}  // namespace peercron
