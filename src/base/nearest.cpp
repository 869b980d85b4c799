#include "base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// How many letters differ, two that changed places as one: optimal string alignment.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> last(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    std::vector<std::size_t> before_last;
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({row[j - 1] + 1, last[j] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = std::exchange(last, row);
    }
    return last.back();
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> known)
{
    // Longer ones are no slip of a finger, and the work grows with the square.
    constexpr std::size_t longest = 256;
    if (name.size() > longest) return std::nullopt;
    std::optional<std::string> nearest;
    std::size_t least = 1 + (name.size() <= 4 ? 1 : std::max<std::size_t>(2, name.size() / 4));
    for (const std::string& candidate : known) {
        if (candidate.size() > longest) continue;
        const std::size_t letters = distance(name, candidate);
        // A name of two letters is not like every other one.
        if (letters >= least || letters >= std::max(name.size(), candidate.size())) continue;
        least = letters;
        nearest = candidate;
    }
    return nearest;
}

}  // namespace peercron
