#include "http/time_text.hpp"

#include <charconv>
#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono;

/// Reads a text from left to right; after the first thing that is not there nothing is.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    /// Exactly `digits` decimal digits, at most `most`.
    int number(std::size_t digits, int most)
    {
        int value = 0;
        if (rest_.size() < digits) return fail();
        for (const char c : rest_.substr(0, digits)) {
            if (c < '0' || c > '9') return fail();
            value = value * 10 + (c - '0');
        }
        if (value > most) return fail();
        rest_.remove_prefix(digits);
        return value;
    }

    /// One of these characters; returns it.
    char one_of(std::string_view allowed)
    {
        if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) {
            fail();
            return '\0';
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    /// The digits after a point as milliseconds; 0 when there is no point.
    milliseconds fraction()
    {
        if (!rest_.starts_with('.')) return milliseconds(0);
        rest_.remove_prefix(1);
        milliseconds value(0);
        milliseconds digit(100);
        std::size_t count = 0;
        for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
            value += digit * (rest_[count] - '0');
            digit /= 10;
        }
        if (count == 0) fail();
        rest_.remove_prefix(count);
        return value;
    }

    bool is_at_end() const { return is_good_ && rest_.empty(); }

private:
    int fail()
    {
        is_good_ = false;
        rest_ = {};
        return 0;
    }

    std::string_view rest_;
    bool is_good_ = true;
};

std::optional<WallTime> parse_millis(std::string_view text)
{
    Scanner scan(text);
    const int y = scan.number(4, 9999);
    scan.one_of("-");
    const int mo = scan.number(2, 12);
    scan.one_of("-");
    const int d = scan.number(2, 31);
    scan.one_of("Tt ");
    const hours h(scan.number(2, 23));
    scan.one_of(":");
    const minutes m(scan.number(2, 59));
    scan.one_of(":");
    const seconds s(scan.number(2, 59));
    const milliseconds fraction = scan.fraction();
    const char zone = scan.one_of("Zz+- ");
    minutes offset(0);
    if (zone == '+' || zone == '-' || zone == ' ') {
        offset = hours(scan.number(2, 23));
        scan.one_of(":");
        offset += minutes(scan.number(2, 59));
        if (zone == '-') offset = -offset;
    }
    const year_month_day date(year(y), month(static_cast<unsigned>(mo)),
                              day(static_cast<unsigned>(d)));
    if (!scan.is_at_end() || !date.ok()) return std::nullopt;
    return WallTime(sys_days(date)) + h + m + s + fraction - offset;
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text)
{
    std::int64_t unix_seconds = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data(), end, unix_seconds);
    if (bad == std::errc() && stop == end) {
        if (unix_seconds < 0 || unix_seconds > last_unix_second) return std::nullopt;
        return WallTime(seconds(unix_seconds));
    }
    return parse_millis(text);
}

}  // namespace peercron
