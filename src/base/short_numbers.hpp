#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace peercron {

namespace detail {

/// What a character is worth as a digit; -1: it is none.
constexpr std::array<std::int8_t, 256> make_digit_values()
{
    constexpr std::string_view lower = "0123456789abcdefghijklmnopqrstuvwxyz";
    constexpr std::string_view upper = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t digit = 0; digit < lower.size(); ++digit) {
        values[static_cast<unsigned char>(lower[digit])] = static_cast<std::int8_t>(digit);
        values[static_cast<unsigned char>(upper[digit])] = static_cast<std::int8_t>(digit);
    }
    return values;
}

inline constexpr std::array<std::int8_t, 256> digit_values = make_digit_values();

template <int base>
constexpr int digit_of(char character)
{
    const int value = digit_values[static_cast<unsigned char>(character)];
    return value < base ? value : -1;
}

}  // namespace detail

/// The same as std::from_chars(). A number that is short and has no sign is read without asking at
/// each digit whether there is an overflow.
template <int base>
std::from_chars_result read_short_number(const char* first, const char* last, std::int64_t& number)
{
    static_assert(base == 10 || base == 36);
    constexpr std::ptrdiff_t digits_that_fit = base == 10 ? 18 : 12;
    const char* const limit = last - first > digits_that_fit ? first + digits_that_fit : last;
    std::int64_t read = 0;
    const char* at = first;
    for (; at != limit; ++at) {
        const int digit = detail::digit_of<base>(*at);
        if (digit < 0) break;
        read = read * base + digit;
    }
    const bool is_whole = at != first && (at == last || detail::digit_of<base>(*at) < 0);
    if (!is_whole) return std::from_chars(first, last, number, base);
    number = read;
    return {at, std::errc()};
}

}  // namespace peercron
