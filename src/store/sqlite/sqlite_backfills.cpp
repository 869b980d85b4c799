#include "store/sqlite/sqlite_backfills.hpp"

#include "store/backfill_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

namespace peercron {
namespace {

BackfillTables<SqliteTables> backfill_tables(SqliteConnection& connection)
{
    return BackfillTables(SqliteTables(connection));
}

}  // namespace

Backfill SqliteBackfills::add(const Backfill& draft, std::span<const WallTime> fires)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        Backfill added = backfill_tables(connection).add(draft, fires);
        transaction.commit();
        return added;
    };
    return session_.run("add a backfill", work);
}

std::vector<BackfillWork> SqliteBackfills::work(std::size_t limit)
{
    const auto work = [limit](SqliteConnection& connection) {
        return backfill_tables(connection).work(limit);
    };
    return session_.run("read what backfills are to run", work);
}

bool SqliteBackfills::end(std::int64_t id, BackfillState state, const std::string& why, WallTime at)
{
    const auto work = [&](SqliteConnection& connection) {
        return backfill_tables(connection).end(id, state, why, at);
    };
    return session_.run("end a backfill", work);
}

std::vector<BackfillProgress> SqliteBackfills::list(JobId job, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return backfill_tables(connection).list(job, limit);
    };
    return session_.run("read the backfills of a job", work);
}

std::optional<BackfillProgress> SqliteBackfills::find(std::int64_t id)
{
    const auto work = [id](SqliteConnection& connection) {
        return backfill_tables(connection).find(id);
    };
    return session_.run("read a backfill", work);
}

}  // namespace peercron
