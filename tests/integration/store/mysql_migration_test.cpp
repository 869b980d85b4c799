#include "integration/store/mysql_database.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <exception>
#include <future>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::DatabaseServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The tables as wing-crontab's README gives them, in its two versions.
constexpr std::string_view cron_with_window =
    "CREATE TABLE `cron` ("
    " `id` int(11) NOT NULL AUTO_INCREMENT COMMENT '自增id',"
    " `cron_set` varchar(128) NOT NULL DEFAULT '' COMMENT '定时任务配置',"
    " `start_time` int(11) NOT NULL DEFAULT '0', `end_time` int(11) NOT NULL DEFAULT '0',"
    " `command` varchar(2048) NOT NULL DEFAULT '', `stop` tinyint(4) NOT NULL DEFAULT '0',"
    " `remark` varchar(1024) NOT NULL DEFAULT '', PRIMARY KEY (`id`)"
    ") ENGINE=InnoDB AUTO_INCREMENT=1184 DEFAULT CHARSET=utf8;"
    "INSERT INTO cron (cron_set, start_time, end_time, command, stop, remark) VALUES"
    " ('*/1 * * * * *', 5, 2147483647, 'php -v', 1, '定时任务的备注信息');";
constexpr std::string_view cron_with_mutex =
    "CREATE TABLE `cron` ("
    " `id` int(11) NOT NULL AUTO_INCREMENT, `cron_set` varchar(128) NOT NULL DEFAULT '',"
    " `command` varchar(2048) NOT NULL DEFAULT '', `is_mutex` tinyint(4) NOT NULL DEFAULT '0',"
    " `stop` tinyint(4) NOT NULL DEFAULT '0', `remark` varchar(1024) NOT NULL DEFAULT '',"
    " `lock_limit` int(11) NOT NULL DEFAULT '0', PRIMARY KEY (`id`)"
    ") ENGINE=InnoDB AUTO_INCREMENT=1184 DEFAULT CHARSET=utf8;"
    "INSERT INTO cron (cron_set, command, is_mutex, stop, remark, lock_limit) VALUES"
    " ('*/1 * * * * *', 'php -v', 1, 1, '定时任务的备注信息', 60);";
constexpr std::string_view log_table =
    "CREATE TABLE `log` ("
    " `id` int(11) NOT NULL AUTO_INCREMENT, `cron_id` int(11) NOT NULL DEFAULT '0',"
    " `time` bigint(20) NOT NULL COMMENT '命令运行的时间', `output` longtext NOT NULL,"
    " `use_time` bigint(20) NOT NULL, `dispatch_time` int(11) NOT NULL DEFAULT '0',"
    " `dispatch_server` varchar(1024) NOT NULL DEFAULT '',"
    " `run_server` varchar(1024) NOT NULL DEFAULT '', PRIMARY KEY (`id`)"
    ") ENGINE=InnoDB AUTO_INCREMENT=6649189 DEFAULT CHARSET=utf8;"
    "INSERT INTO log (cron_id, time, output, use_time, dispatch_time, dispatch_server, run_server)"
    " VALUES (1184, 1526772008, '执行命令输出', 48, 1526772007, '127.0.0.1:9991', "
    "'127.0.0.1:9993'),"
    " (1184, 1526772008, 'the same second', 1, 0, REPEAT('x', 1024), REPEAT('界', 1024));";

class MigrationTest : public ::testing::Test {
protected:
    DatabaseServer& server_ = DatabaseServer::shared();
    MysqlSettings settings_ = testing::settings_for(server_, testing::new_database_name());

    ~MigrationTest() override { server_.sql("DROP DATABASE IF EXISTS " + settings_.database); }

    std::string sql(std::string_view statements)
    {
        return server_.sql(statements, settings_.database);
    }

    void create_reference(std::string_view cron_table)
    {
        server_.sql("CREATE DATABASE " + settings_.database + " DEFAULT CHARACTER SET utf8");
        sql("SET NAMES utf8mb4; " + std::string(cron_table) + std::string(log_table));
    }

