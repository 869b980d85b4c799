#include "integration/store/migration_names.hpp"
#include "integration/store/old_rows.hpp"
#include "integration/store/temporary_folder.hpp"
#include "integration/store/told_log.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <stop_token>

// How a database of the version before table log was altered becomes one of today.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr int version_before = 7;

std::string read(const SqliteSettings& settings, const std::string& sql)
{
    SqliteConnection connection(settings);
    SqliteStatement rows = connection.prepare(sql);
    std::string text;
    while (rows.next()) text += rows.text(0) + '\n';
    return text;
}

/// Whether it is as it was, whole.
bool is_unchanged(const SqliteSettings& settings, int rows)
{
    const std::string index = read(settings,
                                   "SELECT sql FROM sqlite_schema WHERE name ="
                                   " 'log_by_run'");
    return read(settings, "SELECT MAX(number) FROM schema_migration") ==
               fmt::format("{}\n", version_before) &&
           read(settings, "SELECT COUNT(*) FROM log") == fmt::format("{}\n", rows) &&
           index.find("attempt)") != std::string::npos &&
           read(settings, "PRAGMA integrity_check") == "ok\n";
}

class SqliteMigrationTest : public ::testing::Test {
protected:
    SqliteMigrationTest()
    {
        SqliteConnection connection(settings_);
        connection.execute(
            "CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
        for (const Migration& migration : sqlite_migrations().first(version_before)) {
            connection.execute(std::string(migration.sql));
            connection.execute(
                fmt::format("INSERT INTO schema_migration (number, name) VALUES ({}, '{}')",
                            migration.number, migration.name));
        }
    }

    /// Enough of them that the work can be interrupted.
    void add_many_rows()
    {
        SqliteConnection(settings_).execute(fmt::format(
            "INSERT INTO log (cron_id, scheduled_at, time, state) WITH RECURSIVE n(i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i % 100, i, 0, 'success'"
            " FROM n",
            many));
    }

    static constexpr int many = 40'000;
    testing::TemporaryFolder folder_;
    SqliteSettings settings_{folder_.path() / "peercron.db"};
};

TEST_F(SqliteMigrationTest, OldRowsAndNewOnesHaveTheirCauseAndTheirPart)
{
    SqliteConnection(settings_).execute(std::string(testing::insert_old_rows));
    const std::string rows =
        "SELECT id || '|' || cron_id || '|' || IFNULL(scheduled_at, '-') || '|' || attempt || '|'"
        " || time || '|' || state || '|' || reason || '|' || output || '|' || use_time FROM log"
        " ORDER BY id";
    const std::string before = read(settings_, rows);
    EXPECT_EQ(migrate(settings_), testing::migration_names("sqlite", 8));
    EXPECT_EQ(read(settings_, rows), before);
    EXPECT_EQ(read(settings_,
                   "SELECT GROUP_CONCAT(cause, '|') || '|' FROM"
                   " (SELECT cause FROM log ORDER BY id)"),
              std::string(testing::old_causes) + "\n");
    EXPECT_EQ(read(settings_,
                   "SELECT DISTINCT part || IFNULL(http_status, '-') ||"
                   " IFNULL(retry_at, '-') FROM log"),
              "0--\n");

    SqliteConnection(settings_).execute(
        "INSERT INTO log (cron_id, scheduled_at, part, time, state, reason, http_status, retry_at)"
        " VALUES (3, 1000, 7, 1, 'failed', 'status: 503', 503, 1763683200000)");
    EXPECT_EQ(read(settings_,
                   "SELECT cause || part || http_status || retry_at FROM log"
                   " WHERE cron_id = 3"),
              "status75031763683200000\n");
}

TEST_F(SqliteMigrationTest, AFireHasEachAttemptOfEachPartOnce)
{
    SqliteConnection(settings_).execute(std::string(testing::insert_old_rows));
    migrate(settings_);
    const auto insert = [&](const std::string& values) {
        SqliteConnection(settings_).execute(
            "INSERT INTO log (cron_id, scheduled_at, attempt, part, time, state) VALUES " + values);
    };
    EXPECT_THROW(insert("(1, 1000, 2, 0, 1, 'success')"), SqliteError);
    EXPECT_NO_THROW(insert("(1, 1000, 2, 1, 1, 'success')"));
    EXPECT_THROW(insert("(1, 1000, 2, 1, 1, 'success')"), SqliteError);
    EXPECT_NO_THROW(insert("(1, NULL, 1, 0, 100, 'success')")) << "older than the ledger";
}

TEST_F(SqliteMigrationTest, IsUndoneWhenItsProcessIsKilledAtAnyMoment)
{
    add_many_rows();
    int killed = 0;
    for (bool done = false; !done;) {
        const pid_t child = fork();
        if (child == 0) {
            int signs = 0;
            MigrationWatch watch;
            watch.interval = 0ms;
            watch.alive = [&] {
                if (++signs > killed) raise(SIGKILL);
            };
            migrate(settings_, watch);
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        done = WIFEXITED(status);
        if (done) break;
        ++killed;
        ASSERT_TRUE(is_unchanged(settings_, many)) << "killed at sign of life " << killed;
    }
    EXPECT_GE(killed, 3) << "at its beginning, and while it worked";
    EXPECT_FALSE(is_unchanged(settings_, many));
    EXPECT_TRUE(migrate(settings_).empty());
}

TEST_F(SqliteMigrationTest, CanBeStoppedWhileItAlters)
{
    add_many_rows();
    const testing::ToldLog log;
    std::stop_source stop;
    int signs = 0;
    MigrationWatch watch;
    watch.interval = 0ms;
    watch.stop = stop.get_token();
    watch.alive = [&] {
        if (++signs == 3) stop.request_stop();
    };
    try {
        migrate(settings_, watch);
        FAIL() << "it was not stopped";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("told to stop; nothing has changed"));
    }
    EXPECT_TRUE(is_unchanged(settings_, many));
    EXPECT_EQ(log.count("table log is altered"), 0U);
    EXPECT_EQ(migrate(settings_), testing::migration_names("sqlite", 8));
}

TEST_F(SqliteMigrationTest, TellsWhatItDoesAndHowLongItTook)
{
    add_many_rows();
    const testing::ToldLog log;
    MigrationWatch watch;
    watch.interval = 0ms;
    migrate(settings_, watch);
    EXPECT_EQ(log.count("store: altering table log, about 40,000 rows: new columns, and one more"
                        " column in the index log_by_run; this is done once and can take minutes"),
              1U);
    EXPECT_GE(log.count("store: altering table log for "), 2U);
    EXPECT_EQ(log.count("store: table log is altered; it took "), 1U);
}

TEST_F(SqliteMigrationTest, SaysNothingOfALedgerWithoutRows)
{
    const testing::ToldLog log;
    migrate(settings_);
    EXPECT_EQ(log.lines().size(), 0U);
}

/// On a disk of this test's own, in a process of its own; the exit status says what was wrong.
int migrate_on_a_full_disk(const std::filesystem::path& disk, const std::filesystem::path& source,
                           int rows)
{
    constexpr std::uintmax_t little = 300'000;
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
    const std::string size = fmt::format("size={}", file_size(source) + little);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 77;
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, size.c_str()) != 0) return 77;
    const SqliteSettings settings{disk / "peercron.db"};
    copy_file(source, settings.path);
    try {
        migrate(settings);
        return 1;
    } catch (const StoreError& error) {
        std::cerr << error.what() << '\n';
        const std::string_view said = error.what();
        if (said.find("nothing has changed") == std::string_view::npos) return 2;
        if (said.find("a large table needs room") == std::string_view::npos) return 3;
    }
    if (!is_unchanged(settings, rows)) return 4;
    if (mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=100M") != 0) return 5;
    return migrate(settings).empty() ? 6 : 0;
}

TEST_F(SqliteMigrationTest, AFullDiskIsToldAndNothingIsLost)
{
    add_many_rows();
    const std::filesystem::path disk = folder_.path() / "disk";
    std::filesystem::create_directory(disk);
    const pid_t child = fork();
    if (child == 0) _exit(migrate_on_a_full_disk(disk, settings_.path, many));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this user may not mount";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace peercron
