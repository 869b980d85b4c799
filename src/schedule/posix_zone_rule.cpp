#include "schedule/posix_zone_rule.hpp"

#include <algorithm>

namespace peercron {

using std::chrono::seconds;

/// Takes the text from the left. What does not fit makes it failed for good.
class PosixZoneRule::Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool failed() const { return failed_; }
    bool at_end() const { return rest_.empty(); }
    bool at(char c) const { return !rest_.empty() && rest_.front() == c; }

    bool skip(char c)
    {
        if (!at(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void expect(char c) { failed_ = !skip(c) || failed_; }

    void name()
    {
        const bool quoted = skip('<');
        const std::size_t length = quoted ? rest_.find('>') : rest_.find_first_of("+-0123456789,");
        if (length == std::string_view::npos || length == 0) {
            failed_ = true;
            return;
        }
        rest_.remove_prefix(length);
        if (quoted) expect('>');
    }

    int number(int limit)
    {
        int value = 0;
        bool any = false;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && value <= limit) {
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
            any = true;
        }
        if (!any || value > limit) failed_ = true;
        return value;
    }

    seconds time()
    {
        const bool negative = skip('-');
        if (!negative) skip('+');
        seconds value = std::chrono::hours(number(167));
        if (skip(':')) value += std::chrono::minutes(number(59));
        if (skip(':')) value += seconds(number(59));
        return negative ? -value : value;
    }

    Date date()
    {
        Date date;
        if (skip('M')) {
            date.month = number(12);
            expect('.');
            date.week = number(5);
            expect('.');
            date.day = number(6);
            failed_ = failed_ || date.month == 0 || date.week == 0;
        } else if (skip('J')) {
            date.form = Form::julian_day_without_leap;
            date.day = number(365);
        } else {
            date.form = Form::day_of_year;
            date.day = number(365);
        }
        if (skip('/')) date.time = time();
        return date;
    }

private:
    std::string_view rest_;
    bool failed_ = false;
};

std::optional<PosixZoneRule> PosixZoneRule::parse(std::string_view text)
{
    PosixZoneRule rule;
    Reader reader(text);
    reader.name();
    rule.standard_ = -reader.time();  // POSIX counts west of Greenwich as positive
    if (reader.failed() || reader.at_end()) return std::nullopt;
    reader.name();
    rule.daylight_ = rule.standard_ + std::chrono::hours(1);
    if (!reader.at(',')) rule.daylight_ = -reader.time();
    reader.expect(',');
    rule.to_daylight_ = reader.date();
    reader.expect(',');
    rule.to_standard_ = reader.date();
    if (reader.failed() || !reader.at_end()) return std::nullopt;
    return rule;
}

std::chrono::local_seconds PosixZoneRule::Date::in(std::chrono::year year) const
{
    using namespace std::chrono;
    if (form == Form::weekday_of_month) {
        const weekday wanted(static_cast<unsigned>(day));
        const auto on = year / std::chrono::month(static_cast<unsigned>(month));
        if (week == 5) return local_days(on / wanted[last]) + time;
        return local_days(on / wanted[static_cast<unsigned>(week)]) + time;
    }
    local_days found = local_days(year / January / 1) + days(day);
    if (form == Form::julian_day_without_leap) {
        // Days are counted from 1, and 29 February not at all.
        found -= days(1);
        if (year.is_leap() && day >= 60) found += days(1);
    }
    return found + time;
}

std::array<PosixZoneRule::Change, 2> PosixZoneRule::changes(std::chrono::year year) const
{
    using std::chrono::sys_seconds;
    std::array<Change, 2> both{
        Change{sys_seconds(to_daylight_.in(year).time_since_epoch() - standard_), daylight_},
        Change{sys_seconds(to_standard_.in(year).time_since_epoch() - daylight_), standard_}};
    if (both[1].at < both[0].at) std::swap(both[0], both[1]);
    return both;
}

}  // namespace peercron
