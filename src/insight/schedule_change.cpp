#include "insight/schedule_change.hpp"

#include <optional>

namespace peercron {

ScheduleChange compare(const PlannedSchedule& before, const PlannedSchedule& after,
                       std::chrono::sys_seconds from, std::chrono::sys_seconds to)
{
    constexpr std::size_t most_shown = 100;
    constexpr std::int64_t most_counted = 100'000;
    const auto next = [to](const PlannedSchedule& plan, std::chrono::sys_seconds time) {
        std::optional<std::chrono::sys_seconds> fire;
        if (plan.schedule != nullptr) fire = plan.schedule->next_in_window(time, plan.window);
        if (fire && *fire >= to) fire.reset();
        return fire;
    };
    ScheduleChange change;
    change.counted_to = to;
    auto old_fire = next(before, from);
    auto new_fire = next(after, from);
    while (old_fire || new_fire) {
        if (change.stay_total + change.come_total + change.go_total >= most_counted) {
            change.counted_to =
                !new_fire || (old_fire && *old_fire < *new_fire) ? *old_fire : *new_fire;
            break;
        }
        if (old_fire == new_fire) {
            ++change.stay_total;
            old_fire = next(before, *old_fire);
            new_fire = next(after, *new_fire);
        } else if (!old_fire || (new_fire && *new_fire < *old_fire)) {
            ++change.come_total;
            if (change.come.size() < most_shown) change.come.push_back(*new_fire);
            new_fire = next(after, *new_fire);
        } else {
            ++change.go_total;
            if (change.go.size() < most_shown) change.go.push_back(*old_fire);
            old_fire = next(before, *old_fire);
        }
    }
    return change;
}

}  // namespace peercron
