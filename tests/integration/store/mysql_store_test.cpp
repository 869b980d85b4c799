#include "store/mysql/mysql_store.hpp"
#include "integration/store/mysql_database.hpp"
#include "integration/store/set_clock.hpp"
#include "store/mysql/migrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <functional>
#include <future>
#include <thread>
#include <vector>

// What holds of MysqlStore beyond the promises of every store: faults of the server and the
// network, and the way its sessions are set up.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using testing::DatabaseServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr WallTime t0{1'763'683'200'000ms};

Job draft()
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    return job;
}

RunReport report(JobId job, RunState state, std::string output = {})
{
    RunReport report;
    report.id = {job, t0, 1};
    report.state = state;
    report.output = std::move(output);
    return report;
}

PlanStep step(Epoch epoch, JobId job)
{
    PlanStep step;
    step.epoch = epoch;
    step.planned_through = t0;
    PlannedRun run;
    run.id = {job, t0, 1};
    step.runs = {run};
    return step;
}

class MysqlStoreTest : public ::testing::Test {
protected:
    MysqlStoreTest() { migrate(settings_); }
    ~MysqlStoreTest() override { server_.sql("DROP DATABASE " + settings_.database); }

    std::string sql(std::string_view statements) const
    {
        return server_.sql(statements, settings_.database);
    }

    /// Waits until so many sessions wait for a lock of a row or a table.
    void wait_for_lock_waits(const std::string& count) const
    {
        const auto waiting = [&] {
            return sql("SELECT COUNT(*) FROM information_schema.processlist p LEFT JOIN"
                       " information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id"
                       " WHERE p.db = DATABASE() AND (t.trx_state = 'LOCK WAIT'"
                       " OR p.state LIKE '%table metadata lock%')") == count + "\n";
        };
        ASSERT_TRUE(testing::poll_until(waiting, 20s)) << sql("SHOW FULL PROCESSLIST");
    }

    /// Cuts the session that waits for a table, and waits until it is gone.
    void kill_the_one_that_waits() const
    {
        const std::string id =
            sql("SELECT id FROM information_schema.processlist WHERE"
                " db = DATABASE() AND state LIKE '%table metadata lock%'");
        sql("KILL CONNECTION " + id);
        const auto gone = [&] {
            return sql("SELECT 1 FROM information_schema.processlist WHERE id = " + id).empty();
        };
        ASSERT_TRUE(testing::poll_until(gone, 20s));
    }

    DatabaseServer& server_ = DatabaseServer::shared();
    MysqlSettings settings_ = testing::settings_for(server_, testing::new_database_name());
};

/// A server of the test's own, to be stopped and killed.
class MysqlFaultTest : public ::testing::Test {
protected:
    MysqlFaultTest()
    {
        server_.start();
        settings_.connect_timeout = 1s;
        settings_.timeout = 1s;
        migrate(settings_);
    }

    DatabaseServer server_;
    MysqlSettings settings_ = testing::settings_for(server_, "cron");
};

TEST_F(MysqlStoreTest, SetsItsSessionsUpWhateverTheServersDefaultsAre)
{
    MysqlConnection connection(settings_);
    MysqlRows rows = connection.query(
        DatabaseServer::is_mysql()
            ? "SELECT @@character_set_client, @@character_set_results, @@time_zone,"
              " @@transaction_isolation, @@sql_mode, @@max_execution_time"
            : "SELECT @@character_set_client, @@character_set_results, @@time_zone,"
              " @@tx_isolation, @@sql_mode, @@max_statement_time");
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.text(0), "utf8mb4");
    EXPECT_EQ(rows.text(1), "utf8mb4");
    EXPECT_EQ(rows.text(2), "+00:00");
    EXPECT_EQ(rows.text(3), "READ-COMMITTED");
    EXPECT_THAT(std::string(rows.text(4)), HasSubstr("STRICT_ALL_TABLES"));
    EXPECT_EQ(rows.text(5), DatabaseServer::is_mysql() ? "10000" : "10.000000");
    EXPECT_FALSE(rows.next());
}

TEST_F(MysqlStoreTest, ConnectsThroughASocketToo)
{
    MysqlSettings local = settings_;
    local.socket = server_.socket();
    local.port = 1;
    EXPECT_NO_THROW(MysqlStore(local).ping());
    EXPECT_EQ(to_string(local), server_.socket());
}

