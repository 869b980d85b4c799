#include "integration/store/migration_names.hpp"
#include "integration/store/mysql_database.hpp"
#include "integration/store/old_rows.hpp"
#include "integration/store/told_log.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <exception>
#include <future>
#include <optional>
#include <stop_token>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::DatabaseServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

/// What the migration says of why it ended; "" when it did not fail.
std::string refusal_of(std::future<std::vector<std::string>>& migrating)
{
    try {
        migrating.get();
    } catch (const StoreError& error) {
        return error.what();
    }
    return "";
}

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

    /// The database of the version before table log was altered, with rows.
    void create_version_before()
    {
        server_.sql("DROP DATABASE IF EXISTS " + settings_.database + "; CREATE DATABASE " +
                    settings_.database);
        MysqlConnection connection(settings_);
        connection.execute(
            "CREATE TABLE schema_migration (number INT NOT NULL PRIMARY KEY, name VARCHAR(255)"
            " NOT NULL, applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci");
        for (const Migration& migration : mysql_migrations().first(9)) {
            for (const MigrationStep& step : split_migration(migration.sql)) {
                apply(connection, step);
            }
            connection.execute(
                fmt::format("INSERT INTO schema_migration (number, name) VALUES ({}, '{}')",
                            migration.number, migration.name));
        }
        connection.execute(testing::insert_old_rows);
    }

    std::string old_rows()
    {
        return sql(
            "SELECT id, cron_id, scheduled_at, attempt, time, state, reason, output, use_time"
            " FROM log ORDER BY id");
    }

    bool has_column(const std::string& name)
    {
        return sql("SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()"
                   " AND table_name = 'log' AND column_name = '" +
                   name + "'") == "1\n";
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

        const std::vector<LogRow> rows = store.log_page({}, {}, {}, 0);
        ASSERT_EQ(rows.size(), 2U);
        const LogRow& log = rows[1];
        EXPECT_EQ(log.id, 6649189);
        EXPECT_EQ(log.time, 1526772008);
        EXPECT_EQ(log.dispatch_time, 1526772007);
        EXPECT_EQ(log.run.id, (RunId{1184, WallTime(1526772008s), 1}));
        EXPECT_EQ(log.run.state, RunState::success);
        EXPECT_EQ(to_string(log.run.reason), "legacy: outcome not recorded");
        EXPECT_EQ(log.run.output, "执行命令输出");
        EXPECT_EQ(log.run.use_time, 48ms);
        EXPECT_EQ(log.run.dispatch_server, "127.0.0.1:9991");
        EXPECT_EQ(log.run.run_server, "127.0.0.1:9993");
        EXPECT_EQ(log.run.exit_code, std::nullopt);
        EXPECT_EQ(log.run.started_at, std::nullopt);
        EXPECT_EQ(rows[0].run.output, "the same second");
        EXPECT_EQ(rows[0].run.dispatch_server, std::string(255, 'x'));

        LogFilter at_that_time;
        at_that_time.from = WallTime(1526772008s);
        at_that_time.to = WallTime(1526772009s);
        EXPECT_EQ(store.count_log(at_that_time, {}, {}).rows, 2);

        EXPECT_EQ(store.add_job(*job, WallTime(1ms)).id, 1185);
        EXPECT_EQ(sql("SELECT data_type FROM information_schema.columns WHERE column_name = 'id'"
                      " AND table_schema = DATABASE() AND table_name IN ('cron', 'log')"),
                  "bigint\nbigint\n");
    }
};

