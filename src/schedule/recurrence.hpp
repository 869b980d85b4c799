#pragma once

#include "schedule/time_zone.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

/// On which days an event begins again (RFC 5545, 3.3.10, as far as read_ical() takes it).
struct Recurrence {
    enum class Frequency : std::uint8_t { daily, weekly, monthly, yearly };

    /// A day of the week; with a place, that one of the month: 4 is the fourth, -1 the last.
    struct Weekday {
        std::chrono::weekday day;
        int place = 0;

        friend bool operator==(const Weekday&, const Weekday&) = default;
    };

    Frequency frequency = Frequency::yearly;
    int interval = 1;
    std::vector<Weekday> by_day;
    std::vector<int> by_month_day;  ///< from the end of the month where it is negative
    std::uint16_t by_month = 0;     ///< bit 1 is January; none = each
    std::chrono::weekday week_start = std::chrono::Monday;

    /// Whether one that begins at `first` for the first time begins on `day`, too.
    bool names(std::chrono::local_days day, std::chrono::local_days first) const;

    friend bool operator==(const Recurrence&, const Recurrence&) = default;
};

/// An event, which may be once or again and again.
struct CalendarEvent {
    std::chrono::local_seconds begin{};  ///< for the first time
    std::chrono::seconds length{0};
    const TimeZone* zone = nullptr;  ///< nullptr: the caller's
    std::optional<Recurrence> recurrence;
    std::optional<std::chrono::local_seconds> until;  ///< it begins no later than this
    std::vector<std::chrono::local_seconds> except;   ///< when it does not begin; in order

    /// Of one that recurs: whether it begins on that day.
    bool begins_on(std::chrono::local_days day) const;
    /// Of one that recurs: whether it goes on at that moment of its zone.
    bool covers(std::chrono::local_seconds time) const;
    /// Of one that recurs: a later moment, until which that stays the same.
    std::chrono::local_seconds same_until(std::chrono::local_seconds time) const;

    friend bool operator==(const CalendarEvent&, const CalendarEvent&) = default;
};

}  // namespace peercron
