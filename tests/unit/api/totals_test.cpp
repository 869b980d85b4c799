#include "api/totals.hpp"

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

class TotalsTest : public ::testing::Test {
protected:
    using Count = decltype(testing::FakeTables::count_log);

    /// A count that takes so long that its result is good for 20 s.
    Count count(std::int64_t first)
    {
        return [this, first](const LogFilter&, const std::optional<CountRest>&) {
            std::this_thread::sleep_for(200ms);
            const int before = counts_++;
            if (fails_ && before == 0) throw StoreError("the database is gone");
            return part_of(first + before);
        };
    }

    static ListCount part_of(std::int64_t rows)
    {
        ListCount part;
        part.rows = rows;
        return part;
    }

    /// A count in two parts, of which the second waits until it may go on.
    Count count_in_parts()
    {
        return [this](const LogFilter&, const std::optional<CountRest>& from) {
            ListCount part;
            part.blocks.end = 1'000;
            if (!from) {
                part.rows = 5'000;
                part.blocks.blocks = {{750, 5'000}};
                part.rest = CountRest{.first = 500, .before = 750, .top = 1'000, .end = 1'000};
                return part;
            }
            EXPECT_EQ(from->before, 750);
            go_on_.get_future().wait();
            part.rows = 7'000;
            part.blocks.blocks = {{500, 3'000}, {625, 4'000}};
            return part;
        };
    }

    template <class Condition>
    void turn_until(const Condition& condition)
    {
        while (!condition()) {
            io_.restart();
            io_.run_one_for(10ms);
        }
    }

    /// Asks so often, one after the other.
    std::vector<std::int64_t> ask(std::int64_t first, int times)
    {
        tables_.count_log = count(first);
        io_.restart();
        testing::run(io_, ask_on(times));
        return std::exchange(answers_, {});
    }
    asio::awaitable<void> ask_on(int times)
    {
        for (int i = 0; i < times; ++i) co_await ask_once();
    }

    /// Asks so often at once.
    std::vector<std::int64_t> ask_at_once(std::int64_t first, int times)
    {
        tables_.count_log = count(first);
        io_.restart();
        testing::run(io_, ask_together(times));
        return std::exchange(answers_, {});
    }
    asio::awaitable<void> ask_together(int times)
    {
        TaskGroup tasks(io_.get_executor());
        for (int i = 0; i < times; ++i) tasks.spawn("ask", ask_once());
        co_await tasks.join();
    }

    asio::awaitable<void> ask_once()
    {
        std::int64_t total = -1;
        try {
            const auto found = co_await totals_.total(LogFilter(), PageHint());
            total = found.rows;
        } catch (const StoreError&) {
            total = -2;
        }
        answers_.push_back(total);
    }

    asio::awaitable<void> ask_for(LogFilter list, std::vector<Totals::Total>& totals,
                                  Totals::Estimate estimate = Totals::Estimate::allowed)
    {
        auto found = co_await totals_.total(std::move(list), PageHint(), estimate);
        totals.push_back(std::move(found));
    }
    asio::awaitable<void> renew()
    {
        co_await totals_.renew(LogFilter(), PageHint());
        ++renewed_;
    }

    static LogFilter of_job(JobId job)
    {
        LogFilter list;
        list.cron_id = job;
        return list;
    }

    asio::io_context io_{1};
    testing::FakeTables tables_;
    StorePool pool_{io_.get_executor(), 4,
                    [this] { return std::make_unique<testing::FakeStore>(tables_); }};
    TaskGroup tasks_{io_.get_executor()};
    Totals totals_{pool_, tasks_};
    std::promise<void> go_on_;
    std::atomic<int> counts_ = 0;
    int renewed_ = 0;
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

TEST_F(TotalsTest, TheListsThatWereAskedForLastAreRemembered)
{
    tables_.count_log = [this](const LogFilter&, const std::optional<CountRest>&) {
        ++counts_;
        return part_of(20'000);
    };
    std::vector<Totals::Total> totals;
    const auto counts_for = [&](JobId job) {
        counts_ = 0;
        io_.restart();
        testing::run(io_, ask_for(of_job(job), totals));
        return counts_.load();
    };
    for (JobId job = 0; job < 200; ++job) EXPECT_EQ(counts_for(job), 1);
    EXPECT_EQ(counts_for(0), 0);
    EXPECT_EQ(counts_for(4711), 1);
    EXPECT_EQ(counts_for(4711), 0);
    EXPECT_EQ(counts_for(0), 0);
    EXPECT_EQ(counts_for(1), 1) << "nobody had asked for it for the longest time";
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

TEST_F(TotalsTest, NobodyWaitsLongForANewerTotalThanTheOneThatIsKnown)
{
    const auto quick = [this](const LogFilter&, const std::optional<CountRest>&) {
        ++counts_;
        return part_of(10'000);
    };
    const auto slow = [this](const LogFilter&, const std::optional<CountRest>&) {
        if (++counts_ == 2) go_on_.get_future().wait();
        return part_of(20'000);
    };
    std::vector<Totals::Total> totals;
    tables_.count_log = quick;
    tasks_.spawn("first", ask_for({}, totals));
    turn_until([&] { return totals.size() == 1; });
    tables_.count_log = slow;
    // It is good for a hundred times what it took.
    while (counts_ < 2) {
        tasks_.spawn("renew", renew());
        io_.restart();
        io_.poll();
    }
    const int before = renewed_;
    tasks_.spawn("renew", renew());
    tasks_.spawn("another", ask_for({}, totals));
    turn_until([&] { return totals.size() == 2; });
    turn_until([&] { return renewed_ == before + 2; });  // the one that began it has given up
    go_on_.set_value();
    io_.restart();
    io_.run();
    tasks_.spawn("later", ask_for({}, totals));
    io_.restart();
    io_.run();
    ASSERT_EQ(totals.size(), 3U);
    EXPECT_EQ(totals[0].rows, 10'000);
    EXPECT_EQ(totals[1].rows, 10'000);
    EXPECT_EQ(totals[2].rows, 20'000);
    EXPECT_EQ(counts_, 2);
}

TEST_F(TotalsTest, AsLongAsTheFirstCountGoesOnThereIsAnEstimate)
{
    tables_.count_log = count_in_parts();
    std::vector<Totals::Total> totals;
    std::vector<Totals::Total> exact;
    tasks_.spawn("a page", ask_for({}, totals));
    tasks_.spawn("a far page", ask_for({}, exact, Totals::Estimate::refused));
    turn_until([&] { return totals.size() == 1; });
    EXPECT_EQ(totals[0].rows, 10'000);  // 250 of 500 ids are counted
    EXPECT_EQ(totals[0].blocks, nullptr);
    tasks_.spawn("a later page", ask_for({}, totals));
    io_.restart();
    io_.poll();
    EXPECT_EQ(totals.size(), 2U) << "it waits no longer";
    EXPECT_EQ(exact.size(), 0U);
    go_on_.set_value();
    io_.restart();
    io_.run();
    ASSERT_EQ(exact.size(), 1U);
    EXPECT_EQ(exact[0].rows, 12'000);
}

TEST_F(TotalsTest, TheBlocksOfAllPartsArePutTogether)
{
    std::vector<Totals::Total> totals;
    tables_.count_log = count_in_parts();
    go_on_.set_value();
    tasks_.spawn("a page", ask_for({}, totals));
    io_.run();
    ASSERT_EQ(totals.size(), 1U);
    EXPECT_EQ(totals[0].rows, 12'000);
    ASSERT_NE(totals[0].blocks, nullptr);
    EXPECT_EQ(totals[0].blocks->end, 1'000);
    std::vector<std::int64_t> firsts;
    for (const auto& block : totals[0].blocks->blocks) firsts.push_back(block.first);
    EXPECT_THAT(firsts, ElementsAre(500, 625, 750));
}

TEST_F(TotalsTest, LongCountsTakeTurns)
{
    std::atomic<int> at_once = 0;
    std::atomic<int> most = 0;
    std::atomic<int> parts = 0;
    tables_.count_log = [&](const LogFilter&, const std::optional<CountRest>& from) {
        ListCount part = part_of(10'000);
        if (!from) {
            part.rest = CountRest{.before = 900, .top = 1'000, .end = 1'000};
            return part;
        }
        most = std::max<int>(most, ++at_once);
        std::this_thread::sleep_for(5ms);
        --at_once;
        ++parts;
        if (from->before > 300) {
            part.rest = *from;
            part.rest->before -= 300;
        }
        return part;
    };
    std::vector<Totals::Total> totals;
    for (const JobId job : {1, 2, 3, 4}) tasks_.spawn("ask", ask_for(of_job(job), totals));
    io_.run();
    EXPECT_EQ(totals.size(), 4U);
    EXPECT_EQ(parts, 12);
    EXPECT_EQ(most, 1);
}

TEST_F(TotalsTest, WhoWaitsWhenTheNodeIsAboutToEndGetsTheTotalAllTheSame)
{
    TaskGroup requests(io_.get_executor());
    std::vector<Totals::Total> totals;
    tables_.count_log = [this](const LogFilter&, const std::optional<CountRest>&) {
        if (++counts_ == 1) go_on_.get_future().wait();
        return part_of(10'000);
    };
    requests.spawn("before", ask_for({}, totals));
    turn_until([&] { return counts_ == 1; });
    tasks_.cancel();
    requests.spawn("after", ask_for({}, totals));
    io_.restart();
    io_.poll();
    go_on_.set_value();
    io_.restart();
    io_.run();
    ASSERT_EQ(totals.size(), 2U);
    EXPECT_EQ(totals[0].rows, 10'000);
    EXPECT_EQ(totals[1].rows, 10'000);
}

TEST_F(TotalsTest, AFailureIsOfAllWhoWaitForThatCount)
{
    fails_ = true;
    EXPECT_THAT(ask_at_once(10'000, 3), Each(-2));
    EXPECT_THAT(ask(10'000, 1), ElementsAre(10'001));
    EXPECT_THAT(ask(10'000, 1), ElementsAre(10'001));
}

TEST_F(TotalsTest, WhatIsKnownStaysWhenItCannotBeCountedAnew)
{
    std::vector<Totals::Total> totals;
    tables_.count_log = [this](const LogFilter&, const std::optional<CountRest>&) {
        if (counts_++ == 0) return part_of(10'000);
        throw StoreError("the database is gone");
    };
    tasks_.spawn("first", ask_for({}, totals));
    turn_until([&] { return totals.size() == 1; });
    while (counts_ < 2) {
        tasks_.spawn("renew", renew());
        io_.restart();
        io_.run();
    }
    tasks_.spawn("later", ask_for({}, totals));
    io_.restart();
    io_.run();
    ASSERT_EQ(totals.size(), 2U);
    EXPECT_EQ(totals[1].rows, 10'000);
}

}  // namespace
}  // namespace peercron
