#include "fuzzers.hpp"
#include "schedule/calendar_days.hpp"
#include "schedule/time_zone.hpp"

#include <chrono>
#include <string>

namespace peercron::fuzz {

/// Expressions about calendars, and iCalendar texts from elsewhere: the first byte says which of
/// both it is.
void fuzz_calendar(std::string_view bytes)
{
    using namespace std::chrono;
    const bool is_ical = bytes.starts_with('B');
    const auto days = CalendarDays::parse(is_ical ? "" : bytes, is_ical ? bytes : "");
    if (!days) {
        promise(days.error().message.starts_with(is_ical ? "ical: " : "dates: "),
                "an error says where it is");
        return;
    }
    for (const char* name : {"UTC", "Europe/Berlin"}) {
        const TimeZone& zone = *find_zone(name).value();
        sys_seconds at = sys_days(year(2026) / 10 / 20);
        for (int steps = 0; steps < 100; ++steps) {
            const bool covers = days->covers(at, zone);
            const sys_seconds until = days->same_until(at, zone);
            promise(until > at, "what stays the same stays so for a time");
            promise(days->covers(until - seconds(1), zone) == covers, "and until its end");
            at = until;
        }
    }
}

}  // namespace peercron::fuzz
