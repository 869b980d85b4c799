#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// The most characters of Calendar::remark.
inline constexpr std::size_t longest_calendar_remark = 1024;

/// What a calendar says from one moment to another. Changing it is another one of the same name.
/// Which days its texts name is for schedule/ to say (CalendarDays).
struct Calendar {
    std::int64_t id = 0;
    std::string name;
    std::string remark;
    std::string dates;
    std::string ical;
    std::string set_by;                ///< "alice from 10.0.0.7"
    WallTime set_at{};                 ///< from this moment on …
    std::optional<WallTime> ended_at;  ///< … and before this one; not set: it is the present one
    std::string ended_by;

    WallTime end() const { return ended_at.value_or(WallTime::max()); }

    friend bool operator==(const Calendar&, const Calendar&) = default;
};

/// Whether a calendar may have this name.
bool is_calendar_name(std::string_view text);

/// Of Job::calendar: the name of a calendar that a fire must be in, or with ! before it must not.
bool is_calendar_term(std::string_view text);

}  // namespace peercron
