#pragma once

#include "base/clock.hpp"
#include "schedule/calendar_days.hpp"
#include "schedule/schedule.hpp"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// About ten years: further ahead nothing is looked for that calendars do not exclude.
inline constexpr std::chrono::days furthest_open{3660};

/// The calendars that are always there: Monday to Friday, and Saturday and Sunday.
inline constexpr std::array<std::string_view, 2> built_in_calendars{"weekends", "workdays"};
bool is_built_in_calendar(std::string_view name);
/// What such a one says: see CalendarDays::parse().
std::string_view built_in_dates(std::string_view name);

/// The calendars that there are, and were: what each said from when to when. Immutable but for
/// add(); any thread may read it. It never reads a clock.
///
/// A job names some, each perhaps with ! before it. Its fire is excluded unless the calendars, as
/// they were at its moment, cover the moment, and those with ! do not. What a calendar says that
/// there was not then, or whose text cannot be read, covers nothing.
class Calendars {
public:
    /// Only the built-in ones.
    Calendars();

    /// Of rows with the members name, set_at, end(), dates and ical.
    template <class Rows>
    static Calendars of(const Rows& rows)
    {
        Calendars calendars;
        for (const auto& row : rows) {
            calendars.add(row.name, row.set_at, row.end(), row.dates, row.ical);
        }
        return calendars;
    }

    /// It says that from `begin` on and before `end`; nothing, if a node with another clock has
    /// ended it before it began.
    void add(const std::string& name, WallTime begin, WallTime end, std::string_view dates,
             std::string_view ical);

    /// Whether there is a calendar of that name at that moment.
    bool has(std::string_view name, WallTime at) const;

    /// Whether `other` says the same of the calendar of that name, at all times.
    bool agrees(const Calendars& other, std::string_view name) const;

    bool covers(std::string_view name, WallTime time, const TimeZone& zone) const;
    /// A moment after `time`, until which that stays the same.
    WallTime same_until(std::string_view name, WallTime time, const TimeZone& zone) const;

    /// Why a fire of that moment is excluded, in words: "not in workdays", "in freeze"; nullopt: it
    /// is not.
    std::optional<std::string> why_not(std::span<const std::string> terms, WallTime time,
                                       const TimeZone& zone) const;

    /// The first moment at or after `time` at which nothing is excluded; nullopt: there is none
    /// before `latest`.
    std::optional<WallTime> next_open(std::span<const std::string> terms, WallTime time,
                                      WallTime latest, const TimeZone& zone) const;
    /// The moment after `time`, and no later than `latest`, at which what is excluded may change.
    WallTime next_change(std::span<const std::string> terms, WallTime time, WallTime latest,
                         const TimeZone& zone) const;

    /// Since when nothing is excluded, if that is so at `time` and was not at some moment since
    /// `earliest`; nullopt: it is excluded now, or was not since then.
    std::optional<WallTime> open_since(std::span<const std::string> terms, WallTime earliest,
                                       WallTime time, const TimeZone& zone) const;

    /// The first fire of the schedule after `after` that is not excluded; nullopt: there is none
    /// before `latest`.
    std::optional<std::chrono::sys_seconds> next_fire(const Schedule& schedule,
                                                      const Window& window,
                                                      std::span<const std::string> terms,
                                                      std::chrono::sys_seconds after,
                                                      std::chrono::sys_seconds latest) const;

    /// The parts of the window, from `from` on and before `to`, in which nothing is excluded; all
    /// of it without terms.
    std::vector<Window> open_windows(const Window& window, std::span<const std::string> terms,
                                     std::chrono::sys_seconds from, std::chrono::sys_seconds to,
                                     const TimeZone& zone) const;

private:
    struct Version {
        WallTime begin{};
        WallTime end{};
        std::shared_ptr<const CalendarDays> days;

        friend bool operator==(const Version& one, const Version& other)
        {
            return one.begin == other.begin && one.end == other.end && *one.days == *other.days;
        }
    };

    const Version* version_at(std::string_view name, WallTime time) const;

    std::map<std::string, std::vector<Version>, std::less<>> versions_;  ///< ascending by begin
};

/// The fires that a job has: those of a schedule, without those that calendars exclude.
struct OpenFires {
    const Schedule* schedule = nullptr;  ///< nullptr: there are none
    Window window = {};
    const Calendars* calendars = nullptr;  ///< nullptr: nothing is excluded
    std::span<const std::string> terms = {};

    /// The first one after `after`, if that is before `latest`.
    std::optional<std::chrono::sys_seconds> next(std::chrono::sys_seconds after,
                                                 std::chrono::sys_seconds latest) const;
};

/// As Job::calendar has it: "freeze", or "!freeze".
struct CalendarTerm {
    explicit CalendarTerm(std::string_view word)
        : is_excluded(word.starts_with('!')), name(word.substr(is_excluded ? 1 : 0))
    {}

    bool is_excluded;
    std::string_view name;
};

}  // namespace peercron
