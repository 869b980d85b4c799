#include "schedule/advice.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

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
        return fmt::format(
            "on {} the clocks skip {} to {}: the fires of that time, such as {}, {}",
            date_text(*match), clock_text(old_clock), clock_text(new_clock), clock_text(*match),
            elapsed ? "do not exist" : fmt::format("become one at {}", clock_text(new_clock)));
    }
    const auto match = match_in(expression, new_clock, old_clock);
    if (!match) return std::nullopt;
    return fmt::format(
        "on {} the clocks show {} to {} twice: the fires of that time, such as {}, {}",
        date_text(*match), clock_text(new_clock), clock_text(old_clock), clock_text(*match),
        elapsed ? "happen twice" : "happen only the first time");
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

std::vector<std::string_view> words_of(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\n";
    std::vector<std::string_view> words;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        if (text.empty()) return words;
        words.push_back(text.substr(0, text.find_first_of(blanks)));
        text.remove_prefix(words.back().size());
    }
}

/// A weekday field with names for its numbers, of which `first` is Sunday's; "" when it has no
/// such numbers.
std::string named_weekdays(std::string_view field, int first)
{
    constexpr std::array<std::string_view, 7> names{"SUN", "MON", "TUE", "WED",
                                                    "THU", "FRI", "SAT"};
    std::string named;
    bool any = false;
    char before = ',';
    for (const char c : field) {
        const bool is_digit = c >= '0' && c <= '9';
        if (is_digit && before != '#' && before != '/') {
            if (c - '0' < first) return {};
            named += names.at(static_cast<std::size_t>((c - '0' - first) % 7));
            any = true;
        } else {
            named += c;
        }
        before = c;
    }
    return any ? named : "";
}

/// Seven fields and ? are how Quartz writes, which counts weekdays from 1.
std::optional<std::string> doubt_of_weekdays(std::string_view expression)
{
    const auto words = words_of(expression);
    const bool has_question_mark = std::ranges::find(words, "?") != words.end();
    if (words.size() != 7 && (words.size() != 6 || !has_question_mark)) return std::nullopt;
    const std::string here = named_weekdays(words[5], 0);
    const std::string quartz = named_weekdays(words[5], 1);
    if (here.empty() || quartz.empty()) return std::nullopt;
    return fmt::format(
        "weekdays count from 0 = SUN, so {} is {}; Quartz counts from 1 = SUN, where it means {}: "
        "names mean the same everywhere",
        words[5], here, quartz);
}

std::optional<std::string> doubt_of_interval(const Schedule& schedule, sys_seconds from)
{
    const auto interval = schedule.expression().interval();
    if (!interval || *interval < 2h) return std::nullopt;
    const auto first = schedule.next(from);
    if (!first) return std::nullopt;
    const TimeZone& zone = schedule.zone();
    const local_seconds clock = zone.periods()[zone.index_at(*first)].to_local(*first);
    const bool within_a_day = seconds(24h) % *interval == 0s;
    if (within_a_day && (clock - std::chrono::floor<std::chrono::days>(clock)) % *interval == 0s) {
        return std::nullopt;
    }
    return fmt::format(
        "intervals count from 1970-01-01T00:00:00Z, not from midnight: the next fire is on {} at "
        "{} in {}; a cron expression such as '0 0 * * *' follows the clock of the zone",
        date_text(clock), clock_text(clock), zone.name());
}

}  // namespace

std::vector<std::string> doubts(std::string_view expression, const Schedule& schedule,
                                sys_seconds from)
{
    std::vector<std::string> said;
    if (auto doubt = doubt_of_weekdays(expression)) said.push_back(std::move(*doubt));
    if (auto doubt = doubt_of_interval(schedule, from)) said.push_back(std::move(*doubt));
    return said;
}

std::vector<std::string> advice(std::string_view expression, const Schedule& schedule,
                                sys_seconds from)
{
    const CronFields& fields = schedule.expression().fields();
    std::vector<std::string> said = doubts(expression, schedule, from);
    if (fields.periodic || fields.once) return said;
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
