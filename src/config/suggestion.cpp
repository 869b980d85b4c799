#include "config/suggestion.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
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

/// Levenshtein's distance: how many letters differ.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
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
    std::string nearest;
    std::size_t least = 1 + std::max<std::size_t>(2, name.size() / 4);
    for (const auto& candidate : names) {
        const auto letters = distance(name, candidate);
        if (letters < least) {
            least = letters;
            nearest = candidate;
        }
    }
    return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

}  // namespace peercron
