#include "store/mysql/migrate.hpp"

#include "store/store.hpp"

#include <spdlog/spdlog.h>

#include <boost/uuid/detail/md5.hpp>

#include <mysqld_error.h>

#include <chrono>
#include <future>
#include <optional>
#include <span>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// How long a statement may take: the longest copies a table log of many millions of rows.
constexpr auto statement_limit = 6h;

// How often a node that waits for another one looks whether it is to stop.
constexpr int lock_try_seconds = 1;

// How often an onlooker looks whether its session is done, or is to stop.
constexpr auto look_interval = 200ms;

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

bool exists(MysqlConnection& connection, const MigrationStep::Column& column)
{
    const std::string index =
        column.index.empty() ? "" : " AND index_name = " + connection.quote(column.index);
    MysqlRows rows = connection.query(fmt::format(
        "SELECT 1 FROM information_schema.{} WHERE table_schema = DATABASE() AND table_name = {}"
        " AND column_name = {}{} LIMIT 1",
        column.index.empty() ? "columns" : "statistics", connection.quote(column.table),
        connection.quote(column.name), index));
    return rows.next();
}

/// The number of the last migration that the database has; 0 when it has none.
int current(MysqlConnection& connection, std::span<const Migration> known)
{
    if (!exists(connection, {"schema_migration", "number"})) return 0;
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

[[noreturn]] void throw_stopped()
{
    throw StoreError("told to stop; the next start goes on with it");
}

/// Held until the connection ends.
void take_lock(MysqlConnection& connection, const MysqlSettings& settings,
               const MigrationWatch& watch)
{
    const std::string sql =
        fmt::format("SELECT GET_LOCK({}, {})", connection.quote(lock_name(settings.database)),
                    lock_try_seconds);
    std::optional<Stopwatch> waiting;
    for (;;) {
        {
            MysqlRows rows = connection.query(sql);
            if (rows.next() && rows.integer(0) == 1) return;
        }
        if (watch.stop.stop_requested()) throw_stopped();
        const bool first = !waiting;
        if (first) waiting.emplace(watch);
        if (!first && !waiting->rings()) continue;
        spdlog::info("store: another node is altering the tables; waiting since {} s",
                     waiting->elapsed().count());
    }
}

/// How far the server is with the statement of a session, as far as it tells: ", 35 % (altering
/// table)".
std::string progress(MysqlConnection& connection, std::int64_t session)
{
    std::string text;
    double percent = 0;
    {
        MysqlRows rows = connection.query("SHOW PROCESSLIST");
        while (rows.next()) {
            if (rows.integer(0) != session) continue;
            text = fmt::format(" ({})", rows.text(6));
            // MariaDB only, and only when the table is copied.
            if (rows.columns() > 8) percent = std::stod("0" + std::string(rows.text(8)));
        }
    }
    // MariaDB only, in hundredths, when an index is built.
    MysqlRows rows = connection.query("SHOW GLOBAL STATUS LIKE 'Innodb_onlineddl_pct_progress'");
    if (rows.next() && percent == 0) percent = static_cast<double>(rows.integer(1)) / 100;
    return percent > 0 ? fmt::format(", {:.0f} %{}", percent, text) : text;
}

/// Looks from a session of its own at one that works on a long change, until that is done: says how
/// far it is, and ends its statement when it is to stop.
class Onlooker {
public:
    /// All that is given outlives it.
    Onlooker(MysqlConnection& working, const MysqlSettings& settings, ChangeNews& news,
             const MigrationWatch& watch)
        : settings_(settings), news_(news), watch_(watch)
    {
        MysqlRows rows = working.query("SELECT CONNECTION_ID()");
        if (rows.next()) session_ = rows.integer(0);
        thread_ = std::thread([this, done = done_.get_future()] { look(done); });
    }
    Onlooker(const Onlooker&) = delete;
    Onlooker& operator=(const Onlooker&) = delete;
    ~Onlooker()
    {
        done_.set_value();
        thread_.join();
    }

private:
    void look(const std::future<void>& done)
    {
        while (done.wait_for(look_interval) == std::future_status::timeout) {
            news_.tell([this] {
                return ask([this](MysqlConnection& own) { return progress(own, session_); });
            });
            if (!watch_.stop.stop_requested()) continue;
            ask([this](MysqlConnection& own) {
                own.execute(fmt::format("KILL QUERY {}", session_));
                return std::string();
            });
        }
    }

    /// What the server does not tell is left out.
    template <class Question>
    std::string ask(Question question)
    {
        try {
            if (!own_) own_.emplace(settings_, MysqlConnection::Database::unnamed);
            return question(*own_);
        } catch (const MysqlError& error) {
            own_.reset();
            spdlog::debug("store: cannot look at the alteration: {}", error.what());
            return {};
        }
    }

    const MysqlSettings& settings_;
    ChangeNews& news_;
    const MigrationWatch& watch_;
    std::int64_t session_ = 0;
    std::optional<MysqlConnection> own_;
    std::promise<void> done_;
    std::thread thread_;
};

/// The server's estimate; at least 1 when there are any.
std::int64_t about_rows(MysqlConnection& connection, const std::string& table)
{
    if (!exists(connection, {table, "id"})) return 0;
    MysqlRows rows = connection.query(
        fmt::format("SELECT GREATEST(COALESCE(table_rows, 0), EXISTS (SELECT 1 FROM {}))"
                    " FROM information_schema.tables"
                    " WHERE table_schema = DATABASE() AND table_name = {}",
                    quote_name(table), connection.quote(table)));
    return rows.next() ? rows.integer(0) : 0;
}

void apply_steps(MysqlConnection& connection, const Migration& migration,
                 const MigrationWatch& watch)
{
    for (const MigrationStep& step : split_migration(migration.sql)) {
        if (watch.stop.stop_requested()) throw_stopped();
        try {
            apply(connection, step);
        } catch (const MysqlError& error) {
            if (error.code() == ER_QUERY_INTERRUPTED && watch.stop.stop_requested()) {
                throw_stopped();
            }
            throw;
        }
    }
}

void apply(MysqlConnection& connection, const Migration& migration, const MysqlSettings& settings,
           const MigrationWatch& watch)
{
    const auto change = long_change(migration.sql);
    const std::int64_t rows = change ? about_rows(connection, change->table) : 0;
    if (rows == 0) return apply_steps(connection, migration, watch);
    ChangeNews news(*change, rows, watch);
    {
        const Onlooker onlooker(connection, settings, news, watch);
        apply_steps(connection, migration, watch);
    }
    news.end();
}

/// Everything from migration `from` on.
std::vector<std::string> apply_from(MysqlConnection& connection, int from,
                                    std::span<const Migration> known, const MysqlSettings& settings,
                                    const MigrationWatch& watch)
{
    std::vector<std::string> applied;
    for (const Migration& migration : known.subspan(static_cast<std::size_t>(from))) {
        spdlog::info("store: applying migration {}", migration.name);
        apply(connection, migration, settings, watch);
        connection.execute(
            fmt::format("INSERT INTO schema_migration (number, name) VALUES ({}, {})",
                        migration.number, connection.quote(migration.name)));
        applied.emplace_back(migration.name);
    }
    return applied;
}

std::vector<std::string> migrate_or_throw(const MysqlSettings& settings,
                                          const MigrationWatch& watch)
{
    const std::span<const Migration> known = mysql_migrations();
    MysqlConnection usual = connect(settings);
    if (current(usual, known) == std::ssize(known)) return {};

    MysqlSettings patient_settings = settings;
    patient_settings.timeout = statement_limit;
    MysqlConnection patient(patient_settings);
    take_lock(patient, settings, watch);
    // A table that somebody else uses is not waited for without end. MySQL 8 remembers how many
    // rows a table has for a day.
    patient.execute(
        "SET SESSION lock_wait_timeout = 60 /*!80003 , information_schema_stats_expiry = 0 */");
    patient.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration ("
        "number INT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL,"
        " applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
        " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci");
    return apply_from(patient, current(patient, known), known, settings, watch);
}

}  // namespace

void apply(MysqlConnection& connection, const MigrationStep& step)
{
    if (step.unless && exists(connection, *step.unless)) return;
    try {
        connection.execute(step.statement);
    } catch (const MysqlError& error) {
        if (!error.online_change_failed()) throw;
        spdlog::warn("store: {}; altering again; writers must wait until it is done", error.what());
        connection.execute(step.statement + ", LOCK = SHARED");
    }
}

std::vector<std::string> migrate(const MysqlSettings& settings, const MigrationWatch& watch)
{
    try {
        return migrate_or_throw(settings, watch);
    } catch (const std::runtime_error& error) {
        throw StoreError(fmt::format("cannot migrate database {} of MySQL at {}: {}",
                                     settings.database, to_string(settings), error.what()));
    }
}

}  // namespace peercron
