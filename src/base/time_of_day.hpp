#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace peercron {

/// Whether the text is a time of the day as "04:00": from 00:00 to 23:59, two digits each.
constexpr bool is_time_of_day(std::string_view text)
{
    constexpr std::string_view form = "00:00";
    if (text.size() != form.size() || text[2] != ':') return false;
    for (const std::size_t at : std::array<std::size_t, 4>{0, 1, 3, 4}) {
        if (text[at] < '0' || text[at] > '9') return false;
    }
    return text.substr(0, 2) < "24" && text[3] < '6';
}

}  // namespace peercron
