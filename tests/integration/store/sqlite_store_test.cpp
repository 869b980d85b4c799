#include "store/sqlite/sqlite_store.hpp"

#include "integration/servers/child_process.hpp"
#include "integration/store/migration_names.hpp"
#include "integration/store/set_clock.hpp"
#include "integration/store/temporary_folder.hpp"
#include "integration/store/told_log.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <random>
#include <thread>
#include <vector>

// What is the SQLite store's alone; what all stores promise is in store_conformance_test.cpp.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime t0{1'763'683'200'000ms};

class SqliteStoreTest : public ::testing::Test {
protected:
    SqliteStore& store()
    {
        if (!store_) {
            migrate(settings_);
            store_.emplace(settings_);
        }
        return *store_;
    }

    /// As somebody does with the sqlite3 shell.
    void by_hand(const std::string& sql) { SqliteConnection(settings_).execute(sql); }

    std::string message_of(const std::function<void()>& call)
    {
        try {
            call();
        } catch (const StoreError& error) {
            return error.what();
        }
        return "";
    }

    testing::TemporaryFolder folder_;
    SqliteSettings settings_{folder_.path() / "peercron.db"};
    std::optional<SqliteStore> store_;
};

Job draft()
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    return job;
}

PlanStep step_of(Epoch epoch, WallTime through, std::vector<RunId> runs)
{
    PlanStep step;
    step.epoch = epoch;
    step.dispatch_server = "127.0.0.1:9990";
    step.planned_through = through;
    for (const RunId& id : runs) {
        PlannedRun run;
        run.id = id;
        run.run_server = step.dispatch_server;
        run.dispatched_at = through;
        step.runs.push_back(std::move(run));
    }
    return step;
}

TEST_F(SqliteStoreTest, MigratesOnceAndKeepsWhatIsThere)
{
    EXPECT_EQ(migrate(settings_), testing::migration_names("sqlite"));
    const JobId id = store().add_job(draft(), t0).id;
    EXPECT_THAT(migrate(settings_), IsEmpty());
    EXPECT_TRUE(store().find_job(id));
}

TEST_F(SqliteStoreTest, RefusesADatabaseThatIsNewerThanTheProgram)
{
    migrate(settings_);
    by_hand("INSERT INTO schema_migration (number, name) VALUES (99, '0099_future')");
    const std::string message = message_of([&] { migrate(settings_); });
    EXPECT_THAT(message, HasSubstr("newer than this program"));
    EXPECT_THAT(message, HasSubstr(settings_.path.string()));
}

TEST_F(SqliteStoreTest, SaysThatAFileIsNoDatabase)
{
    std::ofstream(settings_.path) << std::string(5000, 'x');
    EXPECT_THAT(message_of([&] { migrate(settings_); }), HasSubstr("not a database"));
}

TEST_F(SqliteStoreTest, SaysThatAFolderIsMissing)
{
    settings_.path = folder_.path() / "missing" / "peercron.db";
    EXPECT_THAT(message_of([&] { migrate(settings_); }), HasSubstr("missing/peercron.db"));
    EXPECT_THAT(message_of([&] { SqliteLock lock(settings_); }), HasSubstr("No such file"));
}

TEST_F(SqliteStoreTest, ComesBackWhenItsFileIsThereAgain)
{
    SqliteStore early(settings_);
    EXPECT_THROW(early.job_counts(), StoreError) << "no tables yet";
    migrate(settings_);
    EXPECT_EQ(early.job_counts().total, 0);
}

TEST_F(SqliteStoreTest, IsOneNodesAtATime)
{
    auto lock = std::make_unique<SqliteLock>(settings_);
    const std::string message = message_of([&] { SqliteLock second(settings_); });
    EXPECT_THAT(message, HasSubstr("in use by process " + std::to_string(getpid())));
    lock.reset();
    EXPECT_NO_THROW(SqliteLock again(settings_));
}

TEST_F(SqliteStoreTest, AProcessThatIsEndingIsWaitedFor)
{
    auto lock = std::make_unique<SqliteLock>(settings_);
    const testing::ToldLog log;
    auto ending = std::async(std::launch::async, [&] {
        const std::string told =
            "in use by process " + std::to_string(getpid()) + "; waiting up to 120 s";
        EXPECT_TRUE(testing::poll_until([&] { return log.count(told) == 1; }, 60s));
        lock.reset();
    });
    EXPECT_NO_THROW(SqliteLock second(settings_, 120s));
    ending.get();
}

