#pragma once

#include "base/clock.hpp"
#include "model/calendar.hpp"
#include "model/job.hpp"
#include "schedule/calendars.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The calendars that there were, as an audit looks at them. Pure.
class CalendarHistory {
public:
    CalendarHistory() = default;
    explicit CalendarHistory(const std::vector<Calendar>& calendars);

    /// Whether a calendar that the job names was changed within `near` of `time`: of that moment
    /// nothing is sure.
    bool near_change(const Job& job, WallTime time, std::chrono::milliseconds near) const;

    /// Why a fire of the job, as it was then, was excluded; nullopt: it was not.
    std::optional<std::string> why_not(const Job& job, WallTime fire, const TimeZone& zone) const
    {
        return calendars_.why_not(job.calendar, fire, zone);
    }

private:
    struct Change {
        std::string name;
        WallTime at;
    };

    Calendars calendars_;
    std::vector<Change> changes_;
};

}  // namespace peercron
