#pragma once

#include "store/calendar_store.hpp"
#include "store/sqlite/sqlite_session.hpp"

namespace peercron {

/// The part of a SqliteStore that is about calendars; uses its session.
class SqliteCalendars final : public CalendarStore {
public:
    explicit SqliteCalendars(SqliteSession& session) : session_(session) {}

    CalendarStamp calendar_stamp() override;
    std::vector<Calendar> calendars_after(WallTime time) override;
    std::vector<Calendar> calendars_of_plan() override;
    std::vector<Calendar> versions_of(const std::string& name) override;
    Calendar put_calendar(const Calendar& calendar) override;
    std::optional<Calendar> end_calendar(const std::string& name, WallTime at,
                                         const std::string& by) override;
    void append_calendar(const Calendar& calendar) override;
    std::vector<CalendarUser> calendar_users() override;

private:
    SqliteSession& session_;
};

}  // namespace peercron
