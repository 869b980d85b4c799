#include "schedule/ical.hpp"

#include "base/utf8.hpp"
#include "schedule/text_parts.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace peercron {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::year_month_day;

constexpr std::int64_t most_count = 10'000;
constexpr std::int64_t most_interval = 1000;

/// Caught by read_ical().
class Refusal : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A content line (RFC 5545, 3.1), unfolded.
struct Line {
    std::size_t number = 0;
    std::string name;
    std::map<std::string, std::string> params;
    std::string value;

    [[noreturn]] void refuse(std::string_view what) const
    {
        throw Refusal(fmt::format("line {}: {}", number, what));
    }
    /// "RRULE: given "FREQ=HOURLY"; …".
    [[noreturn]] void refuse_value(std::string_view allowed) const
    {
        refuse(fmt::format("{}: given {}; {}", name, quote_utf8(value), allowed));
    }
};

class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}

    std::optional<Line> next()
    {
        std::string whole;
        while (whole.empty()) {
            if (rest_.empty()) return std::nullopt;
            begun_ = number_ + 1;
            whole = take();
        }
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
            whole += take().substr(1);
        }
        return parse(whole);
    }

private:
    std::string_view take()
    {
        ++number_;
        const std::size_t end = rest_.find('\n');
        std::string_view line = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }

    Line parse(std::string_view text) const
    {
        Line line;
        line.number = begun_;
        std::size_t at = text.find_first_of(":;");
        if (at == std::string_view::npos || at == 0) {
            line.refuse(fmt::format("given {}; NAME:value is allowed, for example DTSTART:20261224",
                                    quote_utf8(text)));
        }
        line.name = upper(text.substr(0, at));
        while (at < text.size() && text[at] == ';') at = parse_param(text, at + 1, line);
        if (at >= text.size() || text[at] != ':') line.refuse(allowed_params);
        line.value = text.substr(at + 1);
        return line;
    }

    static std::size_t parse_param(std::string_view text, std::size_t at, Line& line)
    {
        const std::size_t equals = text.find_first_of("=:;", at);
        if (equals == std::string_view::npos || text[equals] != '=') {
            line.refuse(allowed_params);
        }
        const std::string name = upper(text.substr(at, equals - at));
        std::string value;
        bool is_quoted = false;
        for (at = equals + 1; at < text.size(); ++at) {
            const char c = text[at];
            if (c == '"') {
                is_quoted = !is_quoted;
            } else if (!is_quoted && (c == ':' || c == ';')) {
                break;
            } else {
                value += c;
            }
        }
        if (!line.params.emplace(name, std::move(value)).second) {
            line.refuse(
                fmt::format("the parameter {} is given twice; once is allowed", quote_utf8(name)));
        }
        return at;
    }

    static constexpr std::string_view allowed_params =
        "the value is missing; NAME;PARAMETER=value:value is allowed, for example "
        "DTSTART;VALUE=DATE:20261224";

    std::string_view rest_;
    std::size_t number_ = 0;
    std::size_t begun_ = 0;
};

std::optional<std::int64_t> number_of(std::string_view digits)
{
    std::int64_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, bad] = std::from_chars(digits.data(), end, number);
    if (digits.empty() || stop != end || bad != std::errc()) return std::nullopt;
    return number;
}

/// A DATE or a DATE-TIME (RFC 5545, 3.3.4 and 3.3.5).
struct When {
    local_seconds at{};
    bool is_date = false;
    bool is_utc = false;
    std::string zone;  ///< TZID

    bool has_form_of(const When& other) const
    {
        return is_date == other.is_date && is_utc == other.is_utc && zone == other.zone;
    }
};

constexpr std::string_view allowed_times =
    "a day such as 20261224, or a time such as 20261224T180000 or 20261224T180000Z, of the years "
    "1970 to 2199 is allowed";

std::optional<When> parse_when(std::string_view text)
{
    const auto year = take_digits(text, 4);
    const auto month = take_digits(text, 2);
    const auto day = take_digits(text, 2);
    const auto date = year && month && day ? calendar_day(*year, *month, *day) : std::nullopt;
    if (!date) return std::nullopt;
    When when;
    when.at = local_days(*date);
    if (text.empty()) {
        when.is_date = true;
        return when;
    }
    if (!take_char(text, 'T')) return std::nullopt;
    const auto hour = take_digits(text, 2);
    const auto minute = take_digits(text, 2);
    const auto second = take_digits(text, 2);
    if (!hour || !minute || !second) return std::nullopt;
    // 60 is a leap second, which no clock here knows.
    const auto time = time_of_day(*hour, *minute, *second, 60);
    if (!time) return std::nullopt;
    when.at += *time;
    when.is_utc = text == "Z";
    if (!text.empty() && !when.is_utc) return std::nullopt;
    return when;
}

