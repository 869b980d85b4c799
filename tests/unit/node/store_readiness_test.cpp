#include "node/store_readiness.hpp"

#include "base/task_group.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;

/// Fails as often as it is told to, then has the tables.
class FailingBackend final : public Backend {
public:
    StorePool::Open open_store() const override { return nullptr; }
    std::vector<std::string> migrate(std::stop_token) const override
    {
        tried.push_back(failures.empty() ? "done" : failures.front());
        if (failures.empty()) return applied;
        const std::string why = failures.front();
        failures.erase(failures.begin());
        throw StoreError(why);
    }
    bool waits_for_store() const override { return waits; }
    std::unique_ptr<Coordinator> make_coordinator(
        asio::any_io_executor, const Clock&, const std::string&, std::uint64_t,
        std::function<asio::awaitable<Epoch>()>) const override
    {
        return nullptr;
    }
    bool has_peers() const override { return false; }
    std::string description() const override { return ""; }
    std::string welcome(const std::string&, const std::string&) const override { return ""; }

    mutable std::vector<std::string> failures;
    mutable std::vector<std::string> tried;
    std::vector<std::string> applied;
    bool waits = true;
};

class StoreReadinessTest : public ::testing::Test {
protected:
    asio::awaitable<void> stop_at_first_trouble()
    {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("prepare", readiness_.prepare());
        while (readiness_.trouble()->why.empty()) co_await asio::post(asio::use_awaitable);
        readiness_.stop();
        co_await tasks.join();
    }

    asio::io_context io_{1};
    SystemClock clock_;
    FailingBackend backend_;
    StorePool pool_{io_.get_executor(), 1, [] { return std::unique_ptr<Store>(); }};
    StoreReadiness readiness_{io_.get_executor(), clock_, backend_, pool_};
};

TEST_F(StoreReadinessTest, TriesUntilTheTablesAreThere)
{
    backend_.failures = {"connection refused"};
    backend_.applied = {"0001_tables"};
    ASSERT_TRUE(readiness_.trouble());
    testing::run(io_, readiness_.prepare());
    EXPECT_THAT(backend_.tried, ElementsAre("connection refused", "done"));
    EXPECT_TRUE(readiness_.is_ready());
    EXPECT_TRUE(readiness_.is_new());
    EXPECT_FALSE(readiness_.trouble());
}

TEST_F(StoreReadinessTest, ADatabaseThatHadItsTablesIsNotNew)
{
    testing::run(io_, readiness_.prepare());
    EXPECT_TRUE(readiness_.is_ready());
    EXPECT_FALSE(readiness_.is_new());
}

TEST_F(StoreReadinessTest, SaysWhyItWaitsAndEndsWhenItIsStopped)
{
    backend_.failures.assign(1000, "connection refused");
    testing::run(io_, stop_at_first_trouble());
    EXPECT_FALSE(readiness_.is_ready());
    EXPECT_EQ(readiness_.trouble()->why, "connection refused");
    EXPECT_LT(backend_.tried.size(), 1000U);
}

TEST_F(StoreReadinessTest, WithoutAStoreToWaitForTheFailureIsThrown)
{
    backend_.waits = false;
    backend_.failures = {"the disk is full"};
    EXPECT_THROW(testing::run(io_, readiness_.prepare()), StoreError);
    EXPECT_FALSE(readiness_.is_ready());
}

}  // namespace
}  // namespace peercron
