#include "schedule/calendar_days.hpp"

#include "base/utf8.hpp"
#include "schedule/ical.hpp"
#include "schedule/text_parts.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <string>

namespace peercron {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using std::chrono::year_month_day;

constexpr std::string_view allowed_days =
    "a day such as 2026-12-24, 12-24 or fri, a range such as 2026-12-24..2027-01-02, 12-24..01-02 "
    "or mon..fri, and times such as 2026-12-24T18:00..2026-12-27T06:00 are allowed, of the years "
    "1970 to 2199";

std::string_view trim(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// The moment of an event that is once, in its zone: of two in a repeated hour the first, and in a
/// skipped one its end.
sys_seconds to_sys(local_seconds time, const TimeZone& zone)
{
    for (const TimeZone::Period& period : zone.periods()) {
        if (time < period.to_local(period.end)) return std::max(period.begin, period.to_sys(time));
    }
    return TimeZone::end;
}

/// Sorts them, and joins those that touch.
template <class Spans>
void join(Spans& spans)
{
    std::ranges::sort(spans, {}, [](const auto& span) { return span.begin; });
    Spans joined;
    for (const auto& span : spans) {
        if (!joined.empty() && span.begin <= joined.back().end) {
            joined.back().end = std::max(joined.back().end, span.end);
        } else {
            joined.push_back(span);
        }
    }
    spans = std::move(joined);
}

/// The first span that ends later than `time`.
template <class Spans, class Time>
auto later_span(const Spans& spans, Time time)
{
    return std::ranges::upper_bound(spans, time, {}, [](const auto& span) { return span.end; });
}

template <class Spans, class Time>
bool covers_in(const Spans& spans, Time time)
{
    const auto span = later_span(spans, time);
    return span != spans.end() && span->begin <= time;
}

/// When covers_in() changes after `time`, no later than `latest`.
template <class Spans, class Time>
Time change_after(const Spans& spans, Time time, Time latest)
{
    const auto span = later_span(spans, time);
    if (span == spans.end()) return latest;
    return std::min(latest, span->begin <= time ? span->end : span->begin);
}

}  // namespace

/// Reads CalendarDays::parse()'s `dates`.
class DatesParser {
public:
    explicit DatesParser(CalendarDays& found) : found_(found) {}

    /// Says what is wrong.
    std::optional<std::string> parse(std::string_view text)
    {
        for (std::size_t number = 1; !text.empty(); ++number) {
            const std::size_t end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            line = line.substr(0, line.find('#'));
            while (!line.empty()) {
                const std::size_t comma = line.find(',');
                const std::string_view word = trim(line.substr(0, comma));
                line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
                if (word.empty()) continue;
                if (auto problem = read(word)) {
                    return fmt::format("line {}: given {}; {}", number, quote_utf8(word), *problem);
                }
            }
        }
        return std::nullopt;
    }

private:
    std::optional<std::string> read(std::string_view word)
    {
        const std::size_t dots = word.find("..");
        const bool is_range = dots != std::string_view::npos;
        const std::string_view first = trim(word.substr(0, dots));
        const std::string_view last = is_range ? trim(word.substr(dots + 2)) : first;
        if (const auto from = weekday_named(first, 3)) {
            const auto to = weekday_named(last, 3);
            if (!to) return std::string(allowed_days);
            add_weekdays(*from, *to);
            return std::nullopt;
        }
        if (const auto from = yearly_of(first)) {
            const auto to = yearly_of(last);
            if (!to) return std::string(allowed_days);
            found_.yearly_.emplace_back(*from, *to);
            return std::nullopt;
        }
        const auto from = moment_of(first);
        const auto to = moment_of(last);
        if (!from || !to || (!is_range && !from->is_day)) return std::string(allowed_days);
        const local_seconds end = to->is_day ? to->at + days(1) : to->at;
        if (end <= from->at) return "the end must be after the beginning";
        found_.local_.push_back({from->at, end});
        return std::nullopt;
    }

    void add_weekdays(std::chrono::weekday from, std::chrono::weekday to)
    {
        found_.weekdays_.set(from.c_encoding());
        for (; from != to; ++from) found_.weekdays_.set((from + days(1)).c_encoding());
    }

    static std::optional<std::chrono::month_day> yearly_of(std::string_view text)
    {
        const auto month = take_digits(text, 2);
        const bool has_day = take_char(text, '-');
        const auto day = take_digits(text, 2);
        if (!month || !has_day || !day || !text.empty()) return std::nullopt;
        const std::chrono::month_day date{std::chrono::month(static_cast<unsigned>(*month)),
                                          std::chrono::day(static_cast<unsigned>(*day))};
        if (!date.ok()) return std::nullopt;
        return date;
    }

