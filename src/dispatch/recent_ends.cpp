#include "dispatch/recent_ends.hpp"

#include <algorithm>

namespace peercron {

bool RecentEnds::contains(const RunId& id) const
{
    const auto same_moment = ends_.find(id.scheduled_at);
    return same_moment != ends_.end() && same_moment->second.contains(id);
}

void RecentEnds::forget(const RunId& id)
{
    const auto same_moment = ends_.find(id.scheduled_at);
    if (same_moment != ends_.end()) same_moment->second.erase(id);
}

std::vector<RunId> RecentEnds::after(WallTime time) const
{
    std::vector<RunId> found;
    for (auto moment = ends_.upper_bound(time); moment != ends_.end(); ++moment) {
        found.insert(found.end(), moment->second.begin(), moment->second.end());
    }
    return found;
}

bool RecentEnds::has_after(WallTime time) const
{
    return std::any_of(ends_.upper_bound(time), ends_.end(),
                       [](const auto& moment) { return !moment.second.empty(); });
}

}  // namespace peercron
