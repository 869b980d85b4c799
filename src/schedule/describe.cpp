#include "schedule/describe.hpp"

#include "schedule/rfc3339.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

using Values = std::vector<int>;
using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 13> months{
    "",     "January", "February",  "March",   "April",    "May",     "June",
    "July", "August",  "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr unsigned monday_to_friday = 0b0111110;
constexpr unsigned saturday_and_sunday = 0b1000001;
constexpr unsigned all_weekdays = 0b1111111;
constexpr std::uint32_t all_days = 0xfffffffe;
constexpr std::uint32_t all_months = 0x1ffe;
constexpr int all_years = Expression::last_year - Expression::first_year + 1;

Values values_of(std::uint64_t bits, int first = 0)
{
    Values values;
    for (; bits != 0; bits &= bits - 1) values.push_back(first + std::countr_zero(bits));
    return values;
}

/// "a", "a and b", "a, b and c".
std::string join(const Words& words)
{
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += words[i];
    }
    return text;
}

/// The values by name, three and more in a row as "a to c".
Words name_runs(const Values& values, const std::function<std::string(int)>& name)
{
    Words words;
    for (std::size_t first = 0; first < values.size();) {
        std::size_t last = first;
        while (last + 1 < values.size() && values[last + 1] == values[last] + 1) ++last;
        if (last - first >= 2) {
            words.push_back(name(values[first]) + " to " + name(values[last]));
            first = last + 1;
        } else {
            words.push_back(name(values[first]));
            ++first;
        }
    }
    return words;
}

std::string list(const Values& values)
{
    return join(name_runs(values, [](int value) { return std::to_string(value); }));
}

/// "minute 5", "minutes 5 and 10".
std::string counted(std::string_view noun, const Values& values)
{
    return fmt::format("{}{} {}", noun, values.size() == 1 ? "" : "s", list(values));
}

std::string ordinal(int n)
{
    const bool teen = n % 100 / 10 == 1;
    if (n % 10 == 1 && !teen) return std::to_string(n) + "st";
    if (n % 10 == 2 && !teen) return std::to_string(n) + "nd";
    if (n % 10 == 3 && !teen) return std::to_string(n) + "rd";
    return std::to_string(n) + "th";
}

/// One of the fields second, minute and hour.
struct Clock {
    Clock(std::uint64_t bits, int size) : values(values_of(bits))
    {
        const auto count = static_cast<int>(values.size());
        all = count == size;
        zero = count == 1 && values.front() == 0;
        if (all || count < 2 || values.front() != 0 || size % count != 0) return;
        const int distance = size / count;
        for (int i = 0; i < count; ++i) {
            if (values[static_cast<std::size_t>(i)] != i * distance) return;
        }
        step = distance;
    }

    bool is_list() const { return !all && step == 0; }

    Values values;
    bool all = false;
    bool zero = false;  // only 0
    int step = 0;       // the values are 0, step, 2*step … round the clock; 0: they are not
};

/// "at 08:00:00 and 20:30:00".
std::string clock_times(const Clock& seconds, const Clock& minutes, const Clock& hours)
{
    Words times;
    for (const int h : hours.values) {
        for (const int m : minutes.values) {
            for (const int s : seconds.values)
                times.push_back(fmt::format("{:02}:{:02}:{:02}", h, m, s));
        }
    }
    return fmt::format("at {}", join(times));
}

std::string which_hours(const Clock& minutes, const Clock& hours)
{
    if (hours.all) return minutes.is_list() ? " of every hour" : "";
    if (hours.step != 0) return fmt::format(" of every {} hour", ordinal(hours.step));
    const int first = hours.values.front();
    const int last = hours.values.back();
    const bool in_a_row = last - first + 1 == static_cast<int>(hours.values.size());
    if (in_a_row && !minutes.is_list())
        return fmt::format(" from {:02}:00 to {:02}:59", first, last);
    return fmt::format(" of {}", counted("hour", hours.values));
}

std::string which_minutes(const Clock& minutes)
{
    if (minutes.all) return " every minute";
    if (minutes.step != 0) return fmt::format(" every {} minute", ordinal(minutes.step));
    return fmt::format(" {}", counted("minute", minutes.values));
}

