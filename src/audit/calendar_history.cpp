#include "audit/calendar_history.hpp"

#include "model/job_zone.hpp"
#include "schedule/time_zone.hpp"

#include <algorithm>

namespace peercron {

CalendarHistory::CalendarHistory(const std::vector<Calendar>& calendars)
    : calendars_(Calendars::of(calendars))
{
    for (const Calendar& calendar : calendars) {
        changes_.push_back({calendar.name, calendar.set_at});
        if (calendar.ended_at) changes_.push_back({calendar.name, *calendar.ended_at});
    }
}

std::optional<bool> CalendarHistory::was_excluded(const Job& job, WallTime fire,
                                                  const std::string& default_zone,
                                                  std::chrono::milliseconds near) const
{
    const auto zone = find_zone(zone_name(job, default_zone));
    if (!zone || near_change(job, fire, near)) return std::nullopt;
    return calendars_.why_not(job.calendar, fire, **zone).has_value();
}

bool CalendarHistory::near_change(const Job& job, WallTime time,
                                  std::chrono::milliseconds near) const
{
    if (job.calendar.empty()) return false;
    return std::ranges::any_of(changes_, [&](const Change& change) {
        const auto is_it = [&](const std::string& word) {
            return CalendarTerm(word).name == change.name;
        };
        return std::chrono::abs(change.at - time) <= near &&
               std::ranges::any_of(job.calendar, is_it);
    });
}

}  // namespace peercron
