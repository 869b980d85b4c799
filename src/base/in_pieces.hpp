#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace peercron {

/// Calls `use` with the elements of `all` in order, `at_once` of them each time and the rest at the
/// end; never when there are none.
template <class Element, class Use>
void in_pieces(std::span<const Element> all, std::size_t at_once, const Use& use)
{
    for (auto rest = all; !rest.empty();) {
        const auto some = rest.first(std::min(rest.size(), at_once));
        rest = rest.subspan(some.size());
        use(some);
    }
}

}  // namespace peercron