TEST_F(MysqlStoreTest, NamesTheServerButNoPasswordWhenItIsRefused)
{
    MysqlSettings wrong = settings_;
    wrong.password = "hunter2";
    try {
        MysqlStore(wrong).find_job(12);
        FAIL() << "it was let in";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("cannot read job 12"),
                                        HasSubstr("127.0.0.1:" + std::to_string(server_.port())),
                                        HasSubstr("Access denied"), Not(HasSubstr("hunter2"))));
    }
}

TEST_F(MysqlStoreTest, EndsAStatementOnTheServerThatTakesTooLong)
{
    MysqlSettings hasty = settings_;
    hasty.timeout = 1s;
    MysqlConnection connection(hasty);
    const auto sleep = [&] {
        MysqlRows rows = connection.query("SELECT id FROM term WHERE SLEEP(100) = 0");
        rows.next();
    };
    EXPECT_THROW(sleep(), MysqlError);
    EXPECT_NO_THROW(connection.execute("DO 0")) << "the connection is as good as before";
}

TEST_F(MysqlStoreTest, FindsTheChangeOfATransactionThatWasSlow)
{
    MysqlStore store(settings_);
    const JobId id = store.add_job(draft(), t0).id;
    MysqlConnection slow(settings_);
    slow.execute("START TRANSACTION");
    slow.execute("UPDATE cron SET stop = 1");
    const JobCursor cursor = store.changes_since({}).next;
    EXPECT_FALSE(store.find_job(id)->stop);
    slow.execute("COMMIT");

    const JobChanges changes = store.changes_since(cursor);
    ASSERT_FALSE(changes.changed.empty());
    EXPECT_TRUE(changes.changed[0].stop);
}

TEST_F(MysqlStoreTest, FindsChangesAfterTheServersClockWasSetBack)
{
    MysqlStore store(settings_);
    store.add_job(draft(), t0);
    EXPECT_EQ(store.changes_since({"2037-01-01 00:00:00.000000"}).changed.size(), 1U);
}

TEST_F(MysqlStoreTest, ReadsUnchangedRowsOnlyOnce)
{
    MysqlStore store(settings_);
    store.add_job(draft(), t0);
    sql("UPDATE cron SET changed_at = NOW(6) - INTERVAL 1 HOUR");
    const JobChanges first = store.changes_since({});
    EXPECT_EQ(first.changed.size(), 1U);
    EXPECT_EQ(store.changes_since(first.next).changed.size(), 0U);
}

TEST_F(MysqlStoreTest, TriesAgainAfterADeadlock)
{
    MysqlStore store(settings_);
    store.record(std::vector{report(1, RunState::running), report(2, RunState::running)});
    const auto newest_deadlock = [this] {
        const std::string status = sql("SHOW ENGINE INNODB STATUS");
        const std::size_t begin = status.find("LATEST DETECTED DEADLOCK");
        return begin == std::string::npos ? "" : status.substr(begin, 500);
    };
    const std::string before = newest_deadlock();

    // The other one has more to roll back, so the store is the victim.
    MysqlConnection other(settings_);
    other.execute("START TRANSACTION");
    std::string many = "INSERT INTO cron (command) VALUES ('')";
    for (int i = 0; i < 500; ++i) many += ",('')";
    other.execute(many);
    other.execute("UPDATE log SET use_time = 1 WHERE cron_id = 2");
    auto recording = std::async(std::launch::async, [&] {
        store.record(std::vector{report(1, RunState::success), report(2, RunState::success)});
    });
    wait_for_lock_waits("1");
    other.execute("UPDATE log SET use_time = 1 WHERE cron_id = 1");
    other.execute("COMMIT");

    EXPECT_NO_THROW(recording.get());
    EXPECT_NE(newest_deadlock(), before) << "there was no deadlock to try again after";
    EXPECT_EQ(sql("SELECT state FROM log ORDER BY cron_id"), "success\nsuccess\n");
}