    /// Every column and index of the database, in an order that does not depend on its history.
    std::string schema()
    {
        return sql(
            "SELECT table_name, column_name, column_type, is_nullable, column_default, extra,"
            " collation_name FROM information_schema.columns WHERE table_schema = DATABASE()"
            " ORDER BY table_name, column_name;"
            "SELECT table_name, index_name, seq_in_index, column_name, sub_part, non_unique"
            " FROM information_schema.statistics WHERE table_schema = DATABASE()"
            " ORDER BY table_name, index_name, seq_in_index;"
            "SELECT table_name, engine, row_format, table_collation FROM information_schema.tables"
            " WHERE table_schema = DATABASE() ORDER BY table_name;"
            "SELECT * FROM term");
    }

    void expect_reference_rows_kept()
    {
        MysqlStore store(settings_);
        const auto job = store.find_job(1184);
        ASSERT_TRUE(job);
        EXPECT_EQ(job->cron_set, "*/1 * * * * *");
        EXPECT_EQ(job->command, "php -v");
        EXPECT_TRUE(job->stop);
        EXPECT_EQ(job->remark, "定时任务的备注信息");
        EXPECT_EQ(job->time_zone, "");
        EXPECT_EQ(job->timeout, 0s);

        const LogPage page = store.find_log({});
        ASSERT_EQ(page.total, 2);
        const LogRow& log = page.rows[1];
        EXPECT_EQ(log.id, 6649189);
        EXPECT_EQ(log.time, 1526772008);
        EXPECT_EQ(log.dispatch_time, 1526772007);
        EXPECT_EQ(log.run.id, (RunId{1184, WallTime(1526772008s), 1}));
        EXPECT_EQ(log.run.state, RunState::success);
        EXPECT_EQ(log.run.reason, "legacy: outcome not recorded");
        EXPECT_EQ(log.run.output, "执行命令输出");
        EXPECT_EQ(log.run.use_time, 48ms);
        EXPECT_EQ(log.run.dispatch_server, "127.0.0.1:9991");
        EXPECT_EQ(log.run.run_server, "127.0.0.1:9993");
        EXPECT_EQ(log.run.exit_code, std::nullopt);
        EXPECT_EQ(log.run.started_at, std::nullopt);
        EXPECT_EQ(page.rows[0].run.output, "the same second");
        EXPECT_EQ(page.rows[0].run.dispatch_server, std::string(255, 'x'));

        LogQuery at_that_time;
        at_that_time.from = WallTime(1526772008s);
        at_that_time.to = WallTime(1526772009s);
        EXPECT_EQ(store.find_log(at_that_time).total, 2);

        EXPECT_EQ(store.add_job(*job, WallTime(1ms)).id, 1185);
        EXPECT_EQ(sql("SELECT data_type FROM information_schema.columns WHERE column_name = 'id'"
                      " AND table_schema = DATABASE() AND table_name IN ('cron', 'log')"),
                  "bigint\nbigint\n");
    }
};

TEST_F(MigrationTest, CreatesTheDatabaseAndNamesWhatItApplied)
{
    EXPECT_THAT(
        migrate(settings_),
        ElementsAre("0001_reference", "0002_ledger", "0003_names_limits_counters", "0004_history",
                    "0005_policies", "0006_last_step", "0007_expired", "0008_doubled_run",
                    "0009_tags"));
    EXPECT_EQ(sql("SELECT number, name FROM schema_migration ORDER BY number"),
              "1\t0001_reference\n2\t0002_ledger\n3\t0003_names_limits_counters\n4\t0004_history\n"
              "5\t0005_policies\n"
              "6\t0006_last_step\n"
              "7\t0007_expired\n8\t0008_doubled_run\n9\t0009_tags\n");
    EXPECT_THAT(migrate(settings_), IsEmpty());
    EXPECT_NO_THROW(MysqlStore(settings_).ping());
}

TEST_F(MigrationTest, TakesADatabaseNameWithOddCharacters)
{
    MysqlSettings odd = settings_;
    odd.database = "odd-na`me'" + settings_.database;
    EXPECT_FALSE(migrate(odd).empty());
    EXPECT_THAT(migrate(odd), IsEmpty());
    server_.sql("DROP DATABASE `odd-na``me'" + settings_.database + "`");
}

