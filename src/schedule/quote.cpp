#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

std::string quote(std::string_view text)
{
    constexpr std::size_t limit = 80;
    const bool cut = text.size() > limit;
    std::string quoted = "'";
    for (const char c : text.substr(0, limit)) {
        if (c >= ' ' && c <= '~') {
            quoted += c;
        } else {
            quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    quoted += cut ? "...'" : "'";
    return quoted;
}

}  // namespace peercron