TEST_F(MysqlStoreTest, DoesNotWaitForADispatcherThatStoppedInTheMiddleOfACommit)
{
    MysqlStore store(settings_);
    store.begin_term(1, "127.0.0.1:9991");
    MysqlConnection stopped(settings_);
    MysqlTransaction silent(stopped, MysqlTransaction::Reads::latest,
                            "UPDATE term SET planned_through = 1 WHERE id = 1 AND epoch = 1");
    ASSERT_EQ(silent.first_matched(), 1U);

    EXPECT_NO_THROW(store.begin_term(2, "127.0.0.1:9993"));
    EXPECT_THROW(silent.commit({}), MysqlError);
    EXPECT_EQ(sql("SELECT epoch, planned_through FROM term"), "2\tNULL\n");
}

TEST_F(MysqlStoreTest, LeavesNoTransactionBehindWhenItGivesUp)
{
    MysqlConnection connection(settings_);
    {
        MysqlTransaction abandoned(connection, MysqlTransaction::Reads::latest,
                                   "UPDATE term SET planned_through = 1");
    }
    EXPECT_EQ(sql("SELECT COUNT(*) FROM information_schema.innodb_trx"), "0\n");
    EXPECT_EQ(sql("SELECT planned_through FROM term"), "NULL\n");
    MysqlRows rows = connection.query("SELECT @@wait_timeout = @@global.wait_timeout");
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.text(0), "1");
}

/// Dispatchers do not know of it before; what was due meanwhile was due as the job was.
TEST_F(MysqlStoreTest, AChangeThatHadToWaitCountsFromWhenItsWaitIsOver)
{
    MysqlStore store(settings_);
    testing::SetClock clock(t0);
    const Edit edit(clock, {"ann", ""});
    const JobId id = store.add_job(draft(), edit).id;
    JobPatch patch;
    patch.set(&Job::stop, true);
    const std::vector<std::function<void()>> changes{
        [&] { store.add_job(draft(), edit); },
        [&] { store.update_job(id, patch, edit); },
        [&] {
            store.update_jobs(std::vector{id, id + 1}, patch, edit);
        },
        [&] { store.delete_job(id, edit); },
        [&] { store.delete_jobs(std::vector{id + 1}, edit); },
    };
    MysqlConnection locker(settings_);
    for (const auto& change : changes) {
        clock.set(clock.now() + 1min);
        locker.execute("LOCK TABLES cron WRITE");
        auto changing = std::async(std::launch::async, change);
        wait_for_lock_waits("1");
        clock.set(clock.now() + 7s);
        locker.execute("UNLOCK TABLES");
        changing.get();
        const std::string now = fmt::format("{}\n", to_unix_millis(clock.now()));
        EXPECT_EQ(sql("SELECT MAX(effective_from) FROM cron_revision"), now);
        // What is there was changed a minute ago, or now, as the newest row of its history says.
        EXPECT_EQ(sql("SELECT COUNT(*) FROM cron c WHERE effective_from <> (SELECT"
                      " MAX(effective_from) FROM cron_revision WHERE cron_id = c.id)"),
                  "0\n");
    }
}

TEST_F(MysqlStoreTest, RepeatsAReadWhoseConnectionIsCutUnderWay)
{
    MysqlStore store(settings_);
    const JobId id = store.add_job(draft(), t0).id;
    MysqlConnection locker(settings_);
    locker.execute("LOCK TABLES cron WRITE");
    auto reading = std::async(std::launch::async, [&] { return store.find_job(id); });
    wait_for_lock_waits("1");
    kill_the_one_that_waits();
    wait_for_lock_waits("1");  // it has come back
    locker.execute("UNLOCK TABLES");
    EXPECT_TRUE(reading.get());
}

TEST_F(MysqlStoreTest, SaysThatASearchTookTooLongAndGoesOn)
{
    settings_.timeout = 1s;
    MysqlStore store(settings_);
    store.record(std::vector{report(1, RunState::success, "a needle")});
    LogFilter filter;
    filter.search = "needle";
    filter.from = t0;  // without an index hint, which a view cannot take
    // A minute for each row that is found.
    sql("RENAME TABLE log TO slow_log; CREATE VIEW log AS SELECT * FROM slow_log WHERE"
        " SLEEP(60) = 0");
    try {
        store.log_page(filter, {}, {}, 0);
        FAIL() << "the server let it take its time";
    } catch (const TookTooLong& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("cannot list the log"),
                                        AnyOf(HasSubstr("error 1969"), HasSubstr("error 3024")),
                                        EndsWith("the limit of a statement is 1 s")));
    }
    sql("DROP VIEW log; RENAME TABLE slow_log TO log");
    EXPECT_EQ(store.log_page(filter, {}, {}, 0).size(), 1U);
}