TEST_F(MigrationTest, UpgradesTheReferenceWithWindowInPlace)
{
    create_reference(cron_with_window);
    EXPECT_EQ(migrate(settings_).size(), mysql_migrations().size());
    expect_reference_rows_kept();
    const auto job = MysqlStore(settings_).find_job(1184);
    EXPECT_EQ(job->start_time, 5);
    EXPECT_EQ(job->end_time, 2147483647);
    EXPECT_FALSE(job->is_mutex);
}

TEST_F(MigrationTest, UpgradesTheReferenceWithMutexInPlace)
{
    create_reference(cron_with_mutex);
    EXPECT_EQ(migrate(settings_).size(), mysql_migrations().size());
    expect_reference_rows_kept();
    const auto job = MysqlStore(settings_).find_job(1184);
    EXPECT_EQ(job->start_time, 0);
    EXPECT_EQ(job->end_time, 0);
    EXPECT_TRUE(job->is_mutex);
    EXPECT_EQ(sql("SELECT lock_limit FROM cron WHERE id = 1184"), "60\n");
}

TEST_F(MigrationTest, EndsInTheSameSchemaWhereverItBegan)
{
    migrate(settings_);
    const std::string fresh = schema();
    EXPECT_THAT(fresh, HasSubstr("scheduled_at"));
    for (const auto& cron_table : {cron_with_window, cron_with_mutex}) {
        server_.sql("DROP DATABASE " + settings_.database);
        create_reference(cron_table);
        migrate(settings_);
        EXPECT_EQ(schema(), fresh);
    }
}

TEST_F(MigrationTest, CompletesWhatACrashLeftHalfDone)
{
    migrate(settings_);
    const std::string fresh = schema();
    std::vector<MigrationStep> steps;
    for (const Migration& migration : mysql_migrations()) {
        for (MigrationStep& step : split_migration(migration.sql)) steps.push_back(std::move(step));
    }
    for (const auto& cron_table : {cron_with_window, cron_with_mutex}) {
        for (std::size_t done = 0; done <= steps.size(); ++done) {
            SCOPED_TRACE("crash after " + std::to_string(done) + " statements");
            server_.sql("DROP DATABASE " + settings_.database);
            create_reference(cron_table);
            {
                MysqlConnection crashing(settings_);
                for (std::size_t i = 0; i < done; ++i) apply(crashing, steps[i]);
            }
            migrate(settings_);
            ASSERT_EQ(schema(), fresh);
            expect_reference_rows_kept();
        }
    }
}

TEST_F(MigrationTest, IsDoneOnceWhenSeveralNodesStartAtOnce)
{
    create_reference(cron_with_window);
    constexpr std::size_t nodes = 3;
    std::array<std::vector<std::string>, nodes> applied;
    std::array<std::exception_ptr, nodes> failures;
    std::barrier start(nodes);
    std::vector<std::thread> threads;
    const auto work = [&](std::size_t self) {
        start.arrive_and_wait();
        try {
            applied[self] = migrate(settings_);
        } catch (...) {
            failures[self] = std::current_exception();
        }
    };
    for (std::size_t self = 0; self < nodes; ++self) threads.emplace_back(work, self);
    for (std::thread& thread : threads) thread.join();

    for (const auto& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
    EXPECT_EQ(applied[0].size() + applied[1].size() + applied[2].size(), mysql_migrations().size());
    expect_reference_rows_kept();
}

TEST_F(MigrationTest, WaitsForAnOlderNodeThatMigratesTheSameDatabase)
{
    settings_.database = "lock_test";
    server_.sql("CREATE DATABASE lock_test");
    MysqlConnection older(settings_);
    // What CONCAT('peercron.migrate.', MD5(DATABASE())) is where there is MD5().
    {
        MysqlRows rows =
            older.query("SELECT GET_LOCK('peercron.migrate.bd6709e523caf8a3db8a588bf83012b7', 0)");
        ASSERT_TRUE(rows.next());
        ASSERT_EQ(rows.integer(0), 1);
    }
    auto migrating = std::async(std::launch::async, [&] { return migrate(settings_); });
    const auto waits = [&] {
        return sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
                   " AND state = 'User lock'") == "1\n";
    };
    EXPECT_TRUE(testing::poll_until(waits, 20s)) << sql("SHOW FULL PROCESSLIST");
    EXPECT_EQ(sql("SHOW TABLES"), "");
    {
        MysqlRows rows = older.query("SELECT RELEASE_ALL_LOCKS()");
        rows.next();
    }
    EXPECT_EQ(migrating.get().size(), mysql_migrations().size());
}

