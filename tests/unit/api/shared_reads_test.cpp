#include "api/shared_reads.hpp"

#include "base/task_group.hpp"
#include "fake_store.hpp"
#include "store/store_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Pages that say what `version_` was when they were read, from a store with one session.
class SharedReadsTest : public ::testing::Test {
protected:
    ~SharedReadsTest() override
    {
        for (auto& stopped : stopped_) stopped.set_value();
    }

    /// Somebody who asks for a page.
    struct Asker {
        explicit Asker(asio::any_io_executor executor) : tasks(std::move(executor)) {}
        TaskGroup tasks;
        std::string answer;
    };

    Asker& ask(SharedReads::Page page = {})
    {
        Asker& asker = askers_.emplace_back(io_.get_executor());
        asker.tasks.spawn("ask", ask_on(asker, std::move(page)));
        turn([] { return true; });
        return asker;
    }
    asio::awaitable<void> ask_on(Asker& asker, SharedReads::Page page)
    {
        const auto read = [this](SharedReads::Begins begins) { return read_page(begins); };
        try {
            const auto found = co_await reads_.read(std::move(page), read);
            asker.answer = found->parts.front();
        } catch (const StoreError& error) {
            asker.answer = error.what();
        }
    }
    asio::awaitable<ListPage> read_page(SharedReads::Begins begins)
    {
        const auto find = [this](Store&) {
            ++reads_begun_;
            ListPage page;
            page.parts.push_back("version " + std::to_string(version_));
            if (stops_.exchange(false)) stop_here();
            if (fails_) throw StoreError("the database is gone");
            return page;
        };
        const auto nothing = [](Store&) { return 0; };
        ListPage page = co_await pool_.call(find, std::move(begins));
        if (reads_on_) co_await pool_.call(nothing);
        co_return page;
    }

    /// Takes the only session until go_on().
    void occupy()
    {
        stops_ = true;
        occupier_.spawn("occupy", occupy_session());
        turn([this] { return !stops_; });
    }
    asio::awaitable<void> occupy_session()
    {
        const auto stop = [this](Store&) {
            stops_ = false;
            stop_here();
            return 0;
        };
        co_await pool_.call(stop);
    }
    void stop_here() { stopped_.front().get_future().wait(); }

    /// The next read stays in the store until go_on().
    void stop_next_read() { stops_ = true; }
    void wait_stopped()
    {
        turn([this] { return !stops_; });
    }
    void go_on()
    {
        stopped_.front().set_value();
        stopped_.pop_front();
        stopped_.emplace_back();
    }

    /// Until everybody has an answer, or has given up.
    void finish()
    {
        io_.restart();
        io_.run_for(60s);
        EXPECT_TRUE(io_.stopped()) << "somebody waits for ever";
    }
    std::vector<std::string> answers() const
    {
        std::vector<std::string> all;
        for (const Asker& asker : askers_) all.push_back(asker.answer);
        return all;
    }

    /// Runs the I/O thread until it is so, and what is ready then.
    template <class Condition>
    void turn(Condition condition)
    {
        const auto limit = std::chrono::steady_clock::now() + 60s;
        do {
            io_.restart();
            io_.poll();
            if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("it hangs");
        } while (!condition());
        io_.restart();
        io_.poll();
    }

    asio::io_context io_{1};
    testing::FakeTables tables_;
    StorePool pool_{io_.get_executor(), 1,
                    [this] { return std::make_unique<testing::FakeStore>(tables_); }};
    SharedReads reads_;
    std::atomic<int> version_ = 1;
    std::atomic<int> reads_begun_ = 0;
    std::atomic<bool> stops_ = false;
    std::atomic<bool> fails_ = false;
    bool reads_on_ = false;
    std::deque<std::promise<void>> stopped_{1};
    TaskGroup occupier_{io_.get_executor()};
    std::deque<Asker> askers_;
};

TEST_F(SharedReadsTest, WhoWaitsForTheSameSharesOneReadThatBeginsAfterTheLastHasAsked)
{
    occupy();
    ask();
    ask();
    version_ = 2;
    ask();
    go_on();
    finish();
    EXPECT_THAT(answers(), ElementsAre("version 2", "version 2", "version 2"));
    EXPECT_EQ(reads_begun_, 1);
}

TEST_F(SharedReadsTest, AReadThatHasBegunTakesNobodyIn)
{
    stop_next_read();
    ask();
    wait_stopped();
    version_ = 2;
    ask();
    ask();
    EXPECT_EQ(reads_begun_, 1);
    go_on();
    finish();
    EXPECT_THAT(answers(), ElementsAre("version 1", "version 2", "version 2"));
    EXPECT_EQ(reads_begun_, 2);
}

TEST_F(SharedReadsTest, NothingIsKept)
{
    ask();
    finish();
    version_ = 2;
    ask();
    finish();
    EXPECT_THAT(answers(), ElementsAre("version 1", "version 2"));
}

TEST_F(SharedReadsTest, AnotherPageIsReadByItself)
{
    occupy();
    LogFilter of_job;
    of_job.cron_id = 7;
    LogFilter of_another;
    of_another.cron_id = 8;
    ask({of_job, {0, 50}});
    ask({of_another, {0, 50}});
    ask({of_job, {50, 50}});
    ask({of_job, {0, 50}});
    ask({JobFilter(), {0, 50}});
    go_on();
    finish();
    EXPECT_THAT(answers(), Each("version 1"));
    EXPECT_EQ(reads_begun_, 4);
}

TEST_F(SharedReadsTest, AFailureReachesAllWhoShareItAndNobodyElse)
{
    occupy();
    fails_ = true;
    ask();
    ask();
    go_on();
    finish();
    fails_ = false;
    ask();
    finish();
    EXPECT_THAT(answers(),
                ElementsAre("the database is gone", "the database is gone", "version 1"));
    EXPECT_EQ(reads_begun_, 2);
}

TEST_F(SharedReadsTest, WhoGivesUpBeforeTheReadBeginsLeavesItToTheOthers)
{
    occupy();
    Asker& first = ask();
    ask();
    ask();
    first.tasks.cancel();
    turn([] { return true; });
    go_on();
    finish();
    EXPECT_THAT(answers(), ElementsAre("", "version 1", "version 1"));
    EXPECT_EQ(reads_begun_, 1);
}

TEST_F(SharedReadsTest, WhoGivesUpInTheMiddleOfTheReadLeavesAnotherOneToTheOthers)
{
    reads_on_ = true;
    occupy();
    Asker& first = ask();
    ask();
    stop_next_read();
    go_on();
    wait_stopped();
    ask();
    first.tasks.cancel();
    go_on();
    finish();
    EXPECT_THAT(answers(), ElementsAre("", "version 1", "version 1"));
}

TEST_F(SharedReadsTest, WhoOnlyWaitsMayGiveUp)
{
    occupy();
    ask();
    Asker& second = ask();
    ask();
    second.tasks.cancel();
    go_on();
    finish();
    EXPECT_THAT(answers(), ElementsAre("version 1", "", "version 1"));
    EXPECT_EQ(reads_begun_, 1);
}

}  // namespace
}  // namespace peercron