TEST_F(MysqlStoreTest, SaysThatAReadTookTooLongWhichWaitedForATable)
{
    settings_.timeout = 1s;
    MysqlStore store(settings_);
    const JobId id = store.add_job(draft(), t0).id;
    MysqlConnection locker(settings_);
    locker.execute("LOCK TABLES cron WRITE");
    EXPECT_THROW(store.find_job(id), TookTooLong);
    locker.execute("UNLOCK TABLES");
    EXPECT_TRUE(store.find_job(id));
}

TEST(MysqlErrorTest, KnowsTheTimeLimitOfBothServerFamilies)
{
    EXPECT_TRUE(MysqlError(1969, "MariaDB: max_statement_time exceeded").time_limit());
    EXPECT_TRUE(MysqlError(3024, "MySQL: maximum statement execution time exceeded").time_limit());
    EXPECT_FALSE(MysqlError(1317, "KILL QUERY").time_limit());
    EXPECT_FALSE(MysqlError(2013, "Lost connection to server during query").time_limit());
}

TEST_F(MysqlStoreTest, NeverAddsAJobTwiceWhenItsConnectionIsCutUnderWay)
{
    MysqlStore store(settings_);
    store.ping();
    MysqlConnection locker(settings_);
    locker.execute("LOCK TABLES cron WRITE");
    auto adding = std::async(std::launch::async, [&] { return store.add_job(draft(), t0); });
    wait_for_lock_waits("1");
    kill_the_one_that_waits();
    locker.execute("UNLOCK TABLES");
    EXPECT_THROW(adding.get(), StoreError);
    EXPECT_EQ(store.job_counts().total, 0);
}

TEST_F(MysqlStoreTest, DoesNotNoticeThatItsIdleConnectionWasCut)
{
    MysqlStore store(settings_);
    store.ping();
    sql("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <>"
        " CONNECTION_ID() INTO @idle; KILL CONNECTION @idle");
    const auto gone = [&] {
        return sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()") ==
               "1\n";  // the one that asks
    };
    ASSERT_TRUE(testing::poll_until(gone, 20s));
    EXPECT_GT(store.add_job(draft(), t0).id, 0);
    EXPECT_EQ(store.job_counts().total, 1);
}

