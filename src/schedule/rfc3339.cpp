#include "schedule/rfc3339.hpp"

#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

namespace peercron {
namespace {

using namespace std::chrono;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Takes the text from the left; what does not fit makes it failed for good.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool succeeded() const { return !failed_ && rest_.empty(); }

    /// A number of exactly so many digits.
    int digits(std::size_t count, int max)
    {
        if (rest_.size() < count ||
            !std::all_of(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count),
                         is_digit)) {
            failed_ = true;
            return 0;
        }
        int value = 0;
        for (const char c : rest_.substr(0, count)) value = value * 10 + (c - '0');
        rest_.remove_prefix(count);
        if (value > max) failed_ = true;
        return value;
    }

    /// The character that comes, when it is one of `allowed`.
    std::optional<char> one_of(std::string_view allowed)
    {
        if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos)
            return std::nullopt;
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void expect(std::string_view allowed) { failed_ = !one_of(allowed) || failed_; }

    void skip_fraction()
    {
        if (!one_of(".")) return;
        digits(1, 9);
        while (!rest_.empty() && is_digit(rest_.front())) rest_.remove_prefix(1);
    }

private:
    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace

Result<sys_seconds> parse_rfc3339(std::string_view text)
{
    Reader reader(text);
    const year y(reader.digits(4, 9999));
    reader.expect("-");
    const month m(static_cast<unsigned>(reader.digits(2, 12)));
    reader.expect("-");
    const day d(static_cast<unsigned>(reader.digits(2, 31)));
    reader.expect("Tt ");
    seconds time = hours(reader.digits(2, 23));
    reader.expect(":");
    time += minutes(reader.digits(2, 59));
    reader.expect(":");
    time += seconds(reader.digits(2, 59));
    reader.skip_fraction();
    if (!reader.one_of("Zz")) {
        const bool west = reader.one_of("-").has_value();
        if (!west) reader.expect("+");
        seconds offset = hours(reader.digits(2, 23));
        reader.expect(":");
        offset += minutes(reader.digits(2, 59));
        time += west ? offset : -offset;
    }
    const year_month_day date = y / m / d;
    if (!reader.succeeded() || !date.ok()) {
        return Error{quote(text) +
                     " is not a time as in RFC 3339; allowed are 2026-11-21T00:00:00+01:00 and "
                     "2026-11-20T23:00:00Z"};
    }
    return sys_days(date) + time;
}

std::string format_rfc3339(sys_seconds time, seconds offset)
{
    const minutes shift = floor<minutes>(offset);
    const sys_seconds local = time + shift;
    const sys_days date = floor<days>(local);
    const year_month_day ymd(date);
    const hh_mm_ss clock(local - date);
    const hh_mm_ss away(abs(shift));
    return fmt::format(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}", static_cast<int>(ymd.year()),
        static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()), clock.hours().count(),
        clock.minutes().count(), clock.seconds().count(), shift < minutes(0) ? '-' : '+',
        away.hours().count(), away.minutes().count());
}

}  // namespace peercron
