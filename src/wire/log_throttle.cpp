#include "wire/log_throttle.hpp"

#include <utility>

namespace peercron {

std::optional<std::size_t> LogThrottle::admit(SteadyTime now)
{
    if (now >= period_end_) {
        period_end_ = now + period_;
        written_ = 0;
    }
    if (written_ >= lines_) {
        ++left_out_;
        return std::nullopt;
    }
    ++written_;
    return std::exchange(left_out_, 0);
}

}  // namespace peercron
