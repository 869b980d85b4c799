#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

namespace peercron {

/// How a zone goes on after the last change that its table lists: two changes every year, by rule.
///
/// Source: POSIX.1-2017, 8.3 "TZ", and RFC 8536, 3.3.1, which lets hours run from -167 to 167.
class PosixZoneRule {
public:
    struct Change {
        std::chrono::sys_seconds at;
        std::chrono::seconds offset;  ///< what holds from then on
    };

    /// Understands "CET-1CEST,M3.5.0,M10.5.0/3". Nothing for a text that is malformed and for one
    /// without daylight saving time ("<+00>0"), where no change ever comes.
    static std::optional<PosixZoneRule> parse(std::string_view text);

    /// The changes of `year`, the earlier one first.
    std::array<Change, 2> changes(std::chrono::year year) const;

private:
    enum class Form { julian_day_without_leap, day_of_year, weekday_of_month };

    struct Date {
        Form form = Form::weekday_of_month;
        int day = 0;  ///< of the year, or the weekday
        int week = 0;
        int month = 0;
        std::chrono::seconds time = std::chrono::hours(2);

        std::chrono::local_seconds in(std::chrono::year year) const;
    };
    class Reader;

    std::chrono::seconds standard_{};
    std::chrono::seconds daylight_{};
    Date to_daylight_;
    Date to_standard_;
};

}  // namespace peercron
