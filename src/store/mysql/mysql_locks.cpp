#include "store/mysql/mysql_locks.hpp"

#include "store/lock_tables.hpp"
#include "store/mysql/mysql_tables.hpp"

namespace peercron {
namespace {

LockTables<MysqlTables> lock_tables(MysqlConnection& connection)
{
    return LockTables(MysqlTables(connection));
}

}  // namespace

std::vector<LockLimit> MysqlLocks::limits()
{
    const auto work = [](MysqlConnection& connection) { return lock_tables(connection).limits(); };
    return session_.run("read the limits of locks", MysqlSession::Repeat::safe, work);
}

void MysqlLocks::set_limit(const LockLimit& limit)
{
    const auto work = [&limit](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        lock_tables(connection).set_limit(limit);
        transaction.commit({});
    };
    session_.run("set the limit of a lock", MysqlSession::Repeat::safe, work);
}

bool MysqlLocks::delete_limit(const std::string& name)
{
    const auto work = [&name](MysqlConnection& connection) {
        return lock_tables(connection).delete_limit(name);
    };
    return session_.run("delete the limit of a lock", MysqlSession::Repeat::safe, work);
}

std::vector<LockUser> MysqlLocks::users()
{
    const auto work = [](MysqlConnection& connection) { return lock_tables(connection).users(); };
    return session_.run("read which jobs have locks", MysqlSession::Repeat::safe, work);
}

std::vector<OpenLockRun> MysqlLocks::open_runs()
{
    const auto work = [](MysqlConnection& connection) {
        return lock_tables(connection).open_runs();
    };
    return session_.run("read which runs have locks", MysqlSession::Repeat::safe, work);
}

}  // namespace peercron
