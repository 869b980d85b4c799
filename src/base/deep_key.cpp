#include "base/deep_key.hpp"

#include <algorithm>

namespace peercron {

std::optional<std::size_t> find_deep_key(std::string_view toml)
{
    constexpr std::ptrdiff_t most_parts = 100;
    for (std::size_t line = 1; !toml.empty(); ++line) {
        const std::string_view text = toml.substr(0, toml.find('\n'));
        const std::string_view key = text.substr(0, text.find_first_of("=#\"'"));
        if (std::ranges::count(key, '.') >= most_parts) return line;
        toml.remove_prefix(std::min(text.size() + 1, toml.size()));
    }
    return std::nullopt;
}

}  // namespace peercron
