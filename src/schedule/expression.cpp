#include "schedule/expression.hpp"

#include <bit>

namespace peercron {
namespace {

using std::chrono::local_days;
using std::chrono::local_seconds;

constexpr unsigned saturday = 6;
constexpr unsigned sunday = 0;

/// The lowest set bit that is not below `from`; 64 when there is none.
unsigned bit_from(std::uint64_t bits, unsigned from)
{
    if (from >= 64) return 64;
    return static_cast<unsigned>(std::countr_zero(bits >> from << from));
}

/// The weekdays of seven days in a row of which the first is `first`: bit n for the nth of them.
std::uint32_t week_from(std::uint32_t weekdays, unsigned first)
{
    return ((weekdays >> first) | (weekdays << (7 - first))) & 0x7fU;
}

/// The Monday-to-Friday day nearest to `day`, in the same month.
unsigned nearest_workday(unsigned day, unsigned length, unsigned first_weekday)
{
    const unsigned weekday = (first_weekday + day - 1) % 7;
    if (weekday == saturday) return day == 1 ? 3 : day - 1;
    if (weekday == sunday) return day == length ? day - 2 : day + 1;
    return day;
}

/// The days of a month, bits 1 to 31, that the day and weekday fields allow.
std::uint32_t allowed_days(const CronFields& fields, unsigned length, unsigned first_weekday)
{
    const std::uint32_t month = (std::uint32_t{2} << length) - 2;

    std::uint32_t days = fields.days & month;
    for (std::uint32_t rest = fields.days_from_end; rest != 0; rest &= rest - 1) {
        const auto back = static_cast<unsigned>(std::countr_zero(rest));
        if (back < length) days |= std::uint32_t{1} << (length - back);
    }
    for (std::uint32_t rest = fields.nearest_workday; rest != 0; rest &= rest - 1) {
        const auto bit = static_cast<unsigned>(std::countr_zero(rest));
        const unsigned day = bit == 0 ? length : bit;
        if (day <= length) days |= std::uint32_t{1} << nearest_workday(day, length, first_weekday);
    }
    for (std::uint32_t rest = fields.workday_from_end; rest != 0; rest &= rest - 1) {
        const auto back = static_cast<unsigned>(std::countr_zero(rest));
        if (back >= length) continue;
        days |= std::uint32_t{1} << nearest_workday(length - back, length, first_weekday);
    }

    std::uint32_t weekdays = 0;
    for (unsigned week = 0; week < 5; ++week) {
        weekdays |= week_from(fields.nth_weekday[week], first_weekday) << (1 + 7 * week);
    }
    weekdays &= month;
    weekdays |= week_from(fields.last_weekday, (first_weekday + length) % 7) << (length - 6);

    return fields.both_days ? days & weekdays : days | weekdays;
}

int year_from(const CronFields& fields, int from)
{
    auto bit = static_cast<unsigned>(from - Expression::first_year);
    for (unsigned word = bit / 64; word < fields.years.size(); ++word) {
        const unsigned found = bit_from(fields.years[word], bit % 64);
        if (found < 64) return Expression::first_year + static_cast<int>(word * 64 + found);
        bit = 0;
    }
    return Expression::last_year + 1;
}

std::optional<local_days> day_from(const CronFields& fields, local_days from, MonthTable& months)
{
    using namespace std::chrono;
    const year_month_day date(from);
    int y = static_cast<int>(date.year());
    auto m = static_cast<unsigned>(date.month());
    auto d = static_cast<unsigned>(date.day());
    if (fields.every_day) {
        if (y > Expression::last_year) return std::nullopt;
        return from;
    }

    while (y <= Expression::last_year) {
        const int next_year = year_from(fields, y);
        const unsigned next_month =
            next_year == y ? bit_from(fields.months, m) : bit_from(fields.months, 1);
        if (next_year > Expression::last_year) break;
        if (next_month > 12) {
            y = next_year + 1;
            m = d = 1;
            continue;
        }
        if (next_year != y || next_month != m) d = 1;
        y = next_year;
        m = next_month;

        const local_days first(year(y) / month(m) / 1);
        const unsigned length = static_cast<unsigned>((year(y) / month(m) / last).day());
        const unsigned first_weekday = weekday(first).c_encoding();
        const unsigned found = bit_from(months.days(fields, length, first_weekday), d);
        if (found < 64) return first + days(found - 1);
        ++m;
        d = 1;
    }
    return std::nullopt;
}

/// The first time of day that is not before `from`, in seconds; none on this day.
std::optional<unsigned> time_from(const CronFields& fields, unsigned from)
{
    const unsigned hour = from / 3600;
    const unsigned minute = from / 60 % 60;
    const unsigned first_second = bit_from(fields.seconds, 0);
    const unsigned first_time = bit_from(fields.minutes, 0) * 60 + first_second;

    unsigned h = bit_from(fields.hours, hour);
    if (h == hour) {
        const unsigned m = bit_from(fields.minutes, minute);
        if (m == minute) {
            const unsigned s = bit_from(fields.seconds, from % 60);
            if (s < 64) return h * 3600 + m * 60 + s;
        }
        const unsigned next_minute = m == minute ? bit_from(fields.minutes, minute + 1) : m;
        if (next_minute < 64) return h * 3600 + next_minute * 60 + first_second;
        h = bit_from(fields.hours, hour + 1);
    }
    if (h > 23) return std::nullopt;
    return h * 3600 + first_time;
}

}  // namespace

std::uint32_t MonthTable::days(const CronFields& fields, unsigned length, unsigned first_weekday)
{
    const unsigned kind = (length - 28) * 7 + first_weekday;
    const std::uint32_t bit = std::uint32_t{1} << kind;
    if ((known_ & bit) == 0) {
        days_[kind] = allowed_days(fields, length, first_weekday);
        known_ |= bit;
    }
    return days_[kind];
}

std::optional<local_seconds> Expression::first_match(local_seconds from) const
{
    MonthTable months;
    return first_match(from, months);
}

std::optional<local_seconds> Expression::first_match(local_seconds from, MonthTable& months) const
{
    using namespace std::chrono;
    constexpr local_days begin(year(first_year) / 1 / 1);
    constexpr local_days end(year(last_year + 1) / 1 / 1);
    if (from >= end) return std::nullopt;
    if (from < begin) from = begin;

    local_days day = floor<days>(from);
    auto time = time_from(fields_, static_cast<unsigned>((from - day).count()));
    if (!time) day += days(1);
    const auto found = day_from(fields_, day, months);
    if (!found) return std::nullopt;
    if (!time || *found != day) time = time_from(fields_, 0);
    return *found + seconds(*time);
}

std::optional<std::chrono::seconds> Expression::interval() const
{
    if (!fields_.periodic) return std::nullopt;
    return std::chrono::seconds(fields_.seconds);
}

std::optional<std::chrono::sys_seconds> Expression::moment() const
{
    if (!fields_.once) return std::nullopt;
    return std::chrono::sys_seconds(std::chrono::seconds(fields_.seconds));
}

}  // namespace peercron
