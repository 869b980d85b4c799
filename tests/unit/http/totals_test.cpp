#include "http/totals.hpp"

#include "base/task_group.hpp"
#include "fake_store.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
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
            return Totals::Total{first + before, nullptr};
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
            const auto found = co_await totals_.total(pool_, "list", count(first));
            total = found.rows;
        } catch (const StoreError&) {
            total = -2;
        }
        answers_.push_back(total);
    }

    asio::awaitable<void> ask_with(Totals::Count count, std::vector<std::int64_t>& totals)
    {
        const auto found = co_await totals_.total(pool_, "list", std::move(count));
        totals.push_back(found.rows);
    }
    asio::awaitable<void> renew_with(Totals::Count count)
    {
        co_await totals_.renew(pool_, "list", std::move(count));
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

TEST_F(TotalsTest, WhileOneCountsAnewTheOthersGoOnWithWhatIsKnown)
{
    std::promise<void> go_on;
    const auto quick = [this](Store&) { return Totals::Total{10'000 + counts_++, nullptr}; };
    const auto slow = [this, &go_on](Store&) {
        if (++counts_ == 2) go_on.get_future().wait();
        return Totals::Total{20'000, nullptr};
    };
    TaskGroup tasks(io_.get_executor());
    std::vector<std::int64_t> totals;
    const auto turn_until = [this](auto condition) {
        while (!condition()) {
            io_.restart();
            io_.poll();
        }
    };
    tasks.spawn("first", ask_with(quick, totals));
    turn_until([&] { return totals.size() == 1; });
    // It is good for a hundred times what it took.
    while (counts_ < 2) {
        tasks.spawn("renew", renew_with(slow));
        io_.restart();
        io_.poll();
    }
    tasks.spawn("renew", renew_with(slow));
    tasks.spawn("another", ask_with(slow, totals));
    turn_until([&] { return totals.size() == 2; });
    go_on.set_value();
    io_.restart();
    io_.run();
    EXPECT_THAT(totals, ElementsAre(10'000, 10'000));
    EXPECT_EQ(counts_, 2);
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