std::string describe_time(const CronFields& fields)
{
    constexpr std::size_t few = 4;
    const Clock seconds(fields.seconds, 60);
    const Clock minutes(fields.minutes, 60);
    const Clock hours(fields.hours, 24);
    if (seconds.values.size() * minutes.values.size() * hours.values.size() <= few) {
        return clock_times(seconds, minutes, hours);
    }

    std::string text;
    if (seconds.zero) {
        if (minutes.zero && hours.all) return "every hour";
        if (minutes.zero && hours.step != 0) return fmt::format("every {} hours", hours.step);
        if (minutes.all) {
            text = "every minute";
        } else if (minutes.step != 0) {
            text = fmt::format("every {} minutes", minutes.step);
        } else {
            text = fmt::format("at{}", which_minutes(minutes));
        }
    } else if (seconds.is_list()) {
        text = fmt::format("at {} of{}", counted("second", seconds.values), which_minutes(minutes));
    } else {
        text = seconds.all ? "every second" : fmt::format("every {} seconds", seconds.step);
        if (!minutes.all) text += fmt::format(" of{}", which_minutes(minutes));
    }
    return text + which_hours(minutes, hours);
}

std::string describe_days(const CronFields& fields)
{
    Words words;
    const Values days = values_of(fields.days);
    if (!days.empty()) words.push_back(counted("day", days));
    for (const int back : values_of(fields.days_from_end)) {
        if (back == 0) {
            words.emplace_back("the last day");
        } else {
            words.push_back(fmt::format("the day {} before the last", back));
        }
    }
    for (const int day : values_of(fields.nearest_workday)) {
        if (day == 0) {
            words.emplace_back("the last weekday");
        } else {
            words.push_back(fmt::format("the weekday nearest to day {}", day));
        }
    }
    for (const int back : values_of(fields.workday_from_end)) {
        words.push_back(fmt::format("the weekday nearest to the day {} before the last", back));
    }
    return join(words) + " of the month";
}

unsigned every_week(const CronFields& fields)
{
    unsigned common = all_weekdays;
    for (const std::uint8_t nth : fields.nth_weekday) common &= nth;
    return common;
}

std::string describe_weekdays(const CronFields& fields)
{
    Words words;
    const unsigned plain = every_week(fields);
    if (plain == monday_to_friday) {
        words.emplace_back("weekdays");
    } else if (plain == saturday_and_sunday) {
        words.emplace_back("weekends");
    } else {
        // The week begins on Monday, so that Friday to Sunday is a run.
        const Values from_monday = values_of(plain >> 1U | (plain & 1U) << 6U, 1);
        words = name_runs(from_monday, [](int day) {
            return std::string(weekdays[static_cast<std::size_t>(day % 7)]) + "s";
        });
    }
    const auto add = [&](const std::string& which, unsigned bits) {
        for (const int day : values_of(bits & ~plain)) {
            words.push_back(fmt::format("the {} {} of the month", which,
                                        weekdays[static_cast<std::size_t>(day)]));
        }
    };
    for (int nth = 1; nth <= 5; ++nth) {
        add(ordinal(nth), fields.nth_weekday[static_cast<std::size_t>(nth - 1)]);
    }
    add("last", fields.last_weekday);
    return join(words);
}

std::string describe_date(const CronFields& fields)
{
    std::string text;
    const bool any_day = fields.days == all_days;
    const bool any_weekday = every_week(fields) == all_weekdays;
    if (fields.both_days) {
        if (!any_day) text = fmt::format(" on {}", describe_days(fields));
        if (!any_weekday) text += (any_day ? " on " : " falling on ") + describe_weekdays(fields);
    } else if (!any_day && !any_weekday) {
        text = fmt::format(" on {} or on {}", describe_days(fields), describe_weekdays(fields));
    }

    if (fields.months != all_months) {
        const auto name = [](int month) {
            return std::string(months[static_cast<std::size_t>(month)]);
        };
        text += fmt::format(" in {}", join(name_runs(values_of(fields.months), name)));
    }

    Values years;
    for (std::size_t word = 0; word < fields.years.size(); ++word) {
        const Values some =
            values_of(fields.years[word], Expression::first_year + 64 * static_cast<int>(word));
        years.insert(years.end(), some.begin(), some.end());
    }
    if (years.size() != all_years)
        text += (text.ends_with("month") ? ", in " : " in ") + list(years);
    return text;
}

std::string describe_interval(std::chrono::seconds interval)
{
    const auto count = interval.count();
    const auto every = [](std::int64_t n, std::string_view unit) {
        return n == 1 ? fmt::format("every {}", unit) : fmt::format("every {} {}s", n, unit);
    };
    if (count % 3600 == 0) return every(count / 3600, "hour");
    if (count % 60 == 0) return every(count / 60, "minute");
    return every(count, "second");
}

}  // namespace

std::string describe(const Expression& expression)
{
    if (const auto interval = expression.interval()) return describe_interval(*interval);
    if (const auto moment = expression.moment()) {
        return "once at " + format_rfc3339(*moment, std::chrono::seconds(0));
    }
    return describe_time(expression.fields()) + describe_date(expression.fields());
}

}  // namespace peercron