TEST(MysqlPacketTest, CutsAnOutputThatTheServerWouldRefuse)
{
    DatabaseServer server({"--max-allowed-packet=1M"});
    server.start();
    const MysqlSettings settings = testing::settings_for(server, "cron");
    migrate(settings);
    MysqlStore store(settings);
    const std::string quotes(700'000, '\'');  // twice as long in a statement
    const std::string large = "head" + std::string(3'000'000, 'x') + "tail";
    store.record(std::vector{report(1, RunState::success, "small"),
                             report(2, RunState::success, large),
                             report(3, RunState::failed, quotes),
                             report(4, RunState::success, std::string(900'000, 'y'))});

    const std::vector<LogRow> rows = store.log_page({}, {}, {}, 0);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[3].run.output, "small");
    EXPECT_THAT(rows[2].run.output,
                AllOf(::testing::StartsWith("head"), ::testing::EndsWith("tail"),
                      HasSubstr("bytes cut to fit into the database")));
    EXPECT_EQ(rows[1].run.state, RunState::failed);
    EXPECT_THAT(rows[1].run.output, HasSubstr("bytes cut to fit into the database"));
    EXPECT_EQ(rows[0].run.output, std::string(900'000, 'y')) << "this one fits";
}

TEST_F(MysqlFaultTest, ComesBackAfterTheServerWasRestarted)
{
    MysqlStore store(settings_);
    const JobId id = store.add_job(draft(), t0).id;
    server_.stop();
    server_.start();
    EXPECT_GT(store.add_job(draft(), t0).id, id);
    server_.kill();
    EXPECT_THROW(store.ping(), StoreError);
    EXPECT_THROW(store.ping(), StoreError);
    server_.start();
    EXPECT_NO_THROW(store.ping());
    EXPECT_NO_THROW(store.begin_term(1, "127.0.0.1:9991"));
}

/// A user as docs/install.md has it: one that a server that is read-only refuses.
class MysqlReadOnlyTest : public MysqlFaultTest {
protected:
    MysqlReadOnlyTest()
    {
        server_.sql(
            "CREATE USER plain@'%' IDENTIFIED BY 'plain'; GRANT ALL ON cron.* TO plain@'%'");
        settings_.user = "plain";
        settings_.password = "plain";
    }

    std::string sessions() const
    {
        return server_.sql("SELECT id FROM information_schema.processlist WHERE user = 'plain'");
    }
};

TEST_F(MysqlReadOnlyTest, LeavesAServerThatTakesNoMoreChangesAndComesBack)
{
    MysqlStore store(settings_);
    const JobId id = store.add_job(draft(), t0).id;
    const std::string before = sessions();
    server_.sql("SET GLOBAL read_only = 1");
    const auto refused = [&](const std::function<void()>& work) {
        try {
            work();
            ADD_FAILURE() << "a server that is read-only took it";
        } catch (const StoreError& error) {
            EXPECT_THAT(error.what(), HasSubstr("error 1290"));
        }
    };
    refused([&] { store.record(std::vector{report(id, RunState::success)}); });
    EXPECT_TRUE(store.find_job(id)) << "reads go on";
    EXPECT_NE(sessions(), before) << "a name or a proxy may lead to another server by now";
    const std::string second = sessions();
    refused([&] { store.add_job(draft(), t0); });
    EXPECT_NE(sessions(), second);

    server_.sql("SET GLOBAL read_only = 0");
    EXPECT_NO_THROW(store.record(std::vector{report(id, RunState::success)}));
    store.add_job(draft(), t0);
    EXPECT_EQ(store.job_counts().total, 2) << "what was refused was not done, and is not repeated";
}

TEST_F(MysqlReadOnlyTest, FindsTheServerThatTakesChangesWithinOneCall)
{
    MysqlStore store(settings_);
    store.ping();
    // This session was opened when the server was read-only; a new one is not.
    server_.sql("SET GLOBAL init_connect = 'SET SESSION TRANSACTION READ ONLY'");
    MysqlStore late(settings_);
    late.ping();
    server_.sql("SET GLOBAL init_connect = ''");
    EXPECT_GT(late.add_job(draft(), t0).id, 0);
    EXPECT_EQ(store.job_counts().total, 1);
}

TEST(MysqlErrorTest, KnowsWhenAServerTakesNoChanges)
{
    for (const unsigned code : {1290U, 1792U, 1836U, 1047U, 3032U, 3100U}) {
        EXPECT_TRUE(MysqlError(code, "no").takes_no_changes()) << code;
    }
    for (const unsigned code : {1205U, 1213U, 1062U, 1406U, 2013U}) {
        EXPECT_FALSE(MysqlError(code, "no").takes_no_changes()) << code;
    }
}

TEST_F(MysqlFaultTest, SaysWhichServerIsAway)
{
    MysqlStore store(settings_);
    server_.kill();
    try {
        store.changes_since({});
        FAIL() << "the server is away";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("cannot read the changes of the jobs"),
                                        HasSubstr("127.0.0.1:" + std::to_string(server_.port())),
                                        HasSubstr("database cron")));
    }
}

TEST_F(MysqlFaultTest, GivesUpOnAServerThatHangs)
{
    MysqlStore connected(settings_);
    MysqlStore unconnected(settings_);
    connected.begin_term(1, "127.0.0.1:9991");
    server_.pause();
    EXPECT_THROW(connected.commit(step(1, 1)), StoreError);
    EXPECT_THROW(unconnected.ping(), StoreError);
    EXPECT_THROW(migrate(settings_), StoreError);
    server_.resume();
    EXPECT_NO_THROW(connected.commit(step(1, 1)));
    EXPECT_NO_THROW(unconnected.ping());
    EXPECT_EQ(server_.sql("SELECT COUNT(*) FROM log", "cron"), "1\n");
}

}  // namespace
}  // namespace peercron
