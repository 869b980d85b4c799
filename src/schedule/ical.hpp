#pragma once

#include "base/result.hpp"
#include "schedule/recurrence.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace peercron {

/// Reads the events of an iCalendar text (RFC 5545): when they begin and end, and nothing else of
/// them. Those that are cancelled are left out.
///
/// What would change the times and is not supported is refused with its line: RRULE with a FREQ
/// below DAILY, BYSETPOS, BYWEEKNO, BYYEARDAY or a time of the day, with BYDAY or BYMONTHDAY of a
/// year without BYMONTH; RDATE, EXRULE, RECURRENCE-ID; tasks and journals; zones that are not IANA
/// names (a VTIMEZONE is not read); a DTSTART on a day that its RRULE does not name.
Result<std::vector<CalendarEvent>> read_ical(std::string_view text);

/// The most events of a text, and how many of them may recur, each at most this long.
inline constexpr std::size_t most_ical_events = 5000;
inline constexpr std::size_t most_recurring_events = 500;
inline constexpr std::chrono::days longest_recurring_event{31};

}  // namespace peercron
