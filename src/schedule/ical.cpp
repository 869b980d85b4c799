#include "schedule/ical.hpp"

#include "base/utf8.hpp"

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

constexpr int first_year = 1970;
constexpr int last_year = 2199;
constexpr std::int64_t most_count = 10'000;
constexpr std::int64_t most_interval = 1000;

/// Caught by read_ical().
class Refusal : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

std::string upper(std::string_view text)
{
    std::string result(text);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return result;
}

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
            line.refuse(fmt::format("given {}; NAME:value is allowed, as DTSTART:20261224",
                                    quote_utf8(text)));
        }
        line.name = upper(text.substr(0, at));
        while (at < text.size() && text[at] == ';') at = parse_param(text, at + 1, line);
        if (at >= text.size() || text[at] != ':') line.refuse("the : before the value is missing");
        line.value = text.substr(at + 1);
        return line;
    }

    static std::size_t parse_param(std::string_view text, std::size_t at, Line& line)
    {
        const std::size_t equals = text.find_first_of("=:;", at);
        if (equals == std::string_view::npos || text[equals] != '=') {
            line.refuse("a parameter has no =value");
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
            line.refuse(fmt::format("the parameter {} is given twice", quote_utf8(name)));
        }
        return at;
    }

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

std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t count)
{
    if (text.size() < at + count) return std::nullopt;
    int number = 0;
    for (const char c : text.substr(at, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + (c - '0');
    }
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
    "a day as 20261224 or a time as 20261224T180000, perhaps with Z, of the years 1970 to 2199, is "
    "allowed";

std::optional<When> parse_when(std::string_view text)
{
    const auto year = digits_at(text, 0, 4);
    const auto month = digits_at(text, 4, 2);
    const auto day = digits_at(text, 6, 2);
    if (!year || !month || !day || *year < first_year || *year > last_year) return std::nullopt;
    const year_month_day date{std::chrono::year(*year),
                              std::chrono::month(static_cast<unsigned>(*month)),
                              std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    When when;
    when.at = local_days(date);
    text.remove_prefix(8);
    if (text.empty()) {
        when.is_date = true;
        return when;
    }
    const auto hour = digits_at(text, 1, 2);
    const auto minute = digits_at(text, 3, 2);
    const auto second = digits_at(text, 5, 2);
    if (text.front() != 'T' || !hour || !minute || !second) return std::nullopt;
    // 60 is a leap second, which no clock here knows.
    if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    when.at += std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(*second);
    text.remove_prefix(7);
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
        line.refuse_value(fmt::format("VALUE={} is something else", quote_utf8(type->second)));
    }
    const auto zone = line.params.find("TZID");
    if (zone == line.params.end()) return *when;
    if (when->is_date || when->is_utc) {
        line.refuse_value("a TZID is for times without Z only");
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
        line.refuse_value("a length as P1D, PT8H30M or P2W is allowed, of at most 10 years");
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

std::optional<std::chrono::weekday> weekday_of(std::string_view text)
{
    constexpr std::array<std::string_view, 7> names{"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
    const auto* const found = std::ranges::find(names, text);
    if (found == names.end()) return std::nullopt;
    return std::chrono::weekday(static_cast<unsigned>(found - names.begin()));
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
                line_.refuse_value("parts as FREQ=YEARLY with ; between are allowed");
            }
            const std::string name = upper(part.substr(0, equals));
            if (!parts.emplace(name, upper(part.substr(equals + 1))).second) {
                line_.refuse_value(fmt::format("{} is there twice", quote_utf8(name)));
            }
        }
        read_frequency(parts["FREQ"]);
        parts.erase("FREQ");
        for (const auto& [name, value] : parts) read_part(name, value);
        if (until && count) line_.refuse_value("COUNT and UNTIL are given together");
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
            const auto day = weekday_of(value);
            if (!day) refuse_part(name, "a day as MO is allowed");
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
                fmt::format("{} is not read; FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, "
                            "BYMONTH and WKST are allowed",
                            quote_utf8(name)));
        }
    }

    [[noreturn]] void refuse_part(std::string_view name, std::string_view allowed) const
    {
        line_.refuse_value(fmt::format("in {} {}", name, allowed));
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
        if (start_.is_date) refuse_part("UNTIL", "a day as 20261224 is allowed: so is DTSTART");
        const bool wants_utc = start_.is_utc || !start_.zone.empty();
        if (wants_utc != when->is_utc) {
            refuse_part("UNTIL", wants_utc ? "a time with Z is allowed: DTSTART has a zone"
                                           : "a time without Z is allowed: so is DTSTART");
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
        const auto day = weekday_of(name);
        const auto number = place.empty() ? 0 : number_of(place);
        const bool is_good =
            day && number && *number >= -5 && *number <= 5 && (place.empty() || *number != 0);
        if (!is_good) {
            refuse_part("BYDAY", "days as MO, 4TH or -1FR, with places from 1 to 5, are allowed");
        }
        rule.by_day.push_back({*day, static_cast<int>(*number)});
    }

    void read_month_day(std::string_view text)
    {
        if (text.starts_with('+')) text.remove_prefix(1);
        const auto number = number_of(text);
        if (!number || *number == 0 || *number < -31 || *number > 31) {
            refuse_part("BYMONTHDAY", "days from 1 to 31, or from -1 to -31, are allowed");
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
                        "places as in 4TH go with MONTHLY or YEARLY, and not with "
                        "BYMONTHDAY");
        }
        if (!rule.by_month_day.empty() && !is_of_months) {
            refuse_part("BYMONTHDAY", "nothing is allowed with DAILY or WEEKLY");
        }
        const bool has_days = !rule.by_day.empty() || !rule.by_month_day.empty();
        if (rule.frequency == Frequency::yearly && has_days && rule.by_month == 0) {
            line_.refuse_value(
                "BYDAY and BYMONTHDAY of a year are not read without BYMONTH; FREQ=MONTHLY counts "
                "in each month");
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
            line.refuse(fmt::format("{} is not read; an event of its own is allowed", line.name));
        }
    }

    /// nullopt: it is cancelled.
    std::optional<CalendarEvent> finish() const
    {
        if (!start_) begin_.refuse("the event has no DTSTART");
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
        if (place) line.refuse(fmt::format("the event has another {}", line.name));
        place = line;
    }

    seconds length_of(const When& start) const
    {
        if (end_ && length_) length_->refuse("DURATION: given together with DTEND");
        if (length_) {
            const seconds length = read_length(*length_);
            if (start.is_date && length % days(1) != seconds(0)) {
                length_->refuse_value("whole days are allowed: DTSTART is a day");
            }
            return length;
        }
        if (!end_) {
            if (start.is_date) return days(1);
            start_->refuse("the event has neither DTEND nor DURATION, and covers no time");
        }
        const When end = read_when(*end_, end_->value);
        if (!end.has_form_of(start)) {
            end_->refuse_value("it must be of the same form and in the same zone as DTSTART");
        }
        if (end.at <= start.at) {
            end_->refuse_value(start.is_date ? "it must be after DTSTART; it is the first day that "
                                               "the event does not cover"
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
            rule_->refuse(fmt::format("RRULE: the event lasts longer than {} days",
                                      longest_recurring_event.count()));
        }
        if (!event.recurrence->names(first, first)) {
            rule_->refuse_value("DTSTART must be one of the days that it names");
        }
        if (reader.count) event.until = last_of(event, first, *reader.count);
    }

    /// When it begins for the last time, if that is in a year that is known.
    static std::optional<local_seconds> last_of(const CalendarEvent& event, local_days first,
                                                std::int64_t count)
    {
        const local_days end = local_days(std::chrono::year(last_year + 1) / 1 / 1);
        for (local_days day = first; day < end; day += days(1)) {
            if (event.recurrence->names(day, first) && --count == 0) {
                return day + (event.begin - first);
            }
        }
        return std::nullopt;
    }

    static void read_exceptions(CalendarEvent& event, const When& start, const Line& line)
    {
        if (!event.recurrence) line.refuse("EXDATE: the event has no RRULE");
        for (const std::string_view text : split(line.value, ',')) {
            const When when = read_when(line, text);
            if (!when.has_form_of(start)) {
                line.refuse_value("it must be of the same form and in the same zone as DTSTART");
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
            throw Refusal(fmt::format("END:{} is missing at the end", open_.back()));
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
        if (open_.empty()) line.refuse("it stands before BEGIN:VCALENDAR");
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
            line.refuse(open_.empty() ? "BEGIN:VCALENDAR must be first"
                                      : "BEGIN:VCALENDAR stands inside of another one");
        }
        if (name == "VEVENT" && open_.back() != "VCALENDAR") {
            line.refuse(fmt::format("BEGIN:VEVENT stands inside of {}", quote_utf8(open_.back())));
        }
        if (name == "VTODO" || name == "VJOURNAL" || name == "VFREEBUSY") {
            line.refuse(fmt::format("{} is not read; VEVENT is", name));
        }
        constexpr std::size_t deepest = 8;
        if (open_.size() == deepest) line.refuse("too many BEGIN inside of each other");
        has_calendar_ = true;
        if (name == "VEVENT") event_.emplace(line);
        open_.push_back(name);
    }

    void end(const Line& line)
    {
        const std::string name = upper(line.value);
        if (open_.empty() || open_.back() != name) {
            line.refuse(fmt::format("given END:{}, and {} is open", quote_utf8(line.value),
                                    open_.empty() ? std::string("nothing") : open_.back()));
        }
        open_.pop_back();
        if (name != "VEVENT") return;
        auto event = event_->finish();
        event_.reset();
        if (!event) return;
        if (events_.size() == most_ical_events) {
            line.refuse(fmt::format("more than {} events", most_ical_events));
        }
        if (event->recurrence && ++recurring_ > most_recurring_events) {
            line.refuse(fmt::format("more than {} events with RRULE", most_recurring_events));
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
            line.refuse_value("what it cancels is not known here");
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
