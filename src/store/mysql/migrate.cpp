#include "store/mysql/migrate.hpp"

#include "store/store.hpp"

#include <spdlog/spdlog.h>

#include <boost/uuid/detail/md5.hpp>

#include <mysqld_error.h>

#include <chrono>
#include <span>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// How long a statement may take: the longest copies a table log of many millions of rows.
constexpr auto statement_limit = 6h;

// How long another node may hold the lock, and how often to say that we wait for it.
constexpr int lock_tries = 120;
constexpr int lock_try_seconds = 30;

std::string quote_name(std::string_view name)
{
    std::string quoted = "`";
    for (const char c : name) {
        if (c == '`') quoted += c;
        quoted += c;
    }
    return quoted + '`';
}

MysqlConnection connect(const MysqlSettings& settings)
{
    try {
        return MysqlConnection(settings);
    } catch (const MysqlError& error) {
        if (error.code() != ER_BAD_DB_ERROR) throw;
    }
    spdlog::info("store: creating database {} at {}", settings.database, to_string(settings));
    MysqlConnection(settings, MysqlConnection::Database::unnamed)
        .execute("CREATE DATABASE IF NOT EXISTS " + quote_name(settings.database) +
                 " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci");
    return MysqlConnection(settings);
}

bool exists(MysqlConnection& connection, std::string_view table, std::string_view column)
{
    MysqlRows rows = connection.query(
        fmt::format("SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE()"
                    " AND table_name = {} AND column_name = {}",
                    connection.quote(table), connection.quote(column)));
    return rows.next();
}

/// The number of the last migration that the database has; 0 when it has none.
int current(MysqlConnection& connection, std::span<const Migration> known)
{
    if (!exists(connection, "schema_migration", "number")) return 0;
    MysqlRows rows =
        connection.query("SELECT number, name FROM schema_migration ORDER BY number DESC LIMIT 1");
    if (!rows.next()) return 0;
    const std::int64_t number = rows.integer(0);
    if (number > std::ssize(known)) {
        throw StoreError(
            fmt::format("the database is newer than this program: it has migration {}, and this"
                        " peercron knows those up to {}. Install the newer peercron on this node",
                        rows.text(1), known.back().name));
    }
    return static_cast<int>(number);
}

/// A lock's name has at most 64 characters, the name of a database may have as many. Older nodes
/// let the server make the hash; MySQL 9 no longer has MD5().
std::string lock_name(const std::string& database)
{
    boost::uuids::detail::md5 hash;
    hash.process_bytes(database.data(), database.size());
    boost::uuids::detail::md5::digest_type digest;
    hash.get_digest(digest);
    return fmt::format("peercron.migrate.{:08x}", fmt::join(digest, ""));
}

/// Held until the connection ends.
void take_lock(MysqlConnection& connection, const MysqlSettings& settings)
{
    const std::string sql =
        fmt::format("SELECT GET_LOCK({}, {})", connection.quote(lock_name(settings.database)),
                    lock_try_seconds);
    for (int tries = 0; tries < lock_tries; ++tries) {
        MysqlRows rows = connection.query(sql);
        if (rows.next() && rows.integer(0) == 1) return;
        spdlog::info("store: waiting for another node, which is migrating the database");
    }
    throw StoreError(
        "another node has been migrating the database for an hour. Look at the"
        " server's process list before trying again");
}

/// Everything from migration `from` on.
std::vector<std::string> apply_from(MysqlConnection& connection, int from,
                                    std::span<const Migration> known)
{
    std::vector<std::string> applied;
    for (const Migration& migration : known.subspan(static_cast<std::size_t>(from))) {
        spdlog::info("store: applying migration {}", migration.name);
        for (const MigrationStep& step : split_migration(migration.sql)) apply(connection, step);
        connection.execute(
            fmt::format("INSERT INTO schema_migration (number, name) VALUES ({}, {})",
                        migration.number, connection.quote(migration.name)));
        applied.emplace_back(migration.name);
    }
    return applied;
}

std::vector<std::string> migrate_or_throw(const MysqlSettings& settings)
{
    const std::span<const Migration> known = mysql_migrations();
    MysqlConnection usual = connect(settings);
    if (current(usual, known) == std::ssize(known)) return {};

    MysqlSettings patient_settings = settings;
    patient_settings.timeout = statement_limit;
    MysqlConnection patient(patient_settings);
    take_lock(patient, settings);
    // A table that somebody else uses is not waited for without end.
    patient.execute("SET SESSION lock_wait_timeout = 60");
    patient.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration ("
        "number INT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL,"
        " applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
        " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci");
    return apply_from(patient, current(patient, known), known);
}

}  // namespace

void apply(MysqlConnection& connection, const MigrationStep& step)
{
    if (step.unless && exists(connection, step.unless->table, step.unless->name)) return;
    connection.execute(step.statement);
}

std::vector<std::string> migrate(const MysqlSettings& settings)
{
    try {
        return migrate_or_throw(settings);
    } catch (const std::runtime_error& error) {
        throw StoreError(fmt::format("cannot migrate database {} of MySQL at {}: {}",
                                     settings.database, to_string(settings), error.what()));
    }
}

}  // namespace peercron
