#include "cluster/blocking_query.hpp"

#include <algorithm>

namespace peercron {
namespace {

constexpr SteadyTime::duration query_interval = std::chrono::milliseconds(100);
constexpr SteadyTime::duration burst = 20 * query_interval;

}  // namespace

void BlockingIndex::answered(std::optional<std::uint64_t> index)
{
    const std::uint64_t usable = std::max<std::uint64_t>(index.value_or(0), 1);
    next_ = usable < next_ ? 0 : usable;
}

SteadyTime::duration QueryPace::pause(SteadyTime now)
{
    spent_until_ = std::max(spent_until_, now) + query_interval;
    return std::max(spent_until_ - now - burst, SteadyTime::duration::zero());
}

}  // namespace peercron