TEST_F(MigrationTest, RefusesADatabaseThatIsNewer)
{
    migrate(settings_);
    sql("INSERT INTO schema_migration (number, name) VALUES (77, '0077_from_the_future')");
    try {
        migrate(settings_);
        FAIL() << "it did not refuse";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("newer than this program"));
        EXPECT_THAT(error.what(), HasSubstr("0077_from_the_future"));
        EXPECT_THAT(error.what(), HasSubstr(std::to_string(settings_.port)));
    }
}

TEST_F(MigrationTest, SaysWhatIsNotPermitted)
{
    server_.sql("DROP USER IF EXISTS limited@'%'; CREATE USER limited@'%' IDENTIFIED BY 'limited'");
    MysqlSettings limited = settings_;
    limited.user = "limited";
    limited.password = "limited";
    try {
        migrate(limited);
        FAIL() << "it was permitted";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("Access denied for user 'limited'"));
        EXPECT_THAT(error.what(), HasSubstr(settings_.database));
    }
}

TEST_F(MigrationTest, TakesRowsWrittenByHandWithTheColumnsOfTheReference)
{
    migrate(settings_);
    sql("INSERT INTO cron (cron_set, command) VALUES ('* * * * * *', 'true');"
        "INSERT INTO cron (cron_set, start_time, end_time, command, stop, remark, is_mutex)"
        " VALUES ('0 * * * * *', 1, 2, 'false', 1, 'by hand', 1);"
        "INSERT INTO log (cron_id, time, output, use_time) VALUES (1, 1526772008, 'x', 1)");
    MysqlStore store(settings_);
    const JobPage page = store.find_jobs({});
    ASSERT_EQ(page.jobs.size(), 2U);
    EXPECT_EQ(page.jobs[1].remark, "by hand");
    EXPECT_TRUE(page.jobs[1].stop);
    EXPECT_TRUE(page.jobs[1].is_mutex);
    EXPECT_EQ(page.jobs[1].end_time, 2);
    EXPECT_EQ(store.find_log({}).rows[0].run.reason, "legacy: outcome not recorded");
}

TEST_F(MigrationTest, APolicyThatIsNoneCountsAsTheDefault)
{
    migrate(settings_);
    sql("SET sql_mode = ''; INSERT INTO cron (cron_set, command, delivery, misfire_policy, overlap)"
        " VALUES ('* * * * * *', 'true', 'twice', 'SKIP', 'wait')");
    EXPECT_EQ(sql("SELECT delivery, misfire_policy, overlap FROM cron"), "\tskip\t\n");
    const auto job = MysqlStore(settings_).find_job(1);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->delivery, Delivery::at_most_once);
    EXPECT_EQ(job->misfire_policy, Misfire::skip);
    EXPECT_EQ(job->overlap, Overlap::allow);
    EXPECT_EQ(job->max_concurrent, 0);
}

TEST_F(MigrationTest, MakesARowThatWasChangedByHandEffectiveFromThatChange)
{
    migrate(settings_);
    MysqlStore store(settings_);
    const auto changed_at = [&] {
        return from_unix_millis(
            std::stoll(sql("SELECT FLOOR(UNIX_TIMESTAMP(changed_at) * 1000) FROM cron")));
    };
    sql("INSERT INTO cron (cron_set, command) VALUES ('* * * * * *', 'true')");
    EXPECT_EQ(store.find_job(1)->effective_from, changed_at());

    const WallTime told(1'000'000ms);
    EXPECT_EQ(store.update_job(1, {}, told)->effective_from, told);

    const JobCursor cursor = store.changes_since({}).next;
    sql("UPDATE cron SET stop = 1 WHERE id = 1");
    EXPECT_EQ(store.find_job(1)->effective_from, changed_at());
    EXPECT_NE(store.find_job(1)->effective_from, told);
    const JobChanges changes = store.changes_since(cursor);
    ASSERT_EQ(changes.changed.size(), 1U);
    EXPECT_TRUE(changes.changed[0].stop);
}

}  // namespace
}  // namespace peercron
