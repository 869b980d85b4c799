#pragma once

#include "base/result.hpp"
#include "schedule/expression.hpp"
#include "schedule/time_zone.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace peercron {

/// When a job may fire: from `start` on and before `end`, in seconds since the epoch; 0 is open.
struct Window {
    std::int64_t start = 0;
    std::int64_t end = 0;

    bool contains(std::chrono::sys_seconds time) const
    {
        const std::int64_t unix_seconds = time.time_since_epoch().count();
        return (start == 0 || start <= unix_seconds) && (end == 0 || unix_seconds < end);
    }
};

/// The moments at which a job is due: a cron expression in a time zone. An immutable value of 88
/// bytes; it never reads a clock, and any thread may use it.
///
/// Where the zone's offset changes by less than three hours it does as cronie does (cron(8),
/// "Daylight Saving Time and other time changes"; src/cron.c, main() and find_jobs()):
///
/// - An expression whose hour and minute are fixed, that is, neither begins with `*`, fires once
///   right after the gap for all the times that the clocks skipped, and in a repeated hour only the
///   first pass counts.
/// - One whose hour or minute begins with `*` goes by elapsed time: skipped times do not exist,
///   repeated ones fire twice.
///
/// A larger change (a country crosses the date line) is a new calendar: skipped times are lost,
/// repeated ones count again, for all alike.
class Schedule {
public:
    /// `seed` is the job's id, see Expression. Refuses what names no moment in this zone.
    static Result<Schedule> make(std::string_view expression, std::string_view zone,
                                 std::int64_t seed);

    /// The first fire strictly later than `after`; none when the last is past. Allocates nothing.
    std::optional<std::chrono::sys_seconds> next(std::chrono::sys_seconds after) const;

    /// The same within `window`.
    std::optional<std::chrono::sys_seconds> next_in_window(std::chrono::sys_seconds after,
                                                           const Window& window) const;

    const Expression& expression() const { return expression_; }
    const TimeZone& zone() const { return *zone_; }

private:
    Schedule(const Expression& expression, const TimeZone& zone)
        : expression_(expression), zone_(&zone)
    {}

    std::chrono::local_seconds first_local(std::size_t period) const;

    Expression expression_;
    const TimeZone* zone_;
};

static_assert(sizeof(Schedule) == 88, "a million jobs are kept in memory");

}  // namespace peercron
