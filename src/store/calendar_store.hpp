#pragma once

#include "base/clock.hpp"
#include "model/calendar.hpp"
#include "model/job.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Which calendars somebody has read: with each change of any of them there is another one.
struct CalendarStamp {
    std::int64_t newest = 0;  ///< id
    std::int64_t ended = 0;   ///< how many are not the present ones any more

    friend bool operator==(const CalendarStamp&, const CalendarStamp&) = default;
};

/// How long before planned-through a fire may be due that a dispatcher still judges by calendars.
/// One with jitter starts up to a day after its time. One of a job that runs after others has the
/// moment of theirs, which may have run, or been tried again, for weeks: a dispatcher looks for
/// such parents 31 days back (dispatch/chain_reader.cpp).
inline constexpr std::chrono::days plan_asks_calendars_back{32};

/// A job that names calendars.
struct CalendarUser {
    JobId job = 0;
    std::string name;
    std::vector<std::string> calendar;
};

/// The part of a store that is about calendars. As Store, of which it is a part: errors, threads.
///
/// What a calendar said before it was changed or deleted stays, so that an audit knows it.
class CalendarStore {
public:
    CalendarStore() = default;
    CalendarStore(const CalendarStore&) = delete;
    CalendarStore& operator=(const CalendarStore&) = delete;
    virtual ~CalendarStore() = default;

    virtual CalendarStamp calendar_stamp() = 0;
    /// Those that end later than this, by id.
    virtual std::vector<Calendar> calendars_after(WallTime time) = 0;
    /// Those that end later than plan_asks_calendars_back before planned-through, by id.
    virtual std::vector<Calendar> calendars_of_plan() = 0;
    /// All of that name, by id.
    virtual std::vector<Calendar> versions_of(const std::string& name) = 0;
    /// In the place of the present one of its name, if there is one, which ends when this begins.
    /// Under a new id.
    virtual Calendar put_calendar(const Calendar& calendar) = 0;
    /// Ends the present one of that name; nullopt: there is none.
    virtual std::optional<Calendar> end_calendar(const std::string& name, WallTime at,
                                                 const std::string& by) = 0;
    /// As it is, under a new id: for copies.
    virtual void append_calendar(const Calendar& calendar) = 0;
    /// By id.
    virtual std::vector<CalendarUser> calendar_users() = 0;
};

}  // namespace peercron
