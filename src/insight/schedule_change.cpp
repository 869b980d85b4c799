#include "insight/schedule_change.hpp"

#include <optional>

namespace peercron {

ScheduleChange compare(const OpenFires& before, const OpenFires& after,
                       std::chrono::sys_seconds from, std::chrono::sys_seconds to)
{
    constexpr std::size_t most_shown = 100;
    constexpr std::int64_t most_counted = 100'000;
    ScheduleChange change;
    change.counted_to = to;
    auto old_fire = before.next(from, to);
    auto new_fire = after.next(from, to);
    while (old_fire || new_fire) {
        if (change.stay_total + change.come_total + change.go_total >= most_counted) {
            change.counted_to =
                !new_fire || (old_fire && *old_fire < *new_fire) ? *old_fire : *new_fire;
            break;
        }
        if (old_fire == new_fire) {
            ++change.stay_total;
            old_fire = before.next(*old_fire, to);
            new_fire = after.next(*new_fire, to);
        } else if (!old_fire || (new_fire && *new_fire < *old_fire)) {
            ++change.come_total;
            if (change.come.size() < most_shown) change.come.push_back(*new_fire);
            new_fire = after.next(*new_fire, to);
        } else {
            ++change.go_total;
            if (change.go.size() < most_shown) change.go.push_back(*old_fire);
            old_fire = before.next(*old_fire, to);
        }
    }
    return change;
}

}  // namespace peercron
