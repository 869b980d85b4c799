#include "store/sqlite/sqlite_locks.hpp"

#include "store/lock_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

namespace peercron {
namespace {

LockTables<SqliteTables> lock_tables(SqliteConnection& connection)
{
    return LockTables(SqliteTables(connection));
}

}  // namespace

std::vector<LockLimit> SqliteLocks::limits()
{
    const auto work = [](SqliteConnection& connection) { return lock_tables(connection).limits(); };
    return session_.run("read the limits of locks", work);
}

void SqliteLocks::set_limit(const LockLimit& limit)
{
    const auto work = [&limit](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        lock_tables(connection).set_limit(limit);
        transaction.commit();
    };
    session_.run("set the limit of a lock", work);
}

bool SqliteLocks::delete_limit(const std::string& name)
{
    const auto work = [&name](SqliteConnection& connection) {
        return lock_tables(connection).delete_limit(name);
    };
    return session_.run("delete the limit of a lock", work);
}

std::vector<LockUser> SqliteLocks::users()
{
    const auto work = [](SqliteConnection& connection) { return lock_tables(connection).users(); };
    return session_.run("read which jobs have locks", work);
}

std::vector<OpenLockRun> SqliteLocks::open_runs()
{
    const auto work = [](SqliteConnection& connection) {
        return lock_tables(connection).open_runs();
    };
    return session_.run("read which runs have locks", work);
}

}  // namespace peercron
