#include "dispatch/told_ends.hpp"

#include <chrono>
#include <utility>

namespace peercron {

void ToldEnds::add(const RunReport& end)
{
    RunReport& known = ends_[end.id];
    known = end;
    // A node of an older version leaves it to the reader.
    const bool is_known = end.use_time != std::chrono::milliseconds(0);
    if (!is_known && end.started_at && end.ended_at)
        known.use_time = *end.ended_at - *end.started_at;
}

std::optional<RunReport> ToldEnds::take(const RunId& run)
{
    auto found = ends_.extract(run);
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
}

void ToldEnds::keep(const std::function<bool(const RunId&)>& is_needed)
{
    std::erase_if(ends_, [&](const auto& end) { return !is_needed(end.first); });
}

}  // namespace peercron
