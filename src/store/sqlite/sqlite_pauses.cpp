#include "store/sqlite/sqlite_pauses.hpp"

#include "store/pause_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

namespace peercron {
namespace {

PauseTables<SqliteTables> pauses(SqliteConnection& connection)
{
    return PauseTables(SqliteTables(connection));
}

}  // namespace

std::vector<Pause> SqlitePauses::pauses_after(WallTime time)
{
    const auto work = [time](SqliteConnection& connection) {
        return pauses(connection).pauses_after(time);
    };
    return session_.run("read the pauses", work);
}

std::vector<Pause> SqlitePauses::pauses_of_plan()
{
    const auto work = [](SqliteConnection& connection) {
        return pauses(connection).pauses_of_plan();
    };
    return session_.run("read the pauses", work);
}

Pause SqlitePauses::add_pause(const Pause& pause)
{
    const auto work = [&](SqliteConnection& connection) {
        Pause added = pause;
        added.id = pauses(connection).add_pause(pause);
        return added;
    };
    return session_.run("add a pause", work);
}

std::vector<Pause> SqlitePauses::end_pauses(const PauseChoice& choice, WallTime at,
                                            const std::string& by)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        std::vector<Pause> ended = pauses(connection).end_pauses(choice, at, by);
        transaction.commit();
        return ended;
    };
    return session_.run("end pauses", work);
}

}  // namespace peercron
