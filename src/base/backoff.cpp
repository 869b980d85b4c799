#include "base/backoff.hpp"

#include <algorithm>

namespace peercron {

Backoff::Duration Backoff::next()
{
    std::uniform_int_distribution<Duration::rep> spread(next_.count() / 2, next_.count());
    next_ = std::min(next_ * 2, limit_);
    return Duration(spread(random_));
}

}  // namespace peercron
