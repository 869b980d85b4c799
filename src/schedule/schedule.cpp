#include "schedule/schedule.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

/// An offset that changes by this much is not daylight saving time.
constexpr seconds new_calendar = 3h;

/// Local time and UTC are never further apart (crossing the date line included).
constexpr seconds widest_offset = 26h;

std::optional<sys_seconds> next_multiple(seconds interval, sys_seconds after)
{
    if (after < TimeZone::begin) after = TimeZone::begin;
    if (after >= TimeZone::end) return std::nullopt;
    const std::int64_t count = interval.count();
    const std::int64_t now = after.time_since_epoch().count();
    const std::int64_t past = ((now % count) + count) % count;
    return after + seconds(count - past);
}

}  // namespace

Result<Schedule> Schedule::make(std::string_view expression, std::string_view zone,
                                std::int64_t seed)
{
    const auto parsed = Expression::parse(expression, seed);
    if (!parsed) return parsed.error();
    const auto found = find_zone(zone);
    if (!found) return found.error();
    const Schedule schedule(*parsed, **found);
    if (parsed->moment()) return schedule;
    if (!schedule.next(TimeZone::begin)) {
        return Error{
            fmt::format("'{}' can never fire in {}: its times are always skipped by the "
                        "change to daylight saving time",
                        expression, zone)};
    }
    return schedule;
}

/// The first local time that counts in this period. What lies before it belongs to the period
/// before; what lies before it on the clocks of this one is not to be repeated.
local_seconds Schedule::first_local(std::size_t period) const
{
    const auto periods = zone_->periods();
    const TimeZone::Period& here = periods[period];
    if (period == 0 || expression_.fields().by_elapsed_time) return here.to_local(here.begin);
    const TimeZone::Period& before = periods[period - 1];
    const seconds shift = here.offset - before.offset;
    if (std::chrono::abs(shift) >= new_calendar) return here.to_local(here.begin);
    return before.to_local(here.begin);
}

std::optional<sys_seconds> Schedule::next(sys_seconds after) const
{
    if (const auto interval = expression_.interval()) return next_multiple(*interval, after);
    if (const auto moment = expression_.moment()) {
        return after < *moment ? moment : std::nullopt;
    }

    if (after >= TimeZone::end) return std::nullopt;
    const sys_seconds earliest = std::max(after, TimeZone::begin) + 1s;

    const auto periods = zone_->periods();
    std::size_t at = zone_->index_at(earliest);
    local_seconds from = first_local(at);
    if (earliest != periods[at].begin) from = std::max(from, periods[at].to_local(earliest));

    MonthTable months;
    auto match = expression_.first_match(from, months);
    while (match) {
        const TimeZone::Period& here = periods[at];
        // A skipped time lies before the period's begin and fires there.
        if (*match < here.to_local(here.end)) return std::max(here.begin, here.to_sys(*match));

        if (++at == periods.size()) return std::nullopt;
        local_seconds begin = first_local(at);
        if (begin >= from) {
            // No clock shows a time before `from` again, so nothing can be due before the match.
            at = std::max(at,
                          zone_->index_at(sys_seconds(match->time_since_epoch() - widest_offset)));
            begin = first_local(at);
        }
        if (begin < from || begin > *match) {
            from = begin;
            match = expression_.first_match(from, months);
        }
    }
    return std::nullopt;
}

std::optional<sys_seconds> Schedule::next_in_window(sys_seconds after, const Window& window) const
{
    const sys_seconds start{seconds(window.start)};
    if (window.start != 0 && start > after) after = start - 1s;
    const auto fire = next(after);
    if (!fire || !window.contains(*fire)) return std::nullopt;
    return fire;
}

}  // namespace peercron
