#include "schedule/zone_prefix.hpp"

#include <algorithm>

namespace peercron {

std::optional<ZonedExpression> split_zone(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    for (const std::string_view prefix : {"CRON_TZ=", "TZ="}) {
        if (!text.starts_with(prefix)) continue;
        text.remove_prefix(prefix.size());
        const auto end = std::min(text.find_first_of(blanks), text.size());
        const auto begin = std::min(text.find_first_not_of(blanks, end), text.size());
        return ZonedExpression{std::string(text.substr(0, end)), std::string(text.substr(begin))};
    }
    return std::nullopt;
}

}  // namespace peercron
