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

    /// Whether a fire of the job, as it was then, was excluded. nullopt: that is not sure, since a
    /// calendar that it names was changed within `near` of that moment, or its zone is not known.
    /// @param default_zone of a job without one.
    std::optional<bool> was_excluded(const Job& job, WallTime fire, const std::string& default_zone,
                                     std::chrono::milliseconds near) const;

private:
    struct Change {
        std::string name;
        WallTime at;
    };

    bool near_change(const Job& job, WallTime time, std::chrono::milliseconds near) const;

    Calendars calendars_;
    std::vector<Change> changes_;
};

}  // namespace peercron
