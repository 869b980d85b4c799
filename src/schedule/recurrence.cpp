#include "schedule/recurrence.hpp"

#include <algorithm>

namespace peercron {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::months;
using std::chrono::year_month_day;

int day_of_month(year_month_day date)
{
    return static_cast<int>(unsigned(date.day()));
}

int length_of_month(year_month_day date)
{
    return day_of_month(date.year() / date.month() / std::chrono::last);
}

bool is_weekday(const Recurrence::Weekday& wanted, local_days day, year_month_day date)
{
    if (std::chrono::weekday(day) != wanted.day) return false;
    if (wanted.place == 0) return true;
    const int of_month = day_of_month(date);
    if (wanted.place > 0) return (of_month - 1) / 7 + 1 == wanted.place;
    return (length_of_month(date) - of_month) / 7 + 1 == -wanted.place;
}

bool is_month_day(int wanted, year_month_day date)
{
    const int of_month = day_of_month(date);
    return wanted > 0 ? of_month == wanted : of_month - length_of_month(date) - 1 == wanted;
}

int months_between(year_month_day first, year_month_day later)
{
    return (int(later.year()) - int(first.year())) * 12 +
           static_cast<int>(unsigned(later.month())) - static_cast<int>(unsigned(first.month()));
}

local_days week_of(local_days day, std::chrono::weekday start)
{
    return day - (std::chrono::weekday(day) - start);
}

}  // namespace

bool Recurrence::names(local_days day, local_days first) const
{
    const year_month_day date(day);
    const year_month_day first_date(first);
    if (by_month != 0 && (by_month >> unsigned(date.month()) & 1U) == 0) return false;
    const bool is_of_day = by_day.empty() || std::ranges::any_of(by_day, [&](const auto& wanted) {
                               return is_weekday(wanted, day, date);
                           });
    const bool is_of_month_day =
        by_month_day.empty() ||
        std::ranges::any_of(by_month_day, [&](int wanted) { return is_month_day(wanted, date); });
    if (!is_of_day || !is_of_month_day) return false;
    const bool has_days = !by_day.empty() || !by_month_day.empty();
    switch (frequency) {
        case Frequency::daily:
            return (day - first).count() % interval == 0;
        case Frequency::weekly: {
            const days passed = week_of(day, week_start) - week_of(first, week_start);
            const bool is_day =
                has_days || std::chrono::weekday(day) == std::chrono::weekday(first);
            return is_day && passed.count() / 7 % interval == 0;
        }
        case Frequency::monthly:
            if (!has_days && date.day() != first_date.day()) return false;
            return months_between(first_date, date) % interval == 0;
        case Frequency::yearly:
            if (!has_days && date.day() != first_date.day()) return false;
            if (by_month == 0 && date.month() != first_date.month()) return false;
            return (int(date.year()) - int(first_date.year())) % interval == 0;
    }
    return false;
}

bool CalendarEvent::begins_on(local_days day) const
{
    const local_days first = floor<days>(begin);
    if (day < first) return false;
    const local_seconds at = day + (begin - first);
    if (until && at > *until) return false;
    return recurrence->names(day, first) && !std::ranges::binary_search(except, at);
}

bool CalendarEvent::covers(local_seconds time) const
{
    const auto into_day = begin - floor<days>(begin);
    const local_days last = floor<days>(time - into_day);
    for (local_days day = last; day + into_day + length > time; day -= days(1)) {
        if (begins_on(day)) return true;
    }
    return false;
}

local_seconds CalendarEvent::same_until(local_seconds time) const
{
    const auto into_day = begin - floor<days>(begin);
    // One begins, or would, at this moment of each day, and ends at that one.
    const auto next_after = [&](std::chrono::seconds of_day) {
        return floor<days>(time - of_day) + days(1) + of_day;
    };
    const auto end_of_day = (into_day + length) % days(1);
    return std::min<local_seconds>(next_after(into_day), next_after(end_of_day));
}

}  // namespace peercron