    struct ReadMoment {
        local_seconds at{};
        bool is_day = true;
    };

    static std::optional<ReadMoment> moment_of(std::string_view text)
    {
        const auto year = take_digits(text, 4);
        const bool has_month = take_char(text, '-');
        const auto month = take_digits(text, 2);
        const bool has_day = take_char(text, '-');
        const auto day = take_digits(text, 2);
        if (!year || !has_month || !month || !has_day || !day) return std::nullopt;
        const auto date = calendar_day(*year, *month, *day);
        if (!date) return std::nullopt;
        ReadMoment moment{local_days(*date)};
        if (text.empty()) return moment;
        if (!take_char(text, 'T') && !take_char(text, ' ')) return std::nullopt;
        const auto hour = take_digits(text, 2);
        const bool has_minute = take_char(text, ':');
        const auto minute = take_digits(text, 2);
        const bool has_second = take_char(text, ':');
        const auto second = has_second ? take_digits(text, 2) : std::optional(0);
        if (!hour || !has_minute || !minute || !second || !text.empty()) return std::nullopt;
        const auto time = time_of_day(*hour, *minute, *second);
        if (!time) return std::nullopt;
        moment.at += *time;
        moment.is_day = false;
        return moment;
    }

    CalendarDays& found_;
};

Result<CalendarDays> CalendarDays::parse(std::string_view dates, std::string_view ical)
{
    CalendarDays found;
    const auto too_long = [](std::string_view what, std::size_t most) {
        return Error{fmt::format("{}: longer than {} bytes", what, most)};
    };
    if (dates.size() > longest_dates) return too_long("dates", longest_dates);
    if (ical.size() > longest_ical) return too_long("ical", longest_ical);
    if (const auto problem = DatesParser(found).parse(dates)) return Error{"dates: " + *problem};
    if (!ical.empty()) {
        const auto events = read_ical(ical);
        if (!events) return Error{"ical: " + events.error().message};
        found.events_ = events->size();
        for (const CalendarEvent& event : *events) found.add(event);
    }
    found.sort();
    return found;
}

void CalendarDays::add(const CalendarEvent& event)
{
    if (event.recurrence) {
        recurring_.push_back(event);
    } else if (event.zone == nullptr) {
        local_.push_back({event.begin, event.begin + event.length});
    } else {
        absolute_.push_back(
            {to_sys(event.begin, *event.zone), to_sys(event.begin + event.length, *event.zone)});
    }
}

void CalendarDays::sort()
{
    join(local_);
    join(absolute_);
}

bool CalendarDays::covers(sys_seconds time, const TimeZone& zone) const
{
    const local_seconds local(time.time_since_epoch() + zone.offset_at(time));
    const local_days day = floor<days>(local);
    if (weekdays_.test(std::chrono::weekday(day).c_encoding())) return true;
    if (!yearly_.empty()) {
        const year_month_day date(day);
        const std::chrono::month_day today(date.month(), date.day());
        for (const auto& [first, last] : yearly_) {
            const bool is_after = first <= today;
            const bool is_before = today <= last;
            if (first <= last ? is_after && is_before : is_after || is_before) return true;
        }
    }
    if (covers_in(local_, local) || covers_in(absolute_, time)) return true;
    return std::ranges::any_of(recurring_, [&](const CalendarEvent& event) {
        if (event.zone == nullptr) return event.covers(local);
        return event.covers(local_seconds(time.time_since_epoch() + event.zone->offset_at(time)));
    });
}

sys_seconds CalendarDays::same_until(sys_seconds time, const TimeZone& zone) const
{
    // Where nothing changes for long.
    constexpr days far{366};
    sys_seconds latest = change_after(absolute_, time, time + far);
    // Between two changes of the offset a clock on the wall goes as all others do.
    const auto look_in = [&](const TimeZone& where, const auto& change_of) {
        const TimeZone::Period& period = where.periods()[where.index_at(time)];
        if (time < period.end) latest = std::min(latest, period.end);
        const local_seconds local = period.to_local(time);
        latest = std::min(latest, time + (change_of(local) - local));
    };
    look_in(zone, [&](local_seconds local) {
        const bool is_by_day = weekdays_.any() || !yearly_.empty();
        const local_seconds day_end = floor<days>(local) + days(1);
        return change_after(local_, local, is_by_day ? day_end : local_seconds(local + far));
    });
    for (const CalendarEvent& event : recurring_) {
        look_in(event.zone == nullptr ? zone : *event.zone,
                [&](local_seconds local) { return event.same_until(local); });
    }
    return latest;
}

}  // namespace peercron