When read_when(const Line& line, std::string_view text)
{
    auto when = parse_when(text);
    if (!when) line.refuse_value(allowed_times);
    const auto type = line.params.find("VALUE");
    if (type != line.params.end() &&
        upper(type->second) != (when->is_date ? "DATE" : "DATE-TIME")) {
        line.refuse_value(fmt::format("VALUE={} is wrong for it; {} is allowed",
                                      quote_utf8(type->second),
                                      when->is_date ? "DATE" : "DATE-TIME"));
    }
    const auto zone = line.params.find("TZID");
    if (zone == line.params.end()) return *when;
    if (when->is_date || when->is_utc) {
        line.refuse_value(
            "a TZID is allowed only with a time without Z, such as "
            "20261224T180000");
    }
    const auto found = find_zone(zone->second);
    if (!found) line.refuse(fmt::format("{}: TZID: {}", line.name, found.error().message));
    when->zone = (*found)->name();
    return *when;
}

const TimeZone* zone_of(const When& when)
{
    if (when.is_utc) return find_zone("UTC").value();
    return when.zone.empty() ? nullptr : find_zone(when.zone).value();
}

/// "P1D", "PT8H30M", "P2W" (RFC 5545, 3.3.6); more than nothing.
seconds read_length(const Line& line)
{
    std::string_view text = line.value;
    seconds length{0};
    const auto refuse = [&line] {
        line.refuse_value("a length such as P1D, PT8H30M or P2W, of at most 3660 days, is allowed");
    };
    if (text.starts_with('+')) text.remove_prefix(1);
    if (!text.starts_with('P')) refuse();
    text.remove_prefix(1);
    bool is_time = false;
    while (!text.empty()) {
        if (text.front() == 'T' && !is_time) {
            is_time = true;
            text.remove_prefix(1);
        }
        const std::size_t unit = text.find_first_not_of("0123456789");
        const auto count =
            unit == std::string_view::npos ? std::nullopt : number_of(text.substr(0, unit));
        if (!count || *count > 1'000'000) refuse();
        const char letter = text[unit];
        const bool is_of_time = letter == 'H' || letter == 'M' || letter == 'S';
        if (is_of_time != is_time) refuse();
        switch (letter) {
            case 'W':
                length += days(7 * *count);
                break;
            case 'D':
                length += days(*count);
                break;
            case 'H':
                length += std::chrono::hours(*count);
                break;
            case 'M':
                length += std::chrono::minutes(*count);
                break;
            case 'S':
                length += seconds(*count);
                break;
            default:
                refuse();
        }
        text.remove_prefix(unit + 1);
    }
    if (length <= seconds(0) || length > days(3660)) refuse();
    return length;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// Reads the value of an RRULE.
class RuleReader {
public:
    RuleReader(const Line& line, const When& start) : line_(line), start_(start) { read(); }

    Recurrence rule;
    std::optional<local_seconds> until;
    std::optional<std::int64_t> count;

private:
    using Frequency = Recurrence::Frequency;

    void read()
    {
        std::map<std::string, std::string> parts;
        for (const std::string_view part : split(line_.value, ';')) {
            const std::size_t equals = part.find('=');
            if (equals == std::string_view::npos) {
                line_.refuse_value(
                    "parts such as FREQ=WEEKLY with ; between them are allowed, for "
                    "example FREQ=WEEKLY;BYDAY=MO");
            }
            const std::string name = upper(part.substr(0, equals));
            if (!parts.emplace(name, upper(part.substr(equals + 1))).second) {
                line_.refuse_value(
                    fmt::format("{} is given twice; once is allowed", quote_utf8(name)));
            }
        }
        read_frequency(parts["FREQ"]);
        parts.erase("FREQ");
        for (const auto& [name, value] : parts) read_part(name, value);
        if (until && count) line_.refuse_value("COUNT or UNTIL is allowed, not both");
        check();
    }

    void read_frequency(const std::string& value)
    {
        constexpr std::array<std::string_view, 4> names{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
        const auto* const found = std::ranges::find(names, value);
        if (found == names.end()) {
            line_.refuse_value("FREQ=DAILY, WEEKLY, MONTHLY or YEARLY is allowed");
        }
        rule.frequency = static_cast<Frequency>(found - names.begin());
    }

    void read_part(const std::string& name, const std::string& value)
    {
        if (name == "INTERVAL") {
            rule.interval = static_cast<int>(read_number(name, value, most_interval));
        } else if (name == "COUNT") {
            count = read_number(name, value, most_count);
        } else if (name == "UNTIL") {
            read_until(value);
        } else if (name == "WKST") {
            const auto day = weekday_named(value, 2);
            if (!day) refuse_part(name, "MO, TU, WE, TH, FR, SA or SU is allowed");
            rule.week_start = *day;
        } else if (name == "BYDAY") {
            for (const std::string_view day : split(value, ',')) read_day(day);
        } else if (name == "BYMONTHDAY") {
            for (const std::string_view day : split(value, ',')) read_month_day(day);
        } else if (name == "BYMONTH") {
            for (const std::string_view month : split(value, ',')) {
                const auto number = read_number(name, month, 12);
                rule.by_month = static_cast<std::uint16_t>(rule.by_month | 1U << unsigned(number));
            }
        } else {
            line_.refuse_value(
                fmt::format("{} is not supported; FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, "
                            "BYMONTH and WKST are allowed",
                            quote_utf8(name)));
        }
    }

    [[noreturn]] void refuse_part(std::string_view name, std::string_view allowed) const
    {
        line_.refuse_value(fmt::format("in {}, {}", name, allowed));
    }

    std::int64_t read_number(std::string_view name, std::string_view text, std::int64_t most) const
    {
        const auto number = number_of(text);
        if (!number || *number < 1 || *number > most) {
            refuse_part(name, fmt::format("a number from 1 to {} is allowed", most));
        }
        return *number;
    }

    void read_until(std::string_view value)
    {
        const auto when = parse_when(value);
        if (!when) refuse_part("UNTIL", allowed_times);
        until = when->at;
        // A day is meant to its end.
        if (when->is_date) {
            *until += days(1) - seconds(1);
            return;
        }
        if (start_.is_date) {
            refuse_part("UNTIL", "a day such as 20261224 is allowed, because DTSTART is a day");
        }
        const bool wants_utc = start_.is_utc || !start_.zone.empty();
        if (wants_utc != when->is_utc) {
            refuse_part("UNTIL", wants_utc ? "a time with Z such as 20261224T180000Z is allowed, "
                                             "because DTSTART has a time zone"
                                           : "a time without Z such as 20261224T180000 is "
                                             "allowed, because DTSTART has no time zone");
        }
        if (start_.zone.empty()) return;
        const std::chrono::sys_seconds moment(until->time_since_epoch());
        *until += zone_of(start_)->offset_at(moment);
    }

    void read_day(std::string_view text)
    {
        const std::string_view name = text.size() < 2 ? text : text.substr(text.size() - 2);
        std::string_view place = text.substr(0, text.size() - name.size());
        if (place.starts_with('+')) place.remove_prefix(1);
        const auto day = weekday_named(name, 2);
        const auto number = place.empty() ? 0 : number_of(place);
        const bool is_good =
            day && number && *number >= -5 && *number <= 5 && (place.empty() || *number != 0);
        if (!is_good) {
            refuse_part("BYDAY",
                        "days such as MO, 4TH or -1FR are allowed, with places from 1 to 5 or "
                        "from -1 to -5");
        }
        rule.by_day.push_back({*day, static_cast<int>(*number)});
    }

    void read_month_day(std::string_view text)
    {
        if (text.starts_with('+')) text.remove_prefix(1);
        const auto number = number_of(text);
        if (!number || *number == 0 || *number < -31 || *number > 31) {
            refuse_part("BYMONTHDAY", "numbers from 1 to 31 and from -1 to -31 are allowed");
        }
        rule.by_month_day.push_back(static_cast<int>(*number));
    }

    void check() const
    {
        const bool has_places = std::ranges::any_of(
            rule.by_day, [](const auto& weekday) { return weekday.place != 0; });
        const bool is_of_months =
            rule.frequency == Frequency::monthly || rule.frequency == Frequency::yearly;
        if (has_places && (!is_of_months || !rule.by_month_day.empty())) {
            refuse_part("BYDAY",
                        "places, as 4TH has one, are allowed only with FREQ=MONTHLY or YEARLY and "
                        "without BYMONTHDAY");
        }
        if (!rule.by_month_day.empty() && !is_of_months) {
            line_.refuse_value("BYMONTHDAY is allowed only with FREQ=MONTHLY or YEARLY");
        }
        const bool has_days = !rule.by_day.empty() || !rule.by_month_day.empty();
        if (rule.frequency == Frequency::yearly && has_days && rule.by_month == 0) {
            line_.refuse_value(
                "with FREQ=YEARLY, BYDAY and BYMONTHDAY are allowed only together with BYMONTH; "
                "for days of every month use FREQ=MONTHLY");
        }
    }

    const Line& line_;
    const When& start_;
};

/// What of a VEVENT matters, line by line.
class EventReader {
public:
    explicit EventReader(const Line& begin) : begin_(begin) {}

    void take(const Line& line)
    {
        if (line.name == "DTSTART") {
            keep(start_, line);
        } else if (line.name == "DTEND") {
            keep(end_, line);
        } else if (line.name == "DURATION") {
            keep(length_, line);
        } else if (line.name == "RRULE") {
            keep(rule_, line);
        } else if (line.name == "EXDATE") {
            exceptions_.push_back(line);
        } else if (line.name == "STATUS") {
            is_cancelled_ = upper(line.value) == "CANCELLED";
        } else if (line.name == "RDATE" || line.name == "EXRULE" || line.name == "RECURRENCE-ID") {
            line.refuse(fmt::format(
                "{} is not supported; an event of its own for each time is allowed", line.name));
        }
    }

    /// nullopt: it is cancelled.
    std::optional<CalendarEvent> finish() const
    {
        if (!start_) begin_.refuse("the event has no DTSTART; exactly one is needed");
        const When start = read_when(*start_, start_->value);
        CalendarEvent event;
        event.begin = start.at;
        event.zone = zone_of(start);
        event.length = length_of(start);
        if (rule_) read_rule(event, start);
        for (const Line& line : exceptions_) read_exceptions(event, start, line);
        std::ranges::sort(event.except);
        if (is_cancelled_) return std::nullopt;
        return event;
    }

private:
    static void keep(std::optional<Line>& place, const Line& line)
    {
        if (place) line.refuse(fmt::format("the event has {} twice; once is allowed", line.name));
        place = line;
    }

    seconds length_of(const When& start) const
    {
        if (end_ && length_)
            length_->refuse("DURATION: the event has DTEND, too; one of the two is allowed");
        if (length_) {
            const seconds length = read_length(*length_);
            if (start.is_date && length % days(1) != seconds(0)) {
                length_->refuse_value(
                    "whole days such as P2D are allowed, because DTSTART is a day");
            }
            return length;
        }
        if (!end_) {
            if (start.is_date) return days(1);
            start_->refuse(
                "the event covers no time: DTSTART is not a day, and one of DTEND and "
                "DURATION is missing");
        }
        const When end = read_when(*end_, end_->value);
        if (!end.has_form_of(start)) {
            end_->refuse_value("it must have the same form and the same time zone as DTSTART");
        }
        if (end.at <= start.at) {
            end_->refuse_value(start.is_date ? "it must be after DTSTART: it names the first day "
                                               "that the event does not cover"
                                             : "it must be after DTSTART");
        }
        return end.at - start.at;
    }

    void read_rule(CalendarEvent& event, const When& start) const
    {
        const RuleReader reader(*rule_, start);
        const local_days first = floor<days>(event.begin);
        event.recurrence = reader.rule;
        event.until = reader.until;
        if (event.length > longest_recurring_event) {
            rule_->refuse(fmt::format(
                "RRULE: the event lasts longer than the {} days that an event with RRULE may "
                "last",
                longest_recurring_event.count()));
        }
        if (!event.recurrence->names(first, first)) {
            rule_->refuse_value("DTSTART must be one of the days that the rule names");
        }
        if (reader.count) event.until = last_of(event, first, *reader.count);
    }

    /// When it begins for the last time, if that is in a year that is known.
    static std::optional<local_seconds> last_of(const CalendarEvent& event, local_days first,
                                                std::int64_t count)
    {
        const local_days end = local_days(std::chrono::year(last_calendar_year + 1) / 1 / 1);
        for (local_days day = first; day < end; day += days(1)) {
            if (event.recurrence->names(day, first) && --count == 0) {
                return day + (event.begin - first);
            }
        }
        return std::nullopt;
    }

    static void read_exceptions(CalendarEvent& event, const When& start, const Line& line)
    {
        if (!event.recurrence)
            line.refuse("EXDATE: the event has no RRULE; with one it is allowed");
        for (const std::string_view text : split(line.value, ',')) {
            const When when = read_when(line, text);
            if (!when.has_form_of(start)) {
                line.refuse_value("it must have the same form and the same time zone as DTSTART");
            }
            event.except.push_back(when.at);
        }
    }

    Line begin_;
    std::optional<Line> start_;
    std::optional<Line> end_;
    std::optional<Line> length_;
    std::optional<Line> rule_;
    std::vector<Line> exceptions_;
    bool is_cancelled_ = false;
};

/// The components that begin and end in a text.
class CalendarReader {
public:
    std::vector<CalendarEvent> read(std::string_view text)
    {
        Lines lines(text);
        while (const auto line = lines.next()) take(*line);
        if (!open_.empty()) {
            throw Refusal(fmt::format("the text ends without END:{}", open_.back()));
        }
        if (!has_calendar_) {
            throw Refusal("line 1: BEGIN:VCALENDAR is missing");
        }
        return std::move(events_);
    }

private:
    void take(const Line& line)
    {
        if (line.name == "BEGIN") return begin(line);
        if (line.name == "END") return end(line);
        if (open_.empty()) line.refuse("the line is outside of BEGIN:VCALENDAR and END:VCALENDAR");
        if (open_.back() == "VEVENT") {
            event_->take(line);
        } else if (open_.back() == "VCALENDAR") {
            check(line);
        }
    }

    void begin(const Line& line)
    {
        const std::string name = upper(line.value);
        if (open_.empty() != (name == "VCALENDAR")) {
            line.refuse(open_.empty() ? "only BEGIN:VCALENDAR is allowed outside of a calendar"
                                      : "BEGIN:VCALENDAR is inside a calendar, whose END:VCALENDAR "
                                        "is missing");
        }
        if (name == "VEVENT" && open_.back() != "VCALENDAR") {
            line.refuse(fmt::format("BEGIN:VEVENT is inside {}, whose end is missing",
                                    quote_utf8(open_.back())));
        }
        if (name == "VTODO" || name == "VJOURNAL" || name == "VFREEBUSY") {
            line.refuse(fmt::format("{} is not supported; VEVENT is allowed", name));
        }
        constexpr std::size_t deepest = 8;
        if (open_.size() == deepest)
            line.refuse(fmt::format("more than {} components are inside each other", deepest));
        has_calendar_ = true;
        if (name == "VEVENT") event_.emplace(line);
        open_.push_back(name);
    }

    void end(const Line& line)
    {
        const std::string name = upper(line.value);
        if (open_.empty() || open_.back() != name) {
            line.refuse(
                fmt::format("given END:{}; {} is allowed here", quote_utf8(line.value),
                            open_.empty() ? "only BEGIN:VCALENDAR" : "END:" + open_.back()));
        }
        open_.pop_back();
        if (name != "VEVENT") return;
        auto event = event_->finish();
        event_.reset();
        if (!event) return;
        if (events_.size() == most_ical_events) {
            line.refuse(fmt::format("more than the {} events that are allowed", most_ical_events));
        }
        if (event->recurrence && ++recurring_ > most_recurring_events) {
            line.refuse(fmt::format("more than the {} events with RRULE that are allowed",
                                    most_recurring_events));
        }
        events_.push_back(*std::move(event));
    }

    /// A property of the whole.
    static void check(const Line& line)
    {
        if (line.name == "CALSCALE" && upper(line.value) != "GREGORIAN") {
            line.refuse_value("GREGORIAN is allowed");
        }
        if (line.name == "VERSION" && line.value != "2.0") line.refuse_value("2.0 is allowed");
        if (line.name == "METHOD" && upper(line.value) == "CANCEL") {
            line.refuse_value(
                "CANCEL is not supported, because the events that it cancels are in another text; "
                "PUBLISH is allowed");
        }
    }

    std::vector<std::string> open_;
    std::optional<EventReader> event_;
    std::vector<CalendarEvent> events_;
    std::size_t recurring_ = 0;
    bool has_calendar_ = false;
};

}  // namespace

Result<std::vector<CalendarEvent>> read_ical(std::string_view text)
{
    try {
        return CalendarReader().read(text);
    } catch (const Refusal& refusal) {
        return Error{refusal.what()};
    }
}

}  // namespace peercron
