#include "model/usual.hpp"

#include <algorithm>

namespace peercron {

UsualTime usual_time_of(const JobStatistics& statistics)
{
    constexpr std::chrono::milliseconds shortest{1000};
    constexpr double nearly_none = 0.05;
    UsualTime usual;
    const auto longest = statistics.usual_p95();
    if (statistics.use_time().count() < runs_to_know || !longest) return usual;
    usual.slow_after = std::max(3 * *longest, shortest);
    const std::chrono::milliseconds least(statistics.use_time().quantile(nearly_none).value_or(0));
    if (least >= shortest) usual.fast_before = least / 3;
    return usual;
}

}  // namespace peercron
