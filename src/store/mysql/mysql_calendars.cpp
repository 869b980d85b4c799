#include "store/mysql/mysql_calendars.hpp"

#include "store/calendar_tables.hpp"
#include "store/mysql/mysql_tables.hpp"

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

CalendarTables<MysqlTables> calendars(MysqlConnection& connection)
{
    return CalendarTables(MysqlTables(connection));
}

}  // namespace

CalendarStamp MysqlCalendars::calendar_stamp()
{
    const auto work = [](MysqlConnection& connection) { return calendars(connection).stamp(); };
    return session_.run("look at the calendars", Repeat::safe, work);
}

std::vector<Calendar> MysqlCalendars::calendars_after(WallTime time)
{
    const auto work = [time](MysqlConnection& connection) {
        return calendars(connection).calendars_after(time);
    };
    return session_.run("read the calendars", Repeat::safe, work);
}

std::vector<Calendar> MysqlCalendars::calendars_of_plan()
{
    const auto work = [](MysqlConnection& connection) {
        return calendars(connection).calendars_of_plan();
    };
    return session_.run("read the calendars", Repeat::safe, work);
}

std::vector<Calendar> MysqlCalendars::versions_of(const std::string& name)
{
    const auto work = [&name](MysqlConnection& connection) {
        return calendars(connection).versions_of(name);
    };
    return session_.run("read a calendar", Repeat::safe, work);
}

Calendar MysqlCalendars::put_calendar(const Calendar& calendar)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        Calendar added = calendar;
        added.id = calendars(connection).put(calendar);
        transaction.commit({});
        return added;
    };
    return session_.run("set a calendar", Repeat::unsafe, work);
}

std::optional<Calendar> MysqlCalendars::end_calendar(const std::string& name, WallTime at,
                                                     const std::string& by)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        auto ended = calendars(connection).end(name, at, by);
        transaction.commit({});
        return ended;
    };
    return session_.run("delete a calendar", Repeat::unsafe, work);
}

void MysqlCalendars::append_calendar(const Calendar& calendar)
{
    const auto work = [&](MysqlConnection& connection) { calendars(connection).append(calendar); };
    session_.run("copy a calendar", Repeat::unsafe, work);
}

std::vector<CalendarUser> MysqlCalendars::calendar_users()
{
    const auto work = [](MysqlConnection& connection) { return calendars(connection).users(); };
    return session_.run("read which jobs have calendars", Repeat::safe, work);
}

}  // namespace peercron
