#include "schedule/expression.hpp"
#include "schedule/quote.hpp"
#include "schedule/rfc3339.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

enum class Field { second, minute, hour, day, month, weekday, year };

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED",
                                                        "THU", "FRI", "SAT"};

struct FieldRule {
    std::string_view name;
    int min;
    int max;       // what `*` and an open step reach
    int largest;   // what may be written: 7 is Sunday, too
    int hash_max;  // H stays within the days that every month has
    std::string_view allowed;
    std::span<const std::string_view> names = {};
};

constexpr std::array<FieldRule, 7> rules{{
    {"second", 0, 59, 59, 59, "0-59"},
    {"minute", 0, 59, 59, 59, "0-59"},
    {"hour", 0, 23, 23, 23, "0-23"},
    {"day", 1, 31, 31, 28, "1-31"},
    {"month", 1, 12, 12, 12, "1-12 or JAN-DEC", month_names},
    {"weekday", 0, 6, 7, 6, "0-7 or SUN-SAT (0 and 7 are Sunday)", weekday_names},
    {"year", Expression::first_year, Expression::last_year, Expression::last_year,
     Expression::last_year, "1970-2199"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> aliases{{
    {"@YEARLY", "0 0 0 1 1 *"},
    {"@ANNUALLY", "0 0 0 1 1 *"},
    {"@MONTHLY", "0 0 0 1 * *"},
    {"@WEEKLY", "0 0 0 * * 0"},
    {"@DAILY", "0 0 0 * * *"},
    {"@MIDNIGHT", "0 0 0 * * *"},
    {"@HOURLY", "0 0 * * * *"},
}};
constexpr std::string_view alias_list =
    "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every 90s and "
    "@at 2027-01-01T00:00:00Z";

constexpr int sunday = 0;
constexpr int sunday_again = 7;
constexpr std::uint8_t all_weekdays = 0x7f;
constexpr std::size_t longest_text = 1024;

char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// The nth number of SplitMix64 seeded with `seed`. It may never change: it places the fires of
/// every job that says H.
std::uint64_t split_mix(std::uint64_t seed, std::uint64_t n)
{
    std::uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
}

std::vector<std::string_view> split_words(std::string_view text)
{
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = std::find_if_not(text.begin(), text.end(), is_blank);
        if (begin == text.end()) return words;
        const auto end = std::find_if(begin, text.end(), is_blank);
        words.emplace_back(begin, end);
        text = {end, text.end()};
    }
}

/// Reads one field into the sets. The first thing that does not fit ends it; see error().
class FieldParser {
public:
    FieldParser(Field field, std::string_view text, std::int64_t hash_seed, CronFields& fields)
        : field_(field),
          rule_(rules[static_cast<std::size_t>(field)]),
          text_(text),
          hash_(
              split_mix(static_cast<std::uint64_t>(hash_seed), static_cast<std::uint64_t>(field))),
          fields_(fields)
    {}

    bool parse()
    {
        if (text_ == "?") {
            if (field_ != Field::day && field_ != Field::weekday) {
                return refuse("? is for day and weekday; for every value write *");
            }
            add_range(rule_.min, rule_.max, 1);
            return true;
        }
        std::string upper(text_);
        std::transform(upper.begin(), upper.end(), upper.begin(), to_upper);
        std::string_view list = upper;
        while (true) {
            const std::size_t comma = list.find(',');
            rest_ = list.substr(0, comma);
            if (!element()) return false;
            if (comma == std::string_view::npos) return true;
            list.remove_prefix(comma + 1);
        }
    }

    Error error() const
    {
        return Error{
            fmt::format("{} {}: {}; allowed is {}", rule_.name, quote(text_), why_, allowed_)};
    }

private:
    struct Range {
        int first;
        int last;
    };

    bool refuse(std::string why)
    {
        why_ = std::move(why);
        allowed_ = rule_.allowed;
        return false;
    }

    bool skip(char c)
    {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// A number, or nothing and an error.
    std::optional<int> number(int min, int max)
    {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_digit);
        const std::string_view digits(rest_.begin(), end);
        if (digits.empty()) {
            refuse(rest_.empty() ? "a number is missing" : quote(rest_) + " is not a number");
            return std::nullopt;
        }
        int value = 0;
        for (const char c : digits) {
            value = value * 10 + (c - '0');
            if (value > max) break;
        }
        if (value < min || value > max) {
            refuse(std::string(digits.substr(0, 20)) + " is out of range");
            return std::nullopt;
        }
        rest_.remove_prefix(digits.size());
        return value;
    }

    /// A number or a name of this field.
    std::optional<int> value()
    {
        const std::string_view word = rest_.substr(0, 3);
        const auto name = std::find(rule_.names.begin(), rule_.names.end(), word);
        if (name != rule_.names.end()) {
            rest_.remove_prefix(word.size());
            return rule_.min + static_cast<int>(name - rule_.names.begin());
        }
        if (!rule_.names.empty() && !rest_.empty() && !is_digit(rest_.front())) {
            refuse(quote(rest_) + " is neither a number nor a name");
            return std::nullopt;
        }
        return number(rule_.min, rule_.largest);
    }

    bool at_end()
    {
        if (rest_.empty()) return true;
        return refuse(quote(rest_) + " is not understood");
    }

    bool element()
    {
        if (rest_.empty()) return refuse("an element of the list is empty");
        if (skip('*')) return steps({rule_.min, rule_.max});
        if (skip('H')) return hashed();
        if (rest_.front() == '?') return refuse("? must stand alone");
        if (field_ == Field::day && skip('L')) return day_from_end();
        if (rest_.front() == 'L') {
            if (field_ == Field::weekday) return refuse("L needs a weekday before it, as in 5L");
            return refuse("L is for day (L, L-3, LW, L-3W) and weekday (5L)");
        }

        const auto first = value();
        if (!first) return false;
        if (skip('-')) {
            const auto last = value();
            if (!last) return false;
            return range({*first, *last});
        }
        if (field_ == Field::day && skip('W')) {
            fields_.nearest_workday |= std::uint32_t{1} << static_cast<unsigned>(*first);
            return at_end();
        }
        if (field_ == Field::weekday && skip('L')) {
            fields_.last_weekday |= weekday_bit(*first);
            return at_end();
        }
        if (field_ == Field::weekday && skip('#')) return nth_weekday(*first);
        const int start = field_ == Field::weekday && *first == sunday_again ? sunday : *first;
        if (!rest_.empty() && rest_.front() == '/') return steps({start, rule_.max});
        add(start);
        return at_end();
    }

    bool range(Range range)
    {
        if (field_ == Field::weekday) {
            if (range.first == sunday_again) {
                range.first = sunday;
                if (range.last == sunday_again) range.last = sunday;
            } else if (range.last == sunday && range.first != sunday) {
                range.last = sunday_again;
            }
        }
        return wrap(range) && steps(range);
    }

    /// A range that runs backwards goes on at the field's beginning, as do 22-4 and FRI-MON.
    bool wrap(Range& range)
    {
        if (range.first <= range.last) return true;
        if (field_ == Field::year) return refuse("the range runs backwards");
        range.last += size();
        return true;
    }

    int size() const { return rule_.max - rule_.min + 1; }

    /// What may follow a range.
    bool steps(Range range)
    {
        int step = 1;
        if (skip('/')) {
            const auto given = step_number();
            if (!given) return false;
            step = *given;
        }
        add_range(range.first, range.last, step);
        return at_end();
    }

    std::optional<int> step_number()
    {
        const auto step = number(1, size());
        if (!step) allowed_ = fmt::format("a step of 1-{}", size());
        return step;
    }

    bool hashed()
    {
        if (field_ == Field::year) return refuse("H cannot choose a year");
        Range range{rule_.min, rule_.hash_max};
        if (skip('(')) {
            const auto first = number(rule_.min, rule_.max);
            if (!first) return false;
            if (!skip('-')) return refuse("H( needs a range, as in H(0-29)");
            const auto last = number(rule_.min, rule_.max);
            if (!last) return false;
            if (!skip(')')) return refuse("the ) after H( is missing");
            range = {*first, *last};
            wrap(range);
        }
        const int values = range.last - range.first + 1;
        if (!skip('/')) {
            add_wrapped(range.first + hash_below(values));
            return at_end();
        }
        const auto step = step_number();
        if (!step) return false;
        add_range(range.first + hash_below(std::min(*step, values)), range.last, *step);
        return at_end();
    }

    int hash_below(int size) const
    {
        return static_cast<int>(hash_ % static_cast<std::uint64_t>(size));
    }

    bool day_from_end()
    {
        if (skip('W')) {
            fields_.nearest_workday |= 1U;
            return at_end();
        }
        int back = 0;
        if (skip('-')) {
            const auto given = number(0, 30);
            if (!given) {
                allowed_ = "L-0 to L-30";
                return false;
            }
            back = *given;
        }
        const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(back);
        if (!skip('W')) {
            fields_.days_from_end |= bit;
        } else if (back == 0) {
            fields_.nearest_workday |= 1U;
        } else {
            fields_.workday_from_end |= bit;
        }
        return at_end();
    }

    bool nth_weekday(int weekday)
    {
        const auto nth = number(1, 5);
        if (!nth) {
            allowed_ = "1-5 after #, as in 5#2 for the second Friday";
            return false;
        }
        fields_.nth_weekday[static_cast<std::size_t>(*nth - 1)] |= weekday_bit(weekday);
        return at_end();
    }

    static std::uint8_t weekday_bit(int weekday)
    {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(weekday % 7));
    }

    void add_range(int first, int last, int step)
    {
        for (int value = first; value <= last; value += step) add_wrapped(value);
    }

    void add_wrapped(int value) { add(rule_.min + (value - rule_.min) % size()); }

    void add(int value)
    {
        const auto n = static_cast<unsigned>(value);
        const std::uint64_t bit = std::uint64_t{1} << (n % 64);
        switch (field_) {
            case Field::second:
                fields_.seconds |= bit;
                break;
            case Field::minute:
                fields_.minutes |= bit;
                break;
            case Field::hour:
                fields_.hours |= static_cast<std::uint32_t>(bit) & 0xffffffU;
                break;
            case Field::day:
                fields_.days |= static_cast<std::uint32_t>(bit);
                break;
            case Field::month:
                fields_.months = static_cast<std::uint16_t>(fields_.months | bit);
                break;
            case Field::weekday:
                for (std::uint8_t& nth : fields_.nth_weekday) nth |= weekday_bit(value);
                break;
            case Field::year: {
                const unsigned offset = n - static_cast<unsigned>(Expression::first_year);
                fields_.years[offset / 64] |= std::uint64_t{1} << (offset % 64);
                break;
            }
        }
    }

    Field field_;
    const FieldRule& rule_;
    std::string_view text_;  // as it was typed
    std::string_view rest_;  // of the element, in upper case
    std::uint64_t hash_;
    CronFields& fields_;
    std::string why_;
    std::string allowed_;
};

constexpr std::string_view duration_allowed =
    "whole days, hours, minutes and seconds from 1s to 365d, as in 90s, 1h30m or 2d";

/// "1h30m"; units in falling order, each at most once.
Result<std::uint64_t> parse_duration(std::string_view text)
{
    constexpr std::array<std::pair<char, std::uint64_t>, 4> units{
        {{'D', 86400}, {'H', 3600}, {'M', 60}, {'S', 1}}};
    constexpr std::uint64_t longest = std::uint64_t{365} * 86400;
    const auto refuse = [&](std::string_view why) {
        return Error{
            fmt::format("@every {}: {}; allowed are {}", quote(text), why, duration_allowed)};
    };

    std::uint64_t total = 0;
    auto next_unit = units.begin();
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::find_if_not(rest.begin(), rest.end(), is_digit);
        const std::string_view digits(rest.begin(), end);
        if (digits.empty()) return refuse(quote(rest) + " is not a number");
        if (digits.size() > 9) return refuse("it is out of range");
        if (end == rest.end()) return refuse("the unit is missing");
        const auto unit = std::find_if(next_unit, units.end(), [&](const auto& candidate) {
            return candidate.first == to_upper(*end);
        });
        if (unit == units.end())
            return refuse(quote({end, end + 1}) + " is not the unit expected here");
        std::uint64_t value = 0;
        for (const char c : digits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
        total += value * unit->second;
        next_unit = unit + 1;
        rest.remove_prefix(digits.size() + 1);
    }
    if (total < 1 || total > longest) return refuse("it is out of range");
    return total;
}

/// What parse_rfc3339() takes, within the years of all expressions and without a fraction.
Result<std::uint64_t> parse_moment(std::string_view text)
{
    const auto refuse = [&](std::string_view why) {
        return Error{
            fmt::format("@at {}: {}; allowed is a moment from {} to {} as in "
                        "2027-01-01T00:00:00Z or 2027-01-01T01:00:00+01:00",
                        quote(text), why, Expression::first_year, Expression::last_year)};
    };
    if (text.find('.') != std::string_view::npos) return refuse("fractions of a second");
    const auto moment = parse_rfc3339(text);
    if (!moment) return refuse("not a moment");
    using namespace std::chrono;
    constexpr sys_seconds begin = sys_days(year(Expression::first_year) / 1 / 1);
    constexpr sys_seconds end = sys_days(year(Expression::last_year + 1) / 1 / 1);
    if (*moment < begin || *moment >= end) return refuse("out of range");
    return static_cast<std::uint64_t>(moment->time_since_epoch().count());
}

bool begins_with_star(std::string_view field)
{
    return field.starts_with('*');
}
bool is_open(std::string_view field)
{
    return begins_with_star(field) || field == "?";
}

bool leaves_out_no_day(const CronFields& fields)
{
    constexpr std::uint32_t all_days = 0xfffffffeU;
    const bool all_dates = fields.days == all_days;
    const bool all_weeks = std::all_of(fields.nth_weekday.begin(), fields.nth_weekday.end(),
                                       [](std::uint8_t nth) { return nth == all_weekdays; });
    constexpr std::uint64_t all_bits = ~std::uint64_t{0};
    constexpr int years_in_last_word = (Expression::last_year - Expression::first_year + 1) % 64;
    constexpr std::uint64_t last_word = (std::uint64_t{1} << years_in_last_word) - 1;
    const bool all_years =
        fields.years == std::array<std::uint64_t, 4>{all_bits, all_bits, all_bits, last_word};
    return (fields.both_days ? all_dates && all_weeks : all_dates || all_weeks) &&
           fields.months == 0x1ffe && all_years;
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text, std::int64_t hash_seed)
{
    if (text.size() > longest_text) {
        return Error{fmt::format("the cron expression has {} characters; allowed are {}",
                                 text.size(), longest_text)};
    }
    std::vector<std::string_view> words = split_words(text);
    if (words.empty()) {
        return Error{
            "the cron expression is empty; allowed are 5 to 7 fields, as in "
            "'0 30 2 * * MON-FRI', or " +
            std::string(alias_list)};
    }

    CronFields fields;
    if (words.front().starts_with('@')) {
        std::string name(words.front());
        std::transform(name.begin(), name.end(), name.begin(), to_upper);
        if (name == "@EVERY" && words.size() <= 2) {
            const auto interval = parse_duration(words.size() == 2 ? words[1] : std::string_view());
            if (!interval) return interval.error();
            fields.periodic = true;
            fields.seconds = *interval;
            return Expression(fields);
        }
        if (name == "@AT" && words.size() <= 2) {
            const auto moment = parse_moment(words.size() == 2 ? words[1] : std::string_view());
            if (!moment) return moment.error();
            fields.once = true;
            fields.seconds = *moment;
            return Expression(fields);
        }
        if (name == "@REBOOT") {
            return Error{
                fmt::format("{} has no time; to run something when a machine starts, use a systemd "
                            "unit; allowed are {}",
                            quote(text), alias_list)};
        }
        const auto alias = std::find_if(aliases.begin(), aliases.end(),
                                        [&](const auto& known) { return known.first == name; });
        if (alias == aliases.end() || words.size() > 1) {
            return Error{
                fmt::format("{} is not understood; allowed are {}", quote(text), alias_list)};
        }
        words = split_words(alias->second);
    }

    if (words.size() == 5) words.insert(words.begin(), "0");
    if (words.size() == 6) words.emplace_back("*");
    if (words.size() != rules.size()) {
        return Error{fmt::format(
            "{} has {} fields; allowed are 6 (second minute hour day month weekday), 5 (without "
            "second) and 7 (with the year last)",
            quote(text), words.size())};
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        FieldParser parser(static_cast<Field>(i), words[i], hash_seed, fields);
        if (!parser.parse()) return parser.error();
    }
    const auto word = [&](Field field) { return words[static_cast<std::size_t>(field)]; };
    fields.by_elapsed_time =
        begins_with_star(word(Field::minute)) || begins_with_star(word(Field::hour));
    fields.both_days = is_open(word(Field::day)) || is_open(word(Field::weekday));
    fields.every_day = leaves_out_no_day(fields);

    const Expression expression(fields);
    if (!expression.first_match(std::chrono::local_seconds::min())) {
        return Error{
            fmt::format("{} can never fire: no date from {} to {} has this day, weekday, "
                        "month and year",
                        quote(text), first_year, last_year)};
    }
    return expression;
}

}  // namespace peercron
