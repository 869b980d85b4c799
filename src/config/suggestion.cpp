#include "config/suggestion.hpp"

#include "base/nearest.hpp"

#include <string_view>

namespace peercron {
namespace {

std::string_view last_part(std::string_view name)
{
    return name.substr(name.rfind('.') + 1);
}

std::string_view table_of(std::string_view name)
{
    const auto dot = name.rfind('.');
    return dot == name.npos ? std::string_view() : name.substr(0, dot);
}

}  // namespace

std::string suggestion(const std::string& name, const std::vector<std::string>& known)
{
    // The right key in the wrong table: in TOML everything after a [table] belongs to it.
    for (const auto& candidate : known) {
        if (last_part(candidate) != last_part(name)) continue;
        const auto table = table_of(candidate);
        if (table.empty()) return "; '" + candidate + "' belongs above the first [table]";
        return "; did you mean '" + candidate + "', which belongs to [" + std::string(table) + "]?";
    }
    std::vector<std::string> names = known;
    for (const auto& candidate : known) {
        if (const auto table = table_of(candidate); !table.empty()) names.emplace_back(table);
    }
    const auto nearest = nearest_name(name, names);
    return nearest ? "; did you mean '" + *nearest + "'?" : "";
}

}  // namespace peercron
