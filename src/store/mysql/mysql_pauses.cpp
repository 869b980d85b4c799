#include "store/mysql/mysql_pauses.hpp"

#include "store/mysql/mysql_tables.hpp"
#include "store/pause_tables.hpp"

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

PauseTables<MysqlTables> pauses(MysqlConnection& connection)
{
    return PauseTables(MysqlTables(connection));
}

}  // namespace

std::vector<Pause> MysqlPauses::pauses_after(WallTime time)
{
    const auto work = [time](MysqlConnection& connection) {
        return pauses(connection).pauses_after(time);
    };
    return session_.run("read the pauses", Repeat::safe, work);
}

std::vector<Pause> MysqlPauses::pauses_of_plan()
{
    const auto work = [](MysqlConnection& connection) {
        return pauses(connection).pauses_of_plan();
    };
    return session_.run("read the pauses", Repeat::safe, work);
}

Pause MysqlPauses::add_pause(const Pause& pause)
{
    const auto work = [&](MysqlConnection& connection) {
        Pause added = pause;
        added.id = pauses(connection).add_pause(pause);
        return added;
    };
    return session_.run("add a pause", Repeat::unsafe, work);
}

std::vector<Pause> MysqlPauses::end_pauses(const PauseChoice& choice, WallTime at,
                                           const std::string& by)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        std::vector<Pause> ended = pauses(connection).end_pauses(choice, at, by);
        transaction.commit({});
        return ended;
    };
    return session_.run("end pauses", Repeat::safe, work);
}

}  // namespace peercron
