#pragma once

#include "base/result.hpp"
#include "schedule/recurrence.hpp"
#include "schedule/time_zone.hpp"

#include <bitset>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The times that a calendar names: days, ranges and days of the week as a person types them, and
/// the events of an iCalendar text.
///
/// A day, and a time without a zone, is meant in the caller's time zone; an event that names a zone
/// is at the same moment for all. A repeated hour counts twice, a skipped one not at all. Immutable
/// after construction, so that any thread may read it. It never reads a clock.
class CalendarDays {
public:
    /// Covers nothing.
    CalendarDays() = default;

    /// The most of either text, in bytes.
    static constexpr std::size_t longest_dates = 32'768;
    static constexpr std::size_t longest_ical = 262'144;

    /// Reads both, either of which may be empty. `dates` is a list, by commas and line breaks, of
    ///  - a day, 2026-12-24, or a range of them, 2026-12-24..2027-01-02, with its last day;
    ///  - a range of times, 2026-12-24T18:00..2026-12-27T06:00, which the last is not of;
    ///  - a day or a range of each year: 12-25, 12-24..01-02;
    ///  - a day of the week or a range of them: fri, mon..fri;
    /// from # on a line is a comment. `ical`: see read_ical(). An error names the line.
    static Result<CalendarDays> parse(std::string_view dates, std::string_view ical);

    bool covers(std::chrono::sys_seconds time, const TimeZone& zone) const;

    /// A moment after `time`, until which covers() stays the same: the next change, or an earlier
    /// one.
    std::chrono::sys_seconds same_until(std::chrono::sys_seconds time, const TimeZone& zone) const;

    /// How many events the iCalendar text has.
    std::size_t events() const { return events_; }

    /// Whether both name the same times, in the same way.
    friend bool operator==(const CalendarDays&, const CalendarDays&) = default;

private:
    friend class DatesParser;

    template <class Time>
    struct Span {
        Time begin;
        Time end;

        friend bool operator==(const Span&, const Span&) = default;
    };
    template <class Time>
    using Spans = std::vector<Span<Time>>;

    /// A range of each year; past the year's end when the second day is before the first one.
    using YearlyDays = std::pair<std::chrono::month_day, std::chrono::month_day>;

    void add(const CalendarEvent& event);
    void sort();

    std::bitset<7> weekdays_;  ///< from Sunday on, as weekday::c_encoding() counts
    std::vector<YearlyDays> yearly_;
    Spans<std::chrono::local_seconds> local_;  ///< in order, and apart from each other
    Spans<std::chrono::sys_seconds> absolute_;
    std::vector<CalendarEvent> recurring_;
    std::size_t events_ = 0;
};

}  // namespace peercron
