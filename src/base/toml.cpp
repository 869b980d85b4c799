#include "base/toml.hpp"

#include "base/deep_key.hpp"

namespace peercron {

toml::table parse_toml(std::string_view text, std::string_view source)
{
    if (const auto line = find_deep_key(text)) {
        const toml::source_position place{static_cast<toml::source_index>(*line), 1};
        throw toml::parse_error("tables, lists and the parts of keys may nest at most 100 deep",
                                place);
    }
    return toml::parse(text, source);
}

}  // namespace peercron
