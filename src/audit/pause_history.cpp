#include "audit/pause_history.hpp"

#include <algorithm>

namespace peercron {
namespace {

/// When it was over: when it was to end, or earlier when somebody said so.
WallTime end_of(const Pause& pause)
{
    return std::min(pause.until.value_or(WallTime::max()),
                    pause.ended_at.value_or(WallTime::max()));
}

}  // namespace

bool PauseHistory::may_cover(const Job& job, WallTime time, std::chrono::milliseconds near) const
{
    return std::ranges::any_of(pauses_, [&](const Pause& pause) {
        return is_about(pause, job) && pause.begins_at <= time + near &&
               time - near <= end_of(pause);
    });
}

const Pause* PauseHistory::find(const Job& job, WallTime time,
                                std::chrono::milliseconds inside) const
{
    const auto found = std::ranges::find_if(pauses_, [&](const Pause& pause) {
        return is_about(pause, job) && pause.begins_at < time - inside &&
               time + inside < end_of(pause);
    });
    return found == pauses_.end() ? nullptr : &*found;
}

WallTime PauseHistory::over_from(const Job& job, WallTime time) const
{
    // In the order of their ids one may go on where a later one ends.
    for (bool moved = true; moved;) {
        moved = false;
        for (const Pause& pause : pauses_) {
            const bool covers = pause.begins_at <= time && time < end_of(pause);
            if (!covers || !is_about(pause, job)) continue;
            time = end_of(pause);
            moved = true;
        }
    }
    return time;
}

}  // namespace peercron
