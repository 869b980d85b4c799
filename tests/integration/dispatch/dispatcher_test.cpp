#include "dispatch/dispatcher.hpp"

#include "base/task_group.hpp"
#include "fake_coordinator.hpp"
#include "integration/store/store_under_test.hpp"
#include "run_coroutine.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
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

/// The node gives its account and hangs up.
class BriefChannel final : public Channel {
public:
    void send(const Message&) override {}
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
    {
        Account account;
        account.node = self;
        account.incarnation = 1;
        account.slots = 1;
        on_message(account);
        ChannelEnd end;
        end.why = "it hung up";
        co_return end;
    }
    void close() override {}
};

/// The node has gone mad: it has a copy of a step, and has heard a dispatcher, of epochs that
/// cannot be.
class MadChannel final : public Channel {
public:
    explicit MadChannel(Event& closed) : closed_(closed) {}

    void send(const Message&) override {}
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
    {
        StepCopy copy;
        copy.step.epoch = std::numeric_limits<Epoch>::max();
        on_message(copy);
        Account account;
        account.node = self;
        account.incarnation = 1;
        account.newest_epoch = std::numeric_limits<Epoch>::max();
        on_message(account);
        while (!is_closed_) co_await closed_.wait();
        ChannelEnd end;
        end.why = "closed here";
        co_return end;
    }
    void close() override
    {
        is_closed_ = true;
        closed_.notify();
    }

private:
    Event& closed_;
    bool is_closed_ = false;
};

/// The node's warden answers, and leaves when it was heard.
class WardenChannel final : public Channel {
public:
    explicit WardenChannel(std::optional<std::uint64_t>& heard, Event& changed)
        : heard_(heard), changed_(changed)
    {}

    void send(const Message& message) override
    {
        const auto* heard = std::get_if<DeathHeard>(&message);
        if (heard == nullptr) return;
        heard_ = heard->incarnation;
        changed_.notify();
    }
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
    {
        on_message(NodeDied{7, 10ms, 1h});
        while (!heard_) co_await changed_.wait();
        ChannelEnd end;
        end.why = "it was heard";
        co_return end;
    }
    void close() override {}

private:
    std::optional<std::uint64_t>& heard_;
    Event& changed_;
};

/// A dispatcher with the lock, on an empty database.
class DispatcherTest : public ::testing::Test {
protected:
    std::unique_ptr<Store> open() const { return database_->open(); }

    Dispatcher::Parts parts(Connect connect)
    {
        const auto roster = [] { return Roster(); };
        return Dispatcher::Parts{clock_, lock_,   store_, history_, std::move(connect),
                                 roster, metrics_};
    }

    std::unique_ptr<testing::StoreDatabase> database_ = testing::usual_database();
    asio::io_context io_;
    SystemClock clock_;
    OwnLock lock_{io_.get_executor()};
    StorePool store_{io_.get_executor(), 2, [this] { return open(); }};
    StorePool history_{io_.get_executor(), 1, [this] { return open(); }};
    prometheus::Registry metrics_;
};

TEST_F(DispatcherTest, ANodeThatHangsUpEachTimeIsNotCalledAgainAtOnce)
{
    constexpr int enough = 6;
    constexpr int far_too_often = 1000;
    int calls = 0;
    Event called(io_.get_executor());
    const auto connect = [&](NodeName) -> asio::awaitable<Result<std::unique_ptr<Channel>>> {
        ++calls;
        called.notify();
        if (calls > far_too_often) co_await sleep_for(1h);  // so that the test can say it
        std::unique_ptr<Channel> channel = std::make_unique<BriefChannel>();
        co_return channel;
    };
    Dispatcher dispatcher(io_.get_executor(), parts(connect), self, DispatchSettings());
    const auto test = [&]() -> asio::awaitable<void> {
        TaskGroup tasks(io_.get_executor());
        const SteadyTime begun = std::chrono::steady_clock::now();
        tasks.spawn("dispatcher", dispatcher.run());
        while (calls < enough) co_await called.wait();
        // At least half of 50, 100, 200, 400 and 800 ms.
        EXPECT_GE(std::chrono::steady_clock::now() - begun, 775ms);
        EXPECT_LT(calls, far_too_often);
        tasks.cancel();
        co_await tasks.join();
    };
    testing::run(io_, test());
}

TEST_F(DispatcherTest, AWardenLearnsThatItsWordWasHeard)
{
    std::optional<std::uint64_t> heard;
    Event changed(io_.get_executor());
    const auto connect = [&](NodeName) -> asio::awaitable<Result<std::unique_ptr<Channel>>> {
        std::unique_ptr<Channel> channel = std::make_unique<WardenChannel>(heard, changed);
        co_return channel;
    };
    Dispatcher dispatcher(io_.get_executor(), parts(connect), self, DispatchSettings());
    const auto test = [&]() -> asio::awaitable<void> {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("dispatcher", dispatcher.run());
        while (!heard) co_await changed.wait();
        tasks.cancel();
        co_await tasks.join();
    };
    testing::run(io_, test());
    EXPECT_EQ(heard, 7U);
}

TEST_F(DispatcherTest, ANodeThatNamesEpochsThatCannotBeDeposesNobody)
{
    int calls = 0;
    Event called(io_.get_executor());
    Event closed(io_.get_executor());
    const auto connect = [&](NodeName) -> asio::awaitable<Result<std::unique_ptr<Channel>>> {
        ++calls;
        called.notify();
        std::unique_ptr<Channel> channel = std::make_unique<MadChannel>(closed);
        co_return channel;
    };
    DispatchSettings settings;  // of a dispatcher that does not wait long for such a node
    settings.lease = 200ms;
    settings.lease_margin = 100ms;
    Dispatcher dispatcher(io_.get_executor(), parts(connect), self, settings);
    const auto test = [&]() -> asio::awaitable<void> {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("dispatcher", dispatcher.run());
        while (calls < 3 || dispatcher.epoch() == 0) co_await called.wait_for(10ms);
        EXPECT_EQ(dispatcher.epoch(), 1U);
        EXPECT_EQ(lock_.raised, std::nullopt);
        for (const NodeLoad& load : dispatcher.loads()) EXPECT_FALSE(load.connected) << load.node;
        tasks.cancel();
        co_await tasks.join();
    };
    testing::run(io_, test());
}

}  // namespace
}  // namespace peercron
