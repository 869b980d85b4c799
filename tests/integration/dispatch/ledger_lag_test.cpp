#include "base/task_group.hpp"
#include "dispatch/dispatcher.hpp"
#include "fake_coordinator.hpp"
#include "integration/store/temporary_folder.hpp"
#include "run_coroutine.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// There is only this node, and the lock is its own from the first epoch on.
class OwnLock final : public testing::FakeCoordinator {
public:
    explicit OwnLock(asio::any_io_executor executor) : FakeCoordinator(std::move(executor))
    {
        nodes.resize(1);
    }

    Epoch epoch() const override { return 1; }
    SteadyTime session_confirmed() const override { return std::chrono::steady_clock::now(); }
    void raise_epoch(Epoch used) override { raised = used; }

    std::optional<Epoch> raised;
};

const NodeName self = "127.0.0.1:9991";  // as the coordinator says

/// The node keeps copies of steps, on its disk as it says, and starts nothing.
class KeepingChannel final : public Channel {
public:
    explicit KeepingChannel(asio::any_io_executor executor) : said_(std::move(executor)) {}

    void send(const Message& message) override
    {
        if (const auto* copy = std::get_if<StepCopy>(&message)) {
            answers_.emplace_back(StepKept{copy->step.id(), true});
        }
        if (const auto* beat = std::get_if<DispatcherBeat>(&message)) {
            NodeBeat answer;
            answer.echo = answer.sent_at = beat->sent_at;
            answer.load.slots = 1;
            answers_.emplace_back(std::move(answer));
        }
        said_.notify();
    }
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
    {
        Account account;
        account.node = self;
        account.incarnation = 1;
        account.slots = 1;
        account.uptime = 1h;
        on_message(account);
        for (;;) {
            std::vector<Message> answers = std::exchange(answers_, {});
            for (Message& answer : answers) on_message(std::move(answer));
            if (answers_.empty()) co_await said_.wait();
        }
    }
    void close() override {}

private:
    Event said_;
    std::vector<Message> answers_;
};

/// A dispatcher with the lock, on an empty database that another process may lock.
class LedgerLagTest : public ::testing::Test {
protected:
    LedgerLagTest() { migrate(settings_); }

    std::unique_ptr<Store> open() const { return std::make_unique<SqliteStore>(settings_); }

    Dispatcher::Parts parts(Connect connect)
    {
        const auto roster = [] { return Roster(); };
        return Dispatcher::Parts{clock_, lock_,   store_, history_, std::move(connect),
                                 roster, metrics_};
    }

    double metric(const std::string& name)
    {
        for (const prometheus::MetricFamily& family : metrics_.Collect()) {
            if (family.name == name) return family.metric.at(0).gauge.value;
        }
        ADD_FAILURE() << "there is no metric " << name;
        return 0;
    }

    /// The database takes nothing as long as the result lives.
    auto lock_database() const
    {
        struct Lock {
            explicit Lock(const std::string& file)
            {
                EXPECT_EQ(::sqlite3_open(file.c_str(), &database), SQLITE_OK);
                execute("PRAGMA busy_timeout = 20000");
                execute("BEGIN IMMEDIATE");
            }
            Lock(const Lock&) = delete;
            Lock& operator=(const Lock&) = delete;
            ~Lock()
            {
                execute("ROLLBACK");
                ::sqlite3_close(database);
            }
            void execute(const char* statement) const
            {
                EXPECT_EQ(::sqlite3_exec(database, statement, nullptr, nullptr, nullptr), SQLITE_OK)
                    << statement << ": " << ::sqlite3_errmsg(database);
            }
            sqlite3* database = nullptr;
        };
        return std::make_unique<Lock>((folder_.path() / "peercron.db").string());
    }

    testing::TemporaryFolder folder_;
    SqliteSettings settings_{folder_.path() / "peercron.db"};
    asio::io_context io_;
    SystemClock clock_;
    OwnLock lock_{io_.get_executor()};
    StorePool store_{io_.get_executor(), 2, [this] { return open(); }};
    StorePool history_{io_.get_executor(), 1, [this] { return open(); }};
    prometheus::Registry metrics_;
};

TEST_F(LedgerLagTest, ALedgerThatIsTooFarBehindHoldsThePlanAndWhatIsTooLateThenIsOverload)
{
    constexpr int jobs = 50;
    {
        const auto store = open();
        Job job;
        job.cron_set = "* * * * * *";
        job.command = "true";
        for (int i = 0; i < jobs; ++i) store->add_job(job, clock_.now());
    }
    const auto connect = [&](NodeName) -> asio::awaitable<Result<std::unique_ptr<Channel>>> {
        std::unique_ptr<Channel> channel = std::make_unique<KeepingChannel>(io_.get_executor());
        co_return channel;
    };
    DispatchSettings settings;
    settings.lookahead = 1s;
    settings.misfire_window = 1s;
    settings.max_ledger_lag = 64U << 10U;  // some 300 fires: six seconds
    Dispatcher dispatcher(io_.get_executor(), parts(connect), self, settings);
    const auto count = [this](RunState state) {
        LogFilter filter;
        filter.state = state;
        const auto store = open();
        return store->count_log(filter, {}, {}).rows;
    };
    const auto test = [&]() -> asio::awaitable<void> {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("dispatcher", dispatcher.run());
        while (count(RunState::planned) == 0) co_await sleep_for(20ms);
        auto lock = lock_database();
        while (metric("peercron_ledger_behind_bytes") < 64U << 10U) co_await sleep_for(20ms);
        const double seconds = metric("peercron_ledger_behind_seconds");
        EXPECT_GT(seconds, 0);
        // Now and then a step without fires; with them it would be three times as much by then.
        while (metric("peercron_ledger_behind_seconds") < seconds + 10) co_await sleep_for(50ms);
        EXPECT_LT(metric("peercron_ledger_behind_bytes"), 2 * (64U << 10U));
        EXPECT_EQ(count(RunState::skipped), 0);
        lock.reset();
        while (metric("peercron_ledger_behind_bytes") > 0) co_await sleep_for(20ms);
        while (count(RunState::skipped) < jobs) co_await sleep_for(20ms);
        tasks.cancel();
        co_await tasks.join();
    };
    testing::run(io_, test());
    LogFilter skipped;
    skipped.state = RunState::skipped;
    const auto store = open();
    for (const LogRow& row : store->log_page(skipped, {}, {}, 0)) {
        EXPECT_TRUE(row.run.reason.cause == Cause::overload) << to_string(row.run.reason);
        EXPECT_GT(row.fires, 1);
    }
}

}  // namespace
}  // namespace peercron
