#include "store/sqlite/sqlite_calendars.hpp"

#include "store/calendar_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

namespace peercron {
namespace {

CalendarTables<SqliteTables> calendars(SqliteConnection& connection)
{
    return CalendarTables(SqliteTables(connection));
}

}  // namespace

CalendarStamp SqliteCalendars::calendar_stamp()
{
    const auto work = [](SqliteConnection& connection) { return calendars(connection).stamp(); };
    return session_.run("look at the calendars", work);
}

std::vector<Calendar> SqliteCalendars::calendars_after(WallTime time)
{
    const auto work = [time](SqliteConnection& connection) {
        return calendars(connection).calendars_after(time);
    };
    return session_.run("read the calendars", work);
}

std::vector<Calendar> SqliteCalendars::calendars_of_plan()
{
    const auto work = [](SqliteConnection& connection) {
        return calendars(connection).calendars_of_plan();
    };
    return session_.run("read the calendars", work);
}

std::vector<Calendar> SqliteCalendars::versions_of(const std::string& name)
{
    const auto work = [&name](SqliteConnection& connection) {
        return calendars(connection).versions_of(name);
    };
    return session_.run("read a calendar", work);
}

Calendar SqliteCalendars::put_calendar(const Calendar& calendar)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        Calendar added = calendar;
        added.id = calendars(connection).put(calendar);
        transaction.commit();
        return added;
    };
    return session_.run("set a calendar", work);
}

std::optional<Calendar> SqliteCalendars::end_calendar(const std::string& name, WallTime at,
                                                      const std::string& by)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        auto ended = calendars(connection).end(name, at, by);
        transaction.commit();
        return ended;
    };
    return session_.run("delete a calendar", work);
}

void SqliteCalendars::append_calendar(const Calendar& calendar)
{
    const auto work = [&](SqliteConnection& connection) { calendars(connection).append(calendar); };
    session_.run("copy a calendar", work);
}

std::vector<CalendarUser> SqliteCalendars::calendar_users()
{
    const auto work = [](SqliteConnection& connection) { return calendars(connection).users(); };
    return session_.run("read which jobs have calendars", work);
}

}  // namespace peercron
