#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// What the texts of calendars are made of, both a person's list of dates and iCalendar.

/// The years of which such a text may speak.
inline constexpr int first_calendar_year = 1970;
inline constexpr int last_calendar_year = 2199;

/// Takes the character from the beginning of the text; says whether it was there.
bool take_char(std::string_view& text, char wanted);
/// Takes a number of exactly that many digits from the beginning of the text; nullopt: there is
/// none, and the text stays as it was.
std::optional<int> take_digits(std::string_view& text, std::size_t count);

/// nullopt: there is no such day, or it is in another year.
std::optional<std::chrono::year_month_day> calendar_day(int year, int month, int day);
/// nullopt: no clock shows that.
std::optional<std::chrono::seconds> time_of_day(int hour, int minute, int second,
                                                int last_second = 59);
/// The day of the week whose English name begins with this word of that many letters, in any case.
std::optional<std::chrono::weekday> weekday_named(std::string_view word, std::size_t letters);

/// With capital letters, of ASCII.
std::string upper(std::string_view text);

}  // namespace peercron