TEST_F(SqliteStoreTest, AProcessThatAltersTheTablesIsWaitedForHoweverLong)
{
    std::optional<SqliteLock> lock(std::in_place, settings_);
    std::optional<SqliteLock::Altering> altering(std::in_place, *lock);
    const testing::ToldLog log;
    MigrationWatch watch;
    watch.interval = 1ms;
    const auto wait = [&] { SqliteLock second(settings_, 0ms, watch); };
    const std::string told = "process " + std::to_string(getpid()) + " is altering the tables of " +
                             settings_.path.string() + "; waiting since ";
    const auto said_twice = [&] { return log.count(told) >= 2; };
    auto waiting = std::async(std::launch::async, wait);
    EXPECT_TRUE(testing::poll_until(said_twice, 60s));
    altering.reset();
    try {
        waiting.get();
        ADD_FAILURE() << "the lock was given twice";
    } catch (const StoreError& error) {
        EXPECT_THAT(error.what(), HasSubstr("in use by process " + std::to_string(getpid()) + ";"))
            << "it goes on with the database";
    }

    altering.emplace(*lock);
    auto patient = std::async(std::launch::async, [&] { SqliteLock(settings_, 60s, watch); });
    altering.reset();
    lock.reset();
    EXPECT_NO_THROW(patient.get()) << "it has ended";
}

