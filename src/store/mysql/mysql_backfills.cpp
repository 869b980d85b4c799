#include "store/mysql/mysql_backfills.hpp"

#include "store/backfill_tables.hpp"
#include "store/mysql/mysql_tables.hpp"

namespace peercron {
namespace {

BackfillTables<MysqlTables> backfill_tables(MysqlConnection& connection)
{
    return BackfillTables(MysqlTables(connection));
}

}  // namespace

Backfill MysqlBackfills::add(const Backfill& draft, std::span<const WallTime> fires)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        Backfill added = backfill_tables(connection).add(draft, fires);
        transaction.commit({});
        return added;
    };
    return session_.run("add a backfill", MysqlSession::Repeat::unsafe, work);
}

std::vector<BackfillWork> MysqlBackfills::work(std::size_t limit)
{
    const auto work = [limit](MysqlConnection& connection) {
        return backfill_tables(connection).work(limit);
    };
    return session_.run("read what backfills are to run", MysqlSession::Repeat::safe, work);
}

bool MysqlBackfills::end(std::int64_t id, BackfillState state, const std::string& why, WallTime at)
{
    const auto work = [&](MysqlConnection& connection) {
        return backfill_tables(connection).end(id, state, why, at);
    };
    return session_.run("end a backfill", MysqlSession::Repeat::safe, work);
}

std::vector<BackfillProgress> MysqlBackfills::list(JobId job, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return backfill_tables(connection).list(job, limit);
    };
    return session_.run("read the backfills of a job", MysqlSession::Repeat::safe, work);
}

std::optional<BackfillProgress> MysqlBackfills::find(std::int64_t id)
{
    const auto work = [id](MysqlConnection& connection) {
        return backfill_tables(connection).find(id);
    };
    return session_.run("read a backfill", MysqlSession::Repeat::safe, work);
}

}  // namespace peercron
