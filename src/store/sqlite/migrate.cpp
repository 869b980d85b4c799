#include "store/sqlite/migrate.hpp"

#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <iterator>
#include <optional>
#include <span>

namespace peercron {
namespace {

std::int64_t current(SqliteConnection& connection)
{
    SqliteStatement number = connection.prepare("SELECT MAX(number) FROM schema_migration");
    return number.next() ? number.integer(0) : 0;
}

/// SQLite does not know it: all ids between the first and the last one.
std::int64_t about_rows(SqliteConnection& connection, const std::string& table)
{
    SqliteStatement rows =
        connection.prepare("SELECT COALESCE(MAX(id) - MIN(id) + 1, 0) FROM " + table);
    return rows.next() ? rows.integer(0) : 0;
}

void apply(SqliteConnection& connection, const Migration& migration,
           std::optional<ChangeNews>& news, const MigrationWatch& watch)
{
    const auto change = long_change(migration.sql);
    const std::int64_t rows = change ? about_rows(connection, change->table) : 0;
    if (rows > 0) {
        news.emplace(*change, rows, watch);
        connection.ask_at_work([&] {
            news->tell([] { return std::string(); });
            return !watch.stop.stop_requested();
        });
    }
    connection.execute(std::string(migration.sql));
    connection.prepare("INSERT INTO schema_migration (number, name) VALUES (?, ?)")
        .bind(migration.number)
        .bind(migration.name)
        .execute();
}

/// Everything that is missing, in one transaction.
std::vector<std::string> apply_missing(SqliteConnection& connection,
                                       std::optional<ChangeNews>& news, const MigrationWatch& watch)
{
    const std::span<const Migration> known = sqlite_migrations();
    std::vector<std::string> applied;
    SqliteTransaction transaction(connection);
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY,"
        " name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    const std::int64_t number = current(connection);
    if (number > std::ssize(known)) {
        throw StoreError(
            fmt::format("the database is newer than this program: it has migration {}, and this "
                        "peercron knows those up to {}. Install the newer peercron",
                        number, known.back().name));
    }
    for (const Migration& migration : known.subspan(static_cast<std::size_t>(number))) {
        apply(connection, migration, news, watch);
        applied.emplace_back(migration.name);
    }
    transaction.commit();
    return applied;
}

std::vector<std::string> migrate_or_throw(const SqliteSettings& settings,
                                          const MigrationWatch& watch)
{
    std::vector<std::string> applied;
    std::optional<ChangeNews> news;
    {
        SqliteConnection connection(settings);
        // An index of a hundred million rows is sorted in files, not in memory.
        connection.execute("PRAGMA temp_store = FILE; PRAGMA cache_size = -65536");
        applied = apply_missing(connection, news, watch);
        // Its end moves what has changed from the write-ahead log into the database.
    }
    if (news) news->end();
    return applied;
}

/// What a person is told who does not know what SQLite does.
std::string explained(const SqliteError& error)
{
    switch (error.code() & 0xff) {
        case SQLITE_INTERRUPT:
            return "told to stop; nothing has changed, and the next start does it";
        case SQLITE_FULL:
            return fmt::format(
                "{}: nothing has changed. While it is altered, a large table needs room: about 20"
                " bytes per row beside the database, and as much in $SQLITE_TMPDIR or /var/tmp",
                error.what());
        default:
            return error.what();
    }
}

}  // namespace

std::vector<std::string> migrate(const SqliteSettings& settings, const MigrationWatch& watch)
{
    std::string why;
    try {
        return migrate_or_throw(settings, watch);
    } catch (const SqliteError& error) {
        why = explained(error);
    } catch (const std::runtime_error& error) {
        why = error.what();
    }
    throw StoreError(
        fmt::format("cannot set up the SQLite database {}: {}", settings.path.string(), why));
}

}  // namespace peercron
