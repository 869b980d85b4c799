#include "schedule/advice.hpp"

#include <spdlog/fmt/fmt.h>

#include <cctype>
#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr auto a_year = std::chrono::hours(24 * 366);
constexpr std::uint32_t all_hours = (1U << 24U) - 1;

std::string clock_text(local_seconds time)
{
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::hh_mm_ss clock(time - day);
    std::string text = fmt::format("{:02}:{:02}", clock.hours().count(), clock.minutes().count());
    if (clock.seconds() != 0s) text += fmt::format(":{:02}", clock.seconds().count());
    return text;
}

std::string date_text(local_seconds time)
{
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// The first fire from `begin` on and before `end`, on the clock.
std::optional<local_seconds> match_in(const Expression& expression, local_seconds begin,
                                      local_seconds end)
{
    const auto match = expression.first_match(begin);
    if (!match || *match >= end) return std::nullopt;
    return match;
}

std::optional<std::string> at_change(const Expression& expression, const TimeZone::Period& before,
                                     const TimeZone::Period& after)
{
    // As Schedule has it: a country that crosses the date line begins a new calendar.
    const bool new_calendar = std::chrono::abs(after.offset - before.offset) >= 3h;
    const bool elapsed = expression.fields().by_elapsed_time || new_calendar;
    const local_seconds old_clock = before.to_local(after.begin);
    const local_seconds new_clock = after.to_local(after.begin);
    if (old_clock < new_clock) {
        const auto match = match_in(expression, old_clock, new_clock);
        if (!match) return std::nullopt;
        return fmt::format("on {} the clocks skip {} to {}: the fires of that time, such as {}, {}",
                           date_text(*match), clock_text(old_clock), clock_text(new_clock),
                           clock_text(*match),
                           elapsed ? "do not exist"
                                   : fmt::format("come down to one at {}", clock_text(new_clock)));
    }
    const auto match = match_in(expression, new_clock, old_clock);
    if (!match) return std::nullopt;
    return fmt::format(
        "on {} the clocks show {} to {} twice: the fires of that time, such as {}, {}",
        date_text(*match), clock_text(new_clock), clock_text(old_clock), clock_text(*match),
        elapsed ? "come twice" : "come only the first time");
}

/// Whether a field, or an element of one, is H.
bool is_spread(std::string_view expression)
{
    char before = ' ';
    for (const char c : expression) {
        const bool begins = before == ' ' || before == '\t' || before == ',';
        if (begins && (c == 'H' || c == 'h')) return true;
        before = c;
    }
    return false;
}

}  // namespace

std::vector<std::string> advice(std::string_view expression, const Schedule& schedule,
                                sys_seconds from)
{
    const CronFields& fields = schedule.expression().fields();
    if (fields.periodic || fields.once) return {};
    std::vector<std::string> said;
    const auto periods = schedule.zone().periods();
    const bool every_hour = fields.by_elapsed_time && fields.hours == all_hours;
    for (std::size_t i = schedule.zone().index_at(from) + 1;
         !every_hour && i < periods.size() && periods[i].begin <= from + a_year; ++i) {
        const auto sentence = at_change(schedule.expression(), periods[i - 1], periods[i]);
        if (sentence) said.push_back(*sentence);
    }
    if (fields.seconds == 1 && fields.minutes == 1 && !is_spread(expression)) {
        said.emplace_back(
            "it fires at full hours, when many jobs start; H instead of the minute gives each job "
            "a minute of its own");
    }
    return said;
}

}  // namespace peercron
