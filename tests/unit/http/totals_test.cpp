#include "http/totals.hpp"

#include "base/task_group.hpp"
#include "fake_store.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class TotalsTest : public ::testing::Test {
protected:
    /// A count that takes so long that its result is good for 20 s.
    Totals::Count count(std::int64_t first)
    {
        return [this, first](Store&) {
            std::this_thread::sleep_for(200ms);
            const int before = counts_++;
            if (fails_ && before == 0) throw StoreError("the database is gone");
            return first + before;
        };
    }

    /// Asks so often, one after the other.
    std::vector<std::int64_t> ask(std::int64_t first, int times)
    {
        io_.restart();
        testing::run(io_, ask_on(first, times));
        return std::exchange(answers_, {});
    }
    asio::awaitable<void> ask_on(std::int64_t first, int times)
    {
        for (int i = 0; i < times; ++i) co_await ask_once(first);
    }

    /// Asks so often at once.
    std::vector<std::int64_t> ask_at_once(std::int64_t first, int times)
    {
        io_.restart();
        testing::run(io_, ask_together(first, times));
        return std::exchange(answers_, {});
    }
    asio::awaitable<void> ask_together(std::int64_t first, int times)
    {
        TaskGroup tasks(io_.get_executor());
        for (int i = 0; i < times; ++i) tasks.spawn("ask", ask_once(first));
        co_await tasks.join();
    }

    asio::awaitable<void> ask_once(std::int64_t first)
    {
        std::int64_t total = -1;
        try {
            total = co_await totals_.total(pool_, "list", count(first));
        } catch (const StoreError&) {
            total = -2;
        }
        answers_.push_back(total);
    }

    asio::io_context io_{1};
    testing::FakeTables tables_;
    StorePool pool_{io_.get_executor(), 4,
                    [this] { return std::make_unique<testing::FakeStore>(tables_); }};
    Totals totals_;
    std::atomic<int> counts_ = 0;
    bool fails_ = false;
    std::vector<std::int64_t> answers_;
};

TEST_F(TotalsTest, FewAreCountedEachTime)
{
    EXPECT_THAT(ask(9'000, 3), ElementsAre(9'000, 9'001, 9'002));
}

TEST_F(TotalsTest, ManyAreCountedOnceInAWhile)
{
    EXPECT_THAT(ask(10'000, 3), Each(10'000));
    EXPECT_EQ(counts_, 1);
}

TEST_F(TotalsTest, WhoAsksMeanwhileGetsThatCountOfMany)
{
    EXPECT_THAT(ask_at_once(10'000, 8), Each(10'000));
    EXPECT_EQ(counts_, 1);
}

TEST_F(TotalsTest, WhoAsksMeanwhileCountsAFewAgain)
{
    ask_at_once(9'000, 3);
    EXPECT_EQ(counts_, 3);
}

TEST_F(TotalsTest, AFailureIsOfWhoeverCounted)
{
    fails_ = true;
    EXPECT_THAT(ask_at_once(10'000, 3), UnorderedElementsAre(-2, 10'001, 10'002));
    EXPECT_THAT(ask(10'000, 1), ElementsAre(10'003));
    EXPECT_THAT(ask(10'000, 1), ElementsAre(10'003));
}

}  // namespace
}  // namespace peercron
