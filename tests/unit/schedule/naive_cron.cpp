#include "naive_cron.hpp"

#include <date/tz.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace peercron::naive {
namespace {

using namespace std::chrono;

std::vector<std::string> split(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) {
        if (!part.empty()) parts.push_back(part);
    }
    return parts;
}

int number(const std::string& text)
{
    static const std::vector<std::string> months{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                 "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
    static const std::vector<std::string> weekdays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
    for (std::size_t i = 0; i < months.size(); ++i) {
        if (text == months[i]) return static_cast<int>(i) + 1;
    }
    for (std::size_t i = 0; i < weekdays.size(); ++i) {
        if (text == weekdays[i]) return static_cast<int>(i);
    }
    return std::stoi(text);
}

/// Whether "*", "a", "a-b" with or without "/n" names the value.
bool plain_element_matches(const std::string& element, int value, int min, int max)
{
    const auto slash = element.find('/');
    const int step = slash == std::string::npos ? 1 : std::stoi(element.substr(slash + 1));
    const std::string base = element.substr(0, slash);
    int first = min;
    int last = max;
    if (base != "*" && base != "?") {
        const auto dash = base.find('-');
        first = number(base.substr(0, dash));
        last = first;
        if (dash != std::string::npos) {
            last = number(base.substr(dash + 1));
        } else if (slash != std::string::npos) {
            last = max;
        }
    }
    if (first > last) {
        // Hand over hand: past the field's end it goes on at its beginning.
        if (first > max) first = min;
        int distance = 0;
        for (int at = first; at != last; at = at == max ? min : at + 1) {
            if (at == value) return distance % step == 0;
            ++distance;
        }
        return value == last && distance % step == 0;
    }
    return value >= first && value <= last && (value - first) % step == 0;
}

/// For every value from `min` to `max` whether the field names it.
std::vector<bool> named(const std::string& field, int min, int max)
{
    const auto elements = split(field, ',');
    std::vector<bool> values;
    for (int value = min; value <= max; ++value) {
        values.push_back(std::any_of(elements.begin(), elements.end(), [&](const std::string& e) {
            return plain_element_matches(e, value, min, max);
        }));
    }
    return values;
}

bool is_workday(local_days day)
{
    return weekday(day) != Saturday && weekday(day) != Sunday;
}

/// The nearest of all workdays of the month; the earlier one of two equally near.
local_days nearest_workday(local_days target)
{
    const year_month_day date(target);
    const year_month_day_last last_day = date.year() / date.month() / last;
    local_days best{};
    int best_distance = 100;
    for (unsigned d = 1; d <= static_cast<unsigned>(last_day.day()); ++d) {
        const local_days candidate(date.year() / date.month() / std::chrono::day(d));
        const int distance = static_cast<int>(std::abs((candidate - target).count()));
        if (is_workday(candidate) && distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

bool day_element_matches(const std::string& element, local_days day)
{
    const year_month_day date(day);
    const local_days last_day(date.year() / date.month() / last);
    if (element == "L") return day == last_day;
    if (element == "LW") {
        local_days candidate = last_day;
        while (!is_workday(candidate)) candidate -= days(1);
        return day == candidate;
    }
    if (element.starts_with("L-")) {
        const local_days target = last_day - days(std::stoi(element.substr(2)));
        if (year_month_day(target).month() != date.month()) return false;
        return day == (element.ends_with("W") ? nearest_workday(target) : target);
    }
    if (element.ends_with("W")) {
        const auto wanted = static_cast<unsigned>(std::stoi(element));
        const year_month_day target = date.year() / date.month() / std::chrono::day(wanted);
        return target.ok() && day == nearest_workday(local_days(target));
    }
    return plain_element_matches(element, static_cast<int>(static_cast<unsigned>(date.day())), 1,
                                 31);
}

bool weekday_element_matches(const std::string& element, local_days day)
{
    const year_month_day date(day);
    const int today = static_cast<int>(weekday(day).c_encoding());
    const auto hash = element.find('#');
    if (hash != std::string::npos) {
        const int nth = (static_cast<int>(static_cast<unsigned>(date.day())) - 1) / 7 + 1;
        return number(element.substr(0, hash)) % 7 == today &&
               std::stoi(element.substr(hash + 1)) == nth;
    }
    if (element.ends_with("L")) {
        const bool last_week = year_month_day(day + days(7)).month() != date.month();
        return number(element.substr(0, element.size() - 1)) % 7 == today && last_week;
    }
    return plain_element_matches(element, today, 0, 6) ||
           (today == 0 && element.front() != '*' && element.find('/') == std::string::npos &&
            plain_element_matches(element, 7, 0, 7));
}

bool begins_with_star(const std::string& field)
{
    return field.front() == '*';
}
bool is_open(const std::string& field)
{
    return begins_with_star(field) || field == "?";
}

}  // namespace

Cron::Cron(std::string_view expression) : fields_(split(std::string(expression), ' '))
{
    if (fields_.size() == 6) fields_.emplace_back("*");
    seconds_ = named(fields_.at(0), 0, 59);
    minutes_ = named(fields_.at(1), 0, 59);
    hours_ = named(fields_.at(2), 0, 23);
    days_ = split(fields_.at(3), ',');
    months_ = named(fields_.at(4), 1, 12);
    weekdays_ = split(fields_.at(5), ',');
    years_ = named(fields_.at(6), 1970, 2199);
}

bool Cron::matches_date(local_days day) const
{
    const year_month_day date(day);
    if (!months_.at(static_cast<unsigned>(date.month()) - 1)) return false;
    if (!years_.at(static_cast<std::size_t>(static_cast<int>(date.year()) - 1970))) return false;

    const bool by_day = std::any_of(days_.begin(), days_.end(), [&](const std::string& e) {
        return day_element_matches(e, day);
    });
    const bool by_weekday =
        std::any_of(weekdays_.begin(), weekdays_.end(),
                    [&](const std::string& e) { return weekday_element_matches(e, day); });
    if (is_open(fields_[3]) || is_open(fields_[5])) return by_day && by_weekday;
    return by_day || by_weekday;
}

bool Cron::matches_time(int second_of_day) const
{
    const auto s = static_cast<std::size_t>(second_of_day);
    return hours_[s / 3600] && minutes_[s / 60 % 60] && seconds_[s % 60];
}

std::vector<sys_seconds> Cron::fires(std::string_view zone, sys_seconds begin,
                                     sys_seconds end) const
{
    const bool wild = begins_with_star(fields_[1]) || begins_with_star(fields_[2]);
    const date::time_zone* const rules = date::locate_zone(zone);
    date::sys_info info = rules->get_info(begin - hours(30));
    std::vector<sys_seconds> found;

    local_days today = local_days::min();
    bool today_matches = false;
    const auto matches = [&](local_seconds time) {
        const local_days day = floor<days>(time);
        if (day != today) {
            today = day;
            today_matches = matches_date(day);
        }
        return today_matches && matches_time(static_cast<int>((time - day).count()));
    };

    // The clock starts early enough to be out of any repeated hour when it counts.
    sys_seconds now = begin - hours(30);
    auto virtual_time = local_seconds(now.time_since_epoch() + info.offset) - seconds(1);
    for (; now < end; now += seconds(1)) {
        if (now >= info.end) info = rules->get_info(now);
        const local_seconds clock(now.time_since_epoch() + info.offset);
        const seconds ahead = clock - virtual_time;
        bool fire = false;
        if (ahead == seconds(1) || ahead > hours(3) || ahead <= -hours(3) + seconds(1)) {
            fire = matches(clock);
            virtual_time = clock;
        } else if (ahead > seconds(1)) {
            if (wild) fire = matches(clock);
            while (virtual_time < clock) {
                virtual_time += seconds(1);
                if (!wild && matches(virtual_time)) fire = true;
            }
        } else {
            fire = wild && matches(clock);
        }
        if (fire && now >= begin) found.push_back(now);
    }
    return found;
}

std::string Generator::set(int min, int max)
{
    std::string text;
    const int elements = one_in(3) ? between(2, 4) : 1;
    const auto end_of = [&](int first) {
        // Years have no beginning to go on at.
        return between(one_in(3) && max < 100 ? min : first, max);
    };
    for (int i = 0; i < elements; ++i) {
        if (i > 0) text += ',';
        const int first = between(min, max);
        switch (below(4)) {
            case 0:
                text += std::to_string(first) + '-' + std::to_string(end_of(first));
                break;
            case 1:
                text += std::to_string(first) + '/' + std::to_string(between(1, max - min + 1));
                break;
            case 2:
                text += std::to_string(first) + '-' + std::to_string(end_of(first)) + '/' +
                        std::to_string(between(1, max - min + 1));
                break;
            default:
                text += std::to_string(first);
                break;
        }
    }
    return text;
}

std::string Generator::day()
{
    switch (below(11)) {
        case 0:
            return "?";
        case 1:
            return "L";
        case 2:
            return "L-" + std::to_string(between(0, 30));
        case 3:
            return "LW";
        case 4:
            return std::to_string(between(1, 31)) + "W";
        case 5:
            return "*/" + std::to_string(between(1, 31));
        case 6:
            return set(1, 31) + ",L-" + std::to_string(below(4)) + ",15W";
        case 7:
            return set(1, 31);
        case 8:
            return "L-" + std::to_string(between(0, 30)) + "W";
        default:
            return "*";
    }
}

std::string Generator::weekday()
{
    static const std::vector<std::string> names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
    const auto name = [&] { return names[static_cast<std::size_t>(below(7))]; };
    switch (below(10)) {
        case 0:
            return "?";
        case 1:
            return name() + "," + name();
        case 2:
            return std::to_string(between(0, 7)) + "L";
        case 3:
            return std::to_string(between(0, 7)) + "#" + std::to_string(between(1, 5));
        case 4:
            return "*/" + std::to_string(between(1, 7));
        case 5:
            return set(0, 6);
        case 6:
            return std::to_string(between(1, 7)) + "-7";
        case 7:
            return name() + "-" + name() + (one_in(2) ? "/2" : "");
        default:
            return "*";
    }
}

std::string Generator::date_fields()
{
    std::string text = day() + ' ';
    text += (one_in(3)   ? set(1, 12)
             : one_in(6) ? "*/" + std::to_string(between(1, 12))
                         : "*") +
            ' ';
    text += weekday() + ' ';
    text += one_in(5) ? set(1970, 2199) : "*";
    return text;
}

std::string Generator::expression()
{
    static const std::vector<std::string> seconds{"0", "0", "*", "*/15", "30", "59", "5/20"};
    static const std::vector<std::string> minutes{"0",   "30",      "15,45", "*",
                                                  "*/5", "0-29/10", "59",    "*/30,1"};
    static const std::vector<std::string> hours{"*",   "0",   "1",   "2",      "3",   "23",
                                                "0-3", "2,3", "*/2", "1-23/2", "*,5", "12"};
    const auto pick = [&](const std::vector<std::string>& from) {
        return from[static_cast<std::size_t>(below(static_cast<int>(from.size())))];
    };
    std::string text = (one_in(4) ? set(0, 59) : pick(seconds)) + ' ';
    text += (one_in(4) ? set(0, 59) : pick(minutes)) + ' ';
    text += (one_in(4) ? set(0, 23) : pick(hours)) + ' ';
    return text + (one_in(3) ? date_fields() : "* * *");
}

int cases(int usual)
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets the environment of a test
    const char* scale = std::getenv("PEERCRON_TEST_SCALE");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
    constexpr int slow = 6;
#else
    constexpr int slow = 1;
#endif
    return usual / slow * (scale != nullptr ? std::max(1, std::atoi(scale)) : 1);
}

}  // namespace peercron::naive
