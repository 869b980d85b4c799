#include "cli/moments.hpp"

#include "schedule/quote.hpp"
#include "schedule/rfc3339.hpp"
#include "schedule/time_zone.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>

namespace peercron {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

struct Unit {
    char name;
    std::int64_t seconds;
};

constexpr std::array<Unit, 4> units{{{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr std::int64_t longest = 100LL * 366 * 86'400;  // nobody means more than a century
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31T23:59:59Z

std::optional<std::int64_t> whole_number(std::string_view text)
{
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end || number < 0) return std::nullopt;
    return number;
}

/// A day's name and the days from today; a clock time may follow it.
struct NamedDay {
    std::string_view name;
    int days;
};

constexpr std::array<NamedDay, 3> named_days{{{"yesterday", -1}, {"today", 0}, {"tomorrow", 1}}};

struct NamedUnit {
    std::string_view name;
    std::int64_t seconds;
};

constexpr std::array<NamedUnit, 7> named_units{{{"second", 1},
                                                {"sec", 1},
                                                {"minute", 60},
                                                {"min", 60},
                                                {"hour", 3'600},
                                                {"day", 86'400},
                                                {"week", 7 * 86'400}}};

/// "13:00", "8:05:30".
std::optional<seconds> read_clock(const std::string& text)
{
    for (const char* const format : {"%H:%M:%S", "%H:%M"}) {
        std::tm fields{};
        const char* const rest = ::strptime(text.c_str(), format, &fields);
        if (rest == nullptr || *rest != '\0') continue;
        return seconds(fields.tm_hour * 3600 + fields.tm_min * 60 + fields.tm_sec);
    }
    return std::nullopt;
}

/// What this machine's clock shows at `clock` so many days from the day of `now`.
std::optional<sys_seconds> on_day(sys_seconds now, int days, seconds clock)
{
    const std::time_t unix_time = now.time_since_epoch().count();
    std::tm fields{};
    if (::localtime_r(&unix_time, &fields) == nullptr) return std::nullopt;
    fields.tm_mday += days;
    fields.tm_hour = static_cast<int>(clock.count() / 3600);
    fields.tm_min = static_cast<int>(clock.count() / 60 % 60);
    fields.tm_sec = static_cast<int>(clock.count() % 60);
    fields.tm_isdst = -1;
    return sys_seconds(seconds(std::mktime(&fields)));
}

/// The first moment after `time` at which this machine's clock shows `clock`.
std::optional<sys_seconds> next_at(seconds clock, sys_seconds time)
{
    const auto same_day = on_day(time, 0, clock);
    return same_day && *same_day <= time ? on_day(time, 1, clock) : same_day;
}

/// The last one at `time` or before.
std::optional<sys_seconds> last_at(seconds clock, sys_seconds time)
{
    const auto same_day = on_day(time, 0, clock);
    return same_day && *same_day > time ? on_day(time, -1, clock) : same_day;
}

/// `read` unless it does not come after `begin`.
std::optional<sys_seconds> end_at(seconds clock, std::optional<sys_seconds> read,
                                  std::optional<sys_seconds> begin)
{
    return read && begin && *read <= *begin ? next_at(clock, *begin) : read;
}

/// "yesterday", "today 08:00".
std::optional<sys_seconds> read_named_day(const std::string& text, sys_seconds now)
{
    for (const NamedDay& day : named_days) {
        if (!text.starts_with(day.name)) continue;
        if (text.size() == day.name.size()) return on_day(now, day.days, seconds(0));
        if (text[day.name.size()] != ' ') continue;
        const auto clock = read_clock(text.substr(day.name.size() + 1));
        if (clock) return on_day(now, day.days, *clock);
    }
    return std::nullopt;
}

/// "2 hours ago", "15m ago", "1 day ago".
std::optional<seconds> read_ago(std::string_view text)
{
    constexpr std::string_view ending = " ago";
    if (!text.ends_with(ending)) return std::nullopt;
    text.remove_suffix(ending.size());
    if (text.find(' ') == std::string_view::npos && !whole_number(text)) {
        const auto duration = read_duration(text);
        if (duration) return *duration;
        return std::nullopt;
    }
    const auto blank = text.find(' ');
    const auto number = whole_number(text.substr(0, blank));
    if (!number || blank == std::string_view::npos || *number > longest) return std::nullopt;
    std::string_view unit = text.substr(blank + 1);
    if (unit.ends_with('s') && unit.size() > 1) unit.remove_suffix(1);
    for (const NamedUnit& named : named_units) {
        if (named.name != unit || *number > longest / named.seconds) continue;
        return seconds(*number * named.seconds);
    }
    return std::nullopt;
}

/// "2027-01-01[ T]08:00[:30]" on this machine's clock; the first of the two in a repeated hour, and
/// the moment after the gap in a skipped one, as mktime(3) has it.
std::optional<sys_seconds> read_local(const std::string& text)
{
    for (const char* const format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                     "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
        std::tm fields{};
        const char* const rest = ::strptime(text.c_str(), format, &fields);
        if (rest == nullptr || *rest != '\0') continue;
        const std::tm given = fields;
        fields.tm_isdst = -1;
        const std::time_t time = std::mktime(&fields);
        if (time < 0 || fields.tm_mday != given.tm_mday) return std::nullopt;  // February 30
        return sys_seconds(seconds(time));
    }
    return std::nullopt;
}

}  // namespace

Result<seconds> read_duration(std::string_view text)
{
    const Error refused{quote(text) +
                        " is not a duration; use 90 (seconds), 90s, 15m, 1h30m or 2d"};
    if (const auto bare = whole_number(text)) {
        if (*bare > longest) return refused;
        return seconds(*bare);
    }
    std::int64_t sum = 0;
    std::size_t next_unit = 0;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
        const auto number = whole_number(rest.substr(0, digits));
        if (!number || digits == rest.size() || *number > longest) return refused;
        std::size_t unit = next_unit;
        while (unit < units.size() && units[unit].name != rest[digits]) ++unit;
        if (unit == units.size()) return refused;
        sum += *number * units[unit].seconds;
        if (sum > longest) return refused;
        next_unit = unit + 1;
        rest.remove_prefix(digits + 1);
    }
    if (text.empty()) return refused;
    return seconds(sum);
}

Result<sys_seconds> read_moment(std::string_view text, sys_seconds now,
                                std::optional<sys_seconds> begin)
{
    if (text == "now") return now;
    if (const auto unix_seconds = whole_number(text)) {
        if (*unix_seconds <= last_second) return sys_seconds(seconds(*unix_seconds));
    } else if (const auto local = read_local(std::string(text))) {
        return *local;
    } else if (const auto moment = parse_rfc3339(text)) {
        return *moment;
    } else if (const auto day = read_named_day(std::string(text), now)) {
        return *day;
    } else if (const auto clock = read_clock(std::string(text))) {
        if (const auto next = end_at(*clock, next_at(*clock, now), begin)) return *next;
    }
    return Error{"cannot read the time " + quote(text) +
                 "; use 2027-01-01T00:00:00Z, Unix seconds, now, or the local 2027-01-01, "
                 "'2027-01-01 08:00', 08:00, yesterday, today, tomorrow or 'today 08:00'"};
}

Result<sys_seconds> read_past(std::string_view text, sys_seconds now,
                              std::optional<sys_seconds> begin)
{
    if (!text.empty() && !whole_number(text)) {
        if (const auto ago = read_duration(text)) return now - *ago;
        if (const auto ago = read_ago(text)) return now - *ago;
        if (const auto clock = read_clock(std::string(text))) {
            if (const auto last = end_at(*clock, last_at(*clock, now), begin)) return *last;
        }
    }
    auto moment = read_moment(text, now, begin);
    if (!moment) {
        return Error{moment.error().message + "; or a time ago: 90s, 15m, 2d, '2 hours ago'"};
    }
    return moment;
}

std::string local_time_text(std::optional<WallTime> time)
{
    if (!time) return {};
    const auto whole = std::chrono::floor<seconds>(*time);
    const std::time_t unix_time = whole.time_since_epoch().count();
    std::tm fields{};
    if (::localtime_r(&unix_time, &fields) == nullptr) return {};
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", fields.tm_year + 1900,
                       fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min,
                       fields.tm_sec);
}

std::string time_text_in(std::string_view zone, std::optional<WallTime> time)
{
    const auto known = zone.empty() ? Result<const TimeZone*>(Error{}) : find_zone(zone);
    if (!time || !known) return local_time_text(time);
    const auto whole = std::chrono::floor<seconds>(*time);
    // "2026-11-21T08:00:00+01:00"
    std::string text = format_rfc3339(whole, (*known)->offset_at(whole));
    text[text.find('T')] = ' ';
    return text.insert(text.size() - 6, " ");
}

std::string utc_text(sys_seconds time)
{
    const std::time_t unix_time = time.time_since_epoch().count();
    std::tm fields{};
    if (::gmtime_r(&unix_time, &fields) == nullptr) return {};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", fields.tm_year + 1900,
                       fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min,
                       fields.tm_sec);
}

std::string elapsed_text(std::chrono::milliseconds time)
{
    const std::int64_t millis = time.count();
    const std::int64_t whole = millis / 1000;
    if (millis < 1000) return fmt::format("{}ms", millis);
    if (whole < 10) return fmt::format("{}.{:02}s", whole, millis % 1000 / 10);
    if (whole < 60) return fmt::format("{}.{}s", whole, millis % 1000 / 100);
    if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
    return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string duration_text(seconds time)
{
    if (time.count() == 0) return "0s";
    std::string text;
    std::int64_t rest = time.count();
    for (const Unit& unit : units) {
        if (rest >= unit.seconds) text += fmt::format("{}{}", rest / unit.seconds, unit.name);
        rest %= unit.seconds;
    }
    return text;
}

}  // namespace peercron