TEST_F(SqliteStoreTest, ALockEndsWithItsProcess)
{
    std::array<int, 2> ready{};
    ASSERT_EQ(pipe(ready.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
        const SqliteLock lock(settings_);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_THROW(SqliteLock lock(settings_), StoreError);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_NO_THROW(SqliteLock lock(settings_));
    close(ready[0]);
    close(ready[1]);
}

TEST_F(SqliteStoreTest, SeesRowsThatWereAddedOrChangedByHand)
{
    const Job job = store().add_job(draft(), t0);
    JobCursor cursor = store().changes_since({}).next;
    EXPECT_THAT(store().changes_since(cursor).changed, IsEmpty());

    const auto before =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    by_hand("UPDATE cron SET command = 'false' WHERE id = " + std::to_string(job.id));
    by_hand("INSERT INTO cron (cron_set, command) VALUES ('@daily', 'date')");
    const JobChanges changes = store().changes_since(cursor);
    ASSERT_THAT(changes.changed, SizeIs(2));
    EXPECT_EQ(changes.changed[0].command, "false");
    EXPECT_EQ(changes.changed[1].command, "date");
    for (const Job& changed : changes.changed) {
        // The Julian day is a double: some tens of microseconds may be lost.
        EXPECT_GE(changed.effective_from, before - 1ms) << "effective from the change";
    }
    EXPECT_EQ(changes.count, 2);
    EXPECT_THAT(store().changes_since(changes.next).changed, IsEmpty());
}

TEST_F(SqliteStoreTest, TakesNoPolicyThatIsNone)
{
    const std::string id = std::to_string(store().add_job(draft(), t0).id);
    by_hand("UPDATE cron SET overlap = 'queue', delivery = 'at_least_once' WHERE id = " + id);
    for (const std::string member : {"delivery", "misfire_policy", "overlap"}) {
        EXPECT_THROW(by_hand("UPDATE cron SET " + member + " = 'wait' WHERE id = " + id),
                     SqliteError)
            << member;
    }
    EXPECT_EQ(store().find_job(std::stoll(id))->overlap, Overlap::queue);
}

TEST_F(SqliteStoreTest, ADeletedRowTakesNoLaterChangeWithIt)
{
    const JobId first = store().add_job(draft(), t0).id;
    const JobId last = store().add_job(draft(), t0).id;
    const JobCursor cursor = store().changes_since({}).next;
    store().delete_job(last, t0);  // had the newest number
    by_hand("UPDATE cron SET stop = 1 WHERE id = " + std::to_string(first));
    EXPECT_THAT(store().changes_since(cursor).changed, SizeIs(1));
}

TEST_F(SqliteStoreTest, ManySessionsWriteAtOnceAndNoneIsRefused)
{
    store().begin_term(1, "127.0.0.1:9990");
    constexpr int sessions = 6;
    constexpr int each = 50;
    std::vector<std::thread> writers;
    std::atomic<int> failed = 0;
    for (int i = 0; i < sessions; ++i) {
        writers.emplace_back([&, i] {
            SqliteStore session(settings_);
            for (int k = 0; k < each; ++k) {
                try {
                    session.commit(step_of(1, t0, {RunId{i + 1, t0 + std::chrono::seconds(k), 1}}));
                } catch (const std::exception&) {
                    ++failed;
                }
            }
        });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(failed, 0);
    EXPECT_THAT(store().begin_term(1, "127.0.0.1:9990").open_runs, SizeIs(sessions * each));
}

TEST_F(SqliteStoreTest, WaitsForAWriterOfAnotherProcess)
{
    store();
    SqliteConnection shell(settings_);
    shell.execute("BEGIN IMMEDIATE");
    std::thread writer([&] { EXPECT_NO_THROW(store().add_job(draft(), t0)); });
    EXPECT_EQ(SqliteStore(settings_).job_counts().total, 0) << "readers do not wait";
    shell.execute("COMMIT");
    writer.join();
    EXPECT_EQ(store().job_counts().total, 1);
}

TEST_F(SqliteStoreTest, AChangeThatHadToWaitCountsFromWhenItsWaitIsOver)
{
    testing::SetClock clock(t0);
    const Edit edit(clock, {"ann", ""});
    const JobId id = store().add_job(draft(), edit).id;
    JobPatch patch;
    patch.set(&Job::stop, true);
    const std::vector<std::function<void()>> changes{
        [&] { store().add_job(draft(), edit); },
        [&] { store().update_job(id, patch, edit); },
        [&] {
            store().update_jobs(std::vector{id, id + 1}, patch, edit);
        },
        [&] { store().delete_job(id, edit); },
        [&] { store().delete_jobs(std::vector{id + 1}, edit); },
    };
    SqliteConnection shell(settings_);
    for (const auto& change : changes) {
        clock.set(clock.now() + 1min);
        shell.execute("BEGIN IMMEDIATE");
        std::promise<void> begins;
        auto changing = std::async(std::launch::async, [&] {
            begins.set_value();
            change();
        });
        begins.get_future().wait();
        EXPECT_LE(SqliteStore(settings_).job_counts().total, 2);  // takes longer than to begin
        clock.set(clock.now() + 7s);
        shell.execute("COMMIT");
        changing.get();
        SqliteStatement& newest = shell.cached("SELECT MAX(effective_from) FROM cron_revision");
        ASSERT_TRUE(newest.next());
        EXPECT_EQ(newest.integer(0), to_unix_millis(clock.now()));
        newest.reset();
    }
}

TEST_F(SqliteStoreTest, FollowsNoLinkToTheDatabaseOrToTheFilesBesideIt)
{
    store().add_job(draft(), t0);
    store_.reset();
    const std::filesystem::path victim = folder_.path() / "victim";
    std::ofstream(victim) << "precious";
    for (const std::string end : {"", "-wal", "-shm"}) {
        const std::filesystem::path file = settings_.path.string() + end;
        const std::filesystem::path aside = file.string() + ".aside";
        if (end.empty()) std::filesystem::rename(file, aside);
        std::filesystem::create_symlink(victim, file);
        const std::string link = file.string() + " is a symbolic link to " + victim.string();
        EXPECT_THAT(message_of([&] { migrate(settings_); }), HasSubstr(link));
        EXPECT_THAT(message_of([&] { SqliteStore(settings_).job_counts(); }), HasSubstr(link));
        std::filesystem::remove(file);
        if (end.empty()) std::filesystem::rename(aside, file);
    }
    EXPECT_EQ(std::filesystem::file_size(victim), 8U);
    // One that leads to nothing is not followed either: nothing is made behind it.
    SqliteSettings dangling{folder_.path() / "dangling.db"};
    std::filesystem::create_symlink(folder_.path() / "made", dangling.path);
    EXPECT_THAT(message_of([&] { migrate(dangling); }), HasSubstr("is a symbolic link"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "made"));
    EXPECT_EQ(store().job_counts().total, 1);
}

TEST_F(SqliteStoreTest, TheFolderMayBeReachedThroughALink)
{
    store().add_job(draft(), t0);
    std::filesystem::create_directory_symlink(folder_.path(), folder_.path() / "link");
    SqliteStore other({folder_.path() / "link" / settings_.path.filename()});
    EXPECT_EQ(other.job_counts().total, 1);
}

TEST_F(SqliteStoreTest, NothingGoesIntoADatabaseThatWasDeletedOrReplaced)
{
    store().add_job(draft(), t0);
    SqliteStore late(settings_);  // opens nothing before its first call
    const std::filesystem::path aside = settings_.path.string() + ".aside";
    const auto add = [&] { store().add_job(draft(), t0); };

    std::filesystem::rename(settings_.path, aside);
    EXPECT_THAT(message_of(add),
                HasSubstr(settings_.path.string() + ": it was deleted or moved away"));
    EXPECT_THAT(message_of([&] { late.job_counts(); }), HasSubstr("was deleted or moved away"));
    EXPECT_THAT(message_of([&] { migrate(settings_); }), HasSubstr("was deleted or moved away"));
    EXPECT_FALSE(std::filesystem::exists(settings_.path)) << "no new one is made in its place";

    std::filesystem::copy_file(aside, settings_.path);
    EXPECT_THAT(message_of(add), HasSubstr("was replaced by another file"));
    EXPECT_THAT(message_of([&] { late.job_counts(); }), HasSubstr("was replaced by another file"));

    std::filesystem::rename(aside, settings_.path);
    EXPECT_EQ(message_of(add), "") << "it is back";
    EXPECT_EQ(late.job_counts().total, 2);
}

TEST_F(SqliteStoreTest, AWriteThatEndsInADeletedDatabaseIsAnError)
{
    store();
    SqliteConnection writer(settings_);
    SqliteTransaction transaction(writer);
    writer.execute("UPDATE term SET epoch = epoch");
    const std::filesystem::path aside = settings_.path.string() + ".aside";
    std::filesystem::rename(settings_.path, aside);
    EXPECT_THROW(transaction.commit(), SqliteError);
    std::filesystem::rename(aside, settings_.path);
}

TEST_F(SqliteStoreTest, ALogThatWasDeletedIsNoticedAndAnEndInGoodOrderLosesNothing)
{
    for (const std::string end : {"-wal", "-shm"}) {
        const std::int64_t before = store().job_counts().total;
        store().add_job(draft(), t0);
        ASSERT_TRUE(std::filesystem::remove(settings_.path.string() + end));
        EXPECT_THAT(message_of([&] { store().add_job(draft(), t0); }),
                    HasSubstr("its " + end + " file was deleted or moved away"));
        store_.reset();
        EXPECT_EQ(store().job_counts().total, before + 1);
        SqliteConnection shell(settings_);
        SqliteStatement check = shell.prepare("PRAGMA integrity_check");
        ASSERT_TRUE(check.next());
        EXPECT_EQ(check.text(0), "ok");
    }
}

TEST_F(SqliteStoreTest, AFullDatabaseIsAnErrorAndNothingIsHalfDone)
{
    store().begin_term(1, "127.0.0.1:9990");
    by_hand("PRAGMA max_page_count = 1");  // of that connection only
    SqliteConnection pages(settings_);
    SqliteStatement count = pages.prepare("PRAGMA page_count");
    ASSERT_TRUE(count.next());
    // The limit of a full disk, set on the connection of a session of its own.
    SqliteConnection full(settings_);
    full.execute("PRAGMA max_page_count = " + std::to_string(count.integer(0)));
    try {
        SqliteTransaction transaction(full);
        for (int i = 0; i < 10'000; ++i) {
            full.execute("INSERT INTO log (cron_id, scheduled_at, time, state) VALUES (1, " +
                         std::to_string(i) + ", 0, 'planned')");
        }
        transaction.commit();
        FAIL() << "the database took more pages than allowed";
    } catch (const SqliteError& error) {
        EXPECT_EQ(error.code() & 0xff, SQLITE_FULL);
        EXPECT_FALSE(error.connection_lost());
    }
    EXPECT_THAT(store().begin_term(1, "127.0.0.1:9990").open_runs, IsEmpty());
    EXPECT_NO_THROW(store().add_job(draft(), t0)) << "the turn was given back";
}

TEST_F(SqliteStoreTest, LosesNoCommittedRowWhenItsProcessIsKilledAtAnyMoment)
{
    store().begin_term(1, "127.0.0.1:9990");
    std::mt19937 random(1);
    std::int64_t next = 0;
    std::vector<std::int64_t> acknowledged;
    for (int round = 0; round < 20; ++round) {
        std::array<int, 2> told{};
        ASSERT_EQ(pipe(told.data()), 0);
        const pid_t child = fork();
        if (child == 0) {
            SqliteStore session(settings_);
            for (std::int64_t at = next;; ++at) {
                session.commit(step_of(1, t0, {RunId{1, t0 + std::chrono::seconds(at), 1}}));
                if (write(told[1], &at, sizeof at) != sizeof at) _exit(1);
            }
        }
        close(told[1]);
        // The child is killed after so many commits, in the midst of what it does then.
        const int commits = 1 + static_cast<int>(random() % 40);
        std::int64_t at = 0;
        for (int i = 0; i < commits; ++i) {
            ASSERT_EQ(read(told[0], &at, sizeof at), ssize_t{sizeof at});
            acknowledged.push_back(at);
        }
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        while (read(told[0], &at, sizeof at) == ssize_t{sizeof at}) acknowledged.push_back(at);
        close(told[0]);
        next = acknowledged.back() + 2;  // the one after it may be there or not

        SqliteStore reopened(settings_);
        for (const std::int64_t row : acknowledged) {
            ASSERT_TRUE(reopened.find_log_row(RunId{1, t0 + std::chrono::seconds(row), 1})) << row;
        }
    }
}

}  // namespace
}  // namespace peercron