TEST_F(MigrationTest, CreatesTheDatabaseAndNamesWhatItApplied)
{
    EXPECT_EQ(migrate(settings_), testing::migration_names("mysql"));
    std::string noted;
    for (const std::string& name : testing::migration_names("mysql")) {
        noted += std::to_string(std::stoi(name)) + "\t" + name + "\n";
    }
    EXPECT_EQ(sql("SELECT number, name FROM schema_migration ORDER BY number"), noted);
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

TEST_F(MigrationTest, OldRowsAndNewOnesHaveTheirCauseAndTheirPart)
{
    create_version_before();
    const std::string before = old_rows();
    EXPECT_EQ(migrate(settings_), testing::migration_names("mysql", 10));
    EXPECT_EQ(old_rows(), before);
    EXPECT_EQ(sql("SELECT CONCAT(GROUP_CONCAT(cause ORDER BY id SEPARATOR '|'), '|') FROM log"),
              std::string(testing::old_causes) + "\n");
    EXPECT_EQ(sql("SELECT DISTINCT part, http_status, retry_at FROM log"), "0\tNULL\tNULL\n");

    sql("INSERT INTO log (cron_id, scheduled_at, part, time, state, reason, http_status, retry_at,"
        " output, use_time) VALUES (3, 1000, 7, 1, 'failed', 'status: 503', 503, 1763683200000,"
        " '', 1)");
    EXPECT_EQ(sql("SELECT cause, part, http_status, retry_at FROM log WHERE cron_id = 3"),
              "status\t7\t503\t1763683200000\n");
}

TEST_F(MigrationTest, AFireHasEachAttemptOfEachPartOnce)
{
    create_version_before();
    migrate(settings_);
    const std::string insert =
        "INSERT INTO log (cron_id, scheduled_at, attempt, part, time, output, use_time) VALUES ";
    EXPECT_THROW(sql(insert + "(1, 1000, 2, 0, 1, '', 0)"), std::runtime_error);
    EXPECT_NO_THROW(sql(insert + "(1, 1000, 2, 1, 1, '', 0)"));
    EXPECT_THROW(sql(insert + "(1, 1000, 2, 1, 1, '', 0)"), std::runtime_error);
    EXPECT_NO_THROW(sql(insert + "(1, NULL, 1, 0, 100, '', 0)")) << "older than the ledger";
}

TEST_F(MigrationTest, StatementsOfTheVersionBeforeMeanTheSame)
{
    create_version_before();
    migrate(settings_);
    // Shortened, but with all the columns of keys that they name.
    const std::string insert =
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
        " dispatch_server, dispatch_time, epoch, fires, gap_end, requested_by, output, use_time)"
        " VALUES ";
    const std::string reopen =
        " ON DUPLICATE KEY UPDATE state = IF(state = 'revoked',"
        " VALUES(state), state)";
    sql(insert + "(2,1000,1,1,'planned','','a','b',1,1,1,NULL,'','',0)," +
        "(1,4000,1,4,'planned','','a','b',1,1,1,NULL,'','',0)," +
        "(1,8000,1,8,'planned','','a','b',1,1,1,NULL,'','',0)" + reopen);
    EXPECT_EQ(sql("SELECT cron_id, scheduled_at, attempt, part, state FROM log"
                  " WHERE scheduled_at IN (4000, 8000) OR cron_id = 2 ORDER BY cron_id,"
                  " scheduled_at"),
              "1\t4000\t1\t0\tskipped\n1\t8000\t1\t0\tplanned\n2\t1000\t1\t0\tplanned\n");

    const std::string found =
        sql("SELECT scheduled_at, attempt FROM log FORCE INDEX (by_run) WHERE"
            " (cron_id, scheduled_at, attempt) IN ((1,1000,2),(1,4000,1)) FOR UPDATE");
    EXPECT_EQ(found, "1000\t2\n4000\t1\n");

    // In the order of the index: an audit reads millions of rows so.
    const std::string plan =
        sql("EXPLAIN SELECT state FROM log FORCE INDEX (by_run) WHERE cron_id IN (1, 2) AND"
            " scheduled_at >= 1000 AND scheduled_at < 9000 ORDER BY cron_id, scheduled_at, attempt"
            " LIMIT 5000");
    EXPECT_THAT(plan, HasSubstr("by_run"));
    EXPECT_THAT(plan, Not(HasSubstr("filesort")));
}

TEST_F(MigrationTest, CompletesTheAlterationOfTheLedgerAfterACrashAtAnyStep)
{
    create_version_before();
    const std::string rows = old_rows();
    migrate(settings_);
    const std::string fresh = schema();
    const std::vector<MigrationStep> steps = split_migration(mysql_migrations()[9].sql);
    for (std::size_t done = 0; done <= steps.size(); ++done) {
        SCOPED_TRACE("crash after " + std::to_string(done) + " statements");
        create_version_before();
        {
            MysqlConnection crashing(settings_);
            for (std::size_t i = 0; i < done; ++i) apply(crashing, steps[i]);
        }
        EXPECT_EQ(migrate(settings_), testing::migration_names("mysql", 10));
        EXPECT_EQ(schema(), fresh);
        EXPECT_EQ(old_rows(), rows);
    }
}

/// What holds up an alteration as long as it exists: a transaction that has read the table.
class Reader {
public:
    explicit Reader(const MysqlSettings& settings) : connection_(settings)
    {
        connection_.execute("START TRANSACTION");
        MysqlRows rows = connection_.query("SELECT id FROM log");
        while (rows.next()) {
        }
    }

private:
    MysqlConnection connection_;
};

TEST_F(MigrationTest, TellsHowFarItIsWhileOthersWaitAndSaySo)
{
    create_version_before();
    const testing::ToldLog log;
    MigrationWatch watch;
    watch.interval = 1ms;
    std::optional<Reader> reader(settings_);
    auto first = std::async(std::launch::async, [&] { return migrate(settings_, watch); });
    const auto told = [&](std::string_view part, std::size_t times) {
        return testing::poll_until([&] { return log.count(part) >= times; }, 20s);
    };
    EXPECT_TRUE(told("(Waiting for table metadata lock", 1));

    std::stop_source stop;
    MigrationWatch impatient = watch;
    impatient.stop = stop.get_token();
    auto second = std::async(std::launch::async, [&] { return migrate(settings_, watch); });
    auto third = std::async(std::launch::async, [&] { return migrate(settings_, impatient); });
    EXPECT_TRUE(told("another node is altering the tables; waiting since ", 4));
    stop.request_stop();
    EXPECT_THAT(refusal_of(third), HasSubstr("told to stop"));
    reader.reset();
    EXPECT_EQ(first.get(), testing::migration_names("mysql", 10));
    EXPECT_THAT(second.get(), IsEmpty());
    const std::vector<std::string> lines = log.lines();
    EXPECT_THAT(lines, ::testing::Contains(
                           "store: altering table log, about 11 rows: new columns, and one more"
                           " column in the index by_run; this is done once and can take minutes"));
    EXPECT_EQ(log.count("store: table log is altered; it took "), 3U) << "0010, 0033 and 0034";
}

TEST_F(MigrationTest, CanBeStoppedWhileItAlters)
{
    create_version_before();
    const testing::ToldLog log;
    std::stop_source stop;
    MigrationWatch watch;
    watch.interval = 1ms;
    watch.stop = stop.get_token();
    std::optional<Reader> reader(settings_);
    auto migrating = std::async(std::launch::async, [&] { return migrate(settings_, watch); });
    EXPECT_TRUE(testing::poll_until(
        [&] { return log.count("(Waiting for table metadata lock") > 0; }, 20s));
    stop.request_stop();
    EXPECT_THAT(refusal_of(migrating), HasSubstr("told to stop; the next start goes on with it"));
    EXPECT_FALSE(has_column("part"));
    reader.reset();
    EXPECT_EQ(migrate(settings_), testing::migration_names("mysql", 10));
    EXPECT_TRUE(has_column("part"));
}

TEST(AlterationTest, IsRepeatedWhileWritersWaitWhenTheyWriteMoreThanTheServerKeeps)
{
    DatabaseServer server(
        {"--innodb-sort-buffer-size=65536", "--innodb-online-alter-log-max-size=65536"});
    server.start();
    const MysqlSettings settings = testing::settings_for(server, "busy");
    server.sql("CREATE DATABASE busy");
    MysqlConnection connection(settings);
    connection.execute("CREATE TABLE few (word CHAR(250) NOT NULL) CHARACTER SET latin1");
    connection.execute(
        "CREATE TABLE log (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, word CHAR(250) NOT NULL)"
        " CHARACTER SET latin1");
    connection.execute("INSERT INTO few VALUES " + [] {
        std::string rows = "(UUID())";
        for (int i = 1; i < 400; ++i) rows += ",(UUID())";
        return rows;
    }());
    for (int i = 0; i < 100; ++i) {
        connection.execute("INSERT INTO log (word) SELECT CONCAT(UUID(), word) FROM few");
    }

    std::jthread writing([&](const std::stop_token& stop) {
        MysqlConnection writer(settings);
        while (!stop.stop_requested()) {
            writer.execute("INSERT INTO log (word) SELECT word FROM few");
        }
    });
    // Almost always in the first round: each of the writer's statements is more than is kept.
    std::size_t refused = 0;
    {
        const testing::ToldLog log;
        for (int round = 0; round < 20 && refused == 0; ++round) {
            apply(connection, {std::nullopt, "ALTER TABLE log ADD KEY by_word (word)"});
            refused = log.count("altering again; writers must wait until it is done");
            connection.execute("ALTER TABLE log DROP KEY by_word");
        }
    }
    EXPECT_EQ(refused, 1U);
}

TEST_F(MigrationTest, SaysNothingOfALedgerWithoutRows)
{
    const testing::ToldLog log;
    migrate(settings_);
    EXPECT_EQ(log.count("altering table"), 0U);
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
    const std::vector<Job> jobs = store.job_page({}, {}, {});
    ASSERT_EQ(jobs.size(), 2U);
    EXPECT_EQ(jobs[1].remark, "by hand");
    EXPECT_TRUE(jobs[1].stop);
    EXPECT_TRUE(jobs[1].is_mutex);
    EXPECT_EQ(jobs[1].end_time, 2);
    EXPECT_EQ(to_string(store.log_page({}, {}, {}, 0)[0].run.reason),
              "legacy: outcome not recorded");
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
