#include "schedule/text_parts.hpp"

#include <algorithm>
#include <array>

namespace peercron {

bool take_char(std::string_view& text, char wanted)
{
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<int> take_digits(std::string_view& text, std::size_t count)
{
    if (text.size() < count) return std::nullopt;
    int number = 0;
    for (const char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return number;
}

std::optional<std::chrono::year_month_day> calendar_day(int year, int month, int day)
{
    if (year < first_calendar_year || year > last_calendar_year) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    return date;
}

std::optional<std::chrono::seconds> time_of_day(int hour, int minute, int second, int last_second)
{
    if (hour > 23 || minute > 59 || second > last_second) return std::nullopt;
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::optional<std::chrono::weekday> weekday_named(std::string_view word, std::size_t letters)
{
    constexpr std::array<std::string_view, 7> names{"SUNDAY",   "MONDAY", "TUESDAY", "WEDNESDAY",
                                                    "THURSDAY", "FRIDAY", "SATURDAY"};
    const std::string wanted = upper(word);
    const auto* const found = std::ranges::find_if(
        names, [&](std::string_view name) { return name.substr(0, letters) == wanted; });
    if (found == names.end()) return std::nullopt;
    return std::chrono::weekday(static_cast<unsigned>(found - names.begin()));
}

std::string upper(std::string_view text)
{
    std::string result(text);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return result;
}

}  // namespace peercron
