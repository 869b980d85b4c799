#include "schedule/quote.hpp"

#include <algorithm>

namespace peercron {

std::string quote(std::string_view text)
{
    constexpr std::size_t limit = 80;
    const bool cut = text.size() > limit;
    std::string quoted = "'";
    quoted += text.substr(0, limit);
    const auto unprintable = [](char c) { return c < ' ' || c > '~'; };
    std::replace_if(quoted.begin(), quoted.end(), unprintable, '?');
    quoted += cut ? "...'" : "'";
    return quoted;
}

}  // namespace peercron
