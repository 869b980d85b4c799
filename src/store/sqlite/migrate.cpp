#include "store/sqlite/migrate.hpp"

#include "store/migration.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <iterator>
#include <span>

namespace peercron {
namespace {

std::int64_t current(SqliteConnection& connection)
{
    SqliteStatement number = connection.prepare("SELECT MAX(number) FROM schema_migration");
    return number.next() ? number.integer(0) : 0;
}

std::vector<std::string> migrate_or_throw(const SqliteSettings& settings)
{
    const std::span<const Migration> known = sqlite_migrations();
    SqliteConnection connection(settings);
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
        connection.execute(std::string(migration.sql));
        connection.prepare("INSERT INTO schema_migration (number, name) VALUES (?, ?)")
            .bind(migration.number)
            .bind(migration.name)
            .execute();
        applied.emplace_back(migration.name);
    }
    transaction.commit();
    return applied;
}

}  // namespace

std::vector<std::string> migrate(const SqliteSettings& settings)
{
    try {
        return migrate_or_throw(settings);
    } catch (const std::runtime_error& error) {
        throw StoreError(fmt::format("cannot set up the SQLite database {}: {}",
                                     settings.path.string(), error.what()));
    }
}

}  // namespace peercron
