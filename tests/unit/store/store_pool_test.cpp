#include "store/store_pool.hpp"

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "run_coroutine.hpp"
#include "unit/base/jumping_loop.hpp"
#include "unit/base/loop_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace peercron {
namespace {

using ::testing::ElementsAre;

/// A session that only answers pings.
class PingStore final : public Store {
public:
    void ping() override
    {
        EXPECT_FALSE(in_call_.exchange(true)) << "two calls at once on one session";
        std::this_thread::yield();
        in_call_ = false;
    }

    std::vector<Job> job_page(const JobFilter&, const Slice&, const PageHint&) override
    {
        return {};
    }
    ListCount count_jobs(const JobFilter&) override { return {}; }
    std::vector<Job> jobs_after(JobId, std::size_t) override { return {}; }
    std::optional<Job> find_job(JobId) override { throw StoreError("server has gone away"); }
    std::vector<Job> find_jobs_by_id(std::span<const JobId>) override { return {}; }
    Job add_job(const Job&, const Edit&) override { return {}; }
    std::vector<Job> update_jobs(std::span<const JobId>, const JobPatch&, const Edit&) override
    {
        return {};
    }
    std::optional<Job> delete_job(JobId, const Edit&) override { return {}; }
    JobChanges changes_since(const JobCursor&) override { return {}; }
    std::vector<JobId> job_ids() override { return {}; }
    TermStart begin_term(Epoch, const NodeName&) override { return {}; }
    void commit_as(Epoch, const PlanStep&) override {}
    std::optional<WallTime> clock() override { return {}; }
    SteppedBack step_back(Epoch, const StepBack&) override { return {}; }
    std::vector<RunId> runs_to_repeat(WallTime) override { return {}; }
    std::vector<FailedRun> runs_to_retry(WallTime) override { return {}; }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId>) override { return {}; }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge>, WallTime) override { return {}; }
    std::vector<DoubledRun> record(std::span<const RunReport>) override { return {}; }
    std::vector<DoubledRun> find_doubled(const DoubledQuery&) override { return {}; }
    std::vector<LogRow> log_page(const LogFilter&, const Slice&, const PageHint&,
                                 std::size_t) override
    {
        return {};
    }
    ListCount count_log(const LogFilter&, const PageHint&, const std::optional<CountRest>&) override
    {
        return {};
    }
    std::optional<Job> find_job_by_name(const std::string&) override { return {}; }
    JobCounts job_counts() override { return {}; }
    std::int64_t delete_jobs(std::span<const JobId>, const Edit&) override { return {}; }
    RevisionPage find_revisions(const RevisionQuery&) override { return {}; }
    std::vector<JobId> known_jobs() override { return {}; }
    std::size_t note_changes(std::span<const JobId>, WallTime) override { return 0; }
    Epoch newest_epoch() override { return {}; }
    std::optional<LogRow> find_log_row(std::int64_t) override { return {}; }
    std::optional<LogRow> find_log_row(const RunId&) override { return {}; }
    std::optional<LogRow> find_newest_attempt(const RunId&) override { return {}; }
    std::size_t delete_expired(std::chrono::seconds, WallTime, std::size_t) override { return 0; }
    LedgerExtent ledger_extent() override { return {}; }
    std::vector<JobPast> find_pasts(const PastQuery&) override { return {}; }
    std::vector<LedgerEntry> find_entries(const EntryQuery&) override { return {}; }
    std::optional<LedgerEntry> newest_entry_before(JobId, WallTime) override { return {}; }
    std::vector<JobInsight> find_insights(std::span<const JobId>) override { return {}; }
    StateCounts count_states() override { return {}; }
    std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() override { return {}; }
    std::vector<TallyRow> find_tallies(std::chrono::sys_seconds, std::chrono::sys_seconds) override
    {
        return {};
    }
    std::vector<BegunTerm> terms_since(WallTime, std::size_t) override { return {}; }
    std::vector<LogRow> job_rows_before(JobId, WallTime, std::size_t) override { return {}; }
    NoticeStore& notices() override { throw std::logic_error("not used here"); }
    PauseStore& pauses() override { throw std::logic_error("not used here"); }
    AccountStore& accounts() override { throw std::logic_error("not used here"); }
    LockStore& locks() override { throw std::logic_error("not used here"); }
    CalendarStore& calendars() override { throw std::logic_error("not used here"); }
    BackfillStore& backfills() override { throw std::logic_error("not used here"); }

private:
    std::atomic<bool> in_call_ = false;
};

class StorePoolTest : public ::testing::Test {
protected:
    static std::unique_ptr<Store> open() { return std::make_unique<PingStore>(); }

    asio::io_context io_{1};
};

/// Occupies a session until `gate` opens, and calls once more right when it is done.
asio::awaitable<void> occupy(StorePool& pool, std::shared_future<void> gate,
                             std::vector<int>& order)
{
    const auto wait = [gate](Store&) { gate.wait(); };
    co_await pool.call(wait);
    order.push_back(0);
    const auto ping = [](Store& store) { store.ping(); };
    co_await pool.call(ping);
    order.push_back(99);
}

asio::awaitable<void> call(StorePool& pool, int number, std::vector<int>& order)
{
    const auto ping = [](Store& store) { store.ping(); };
    co_await pool.call(ping);
    order.push_back(number);
}

asio::awaitable<void> queue_up(StorePool& pool, std::vector<int>& order)
{
    std::promise<void> gate;
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("occupy", occupy(pool, gate.get_future().share(), order));
    for (int number = 1; number <= 20; ++number) tasks.spawn("call", call(pool, number, order));
    co_await asio::post(asio::use_awaitable);  // they have queued up by now
    gate.set_value();
    co_await tasks.join();
}

TEST_F(StorePoolTest, ServesCallsInTheOrderTheyCame)
{
    StorePool pool(io_.get_executor(), 1, &open);
    std::vector<int> order;
    testing::run(io_, queue_up(pool, order));
    std::vector<int> expected;
    for (int number = 0; number <= 20; ++number) expected.push_back(number);
    expected.push_back(99);  // came last, although the session was in its hands
    EXPECT_EQ(order, expected);
}

asio::awaitable<void> cancel_those_that_wait(StorePool& pool, std::vector<int>& order)
{
    std::promise<void> gate;
    TaskGroup holder(co_await asio::this_coro::executor);
    TaskGroup waiting(co_await asio::this_coro::executor);
    TaskGroup staying(co_await asio::this_coro::executor);
    holder.spawn("occupy", occupy(pool, gate.get_future().share(), order));
    waiting.spawn("call", call(pool, 1, order));
    staying.spawn("call", call(pool, 2, order));
    waiting.spawn("call", call(pool, 3, order));
    co_await asio::post(asio::use_awaitable);
    waiting.cancel();
    co_await waiting.join();
    gate.set_value();
    co_await staying.join();
    co_await holder.join();
}

TEST_F(StorePoolTest, SkipsACallThatWasCancelledWhileItWaited)
{
    StorePool pool(io_.get_executor(), 1, &open);
    std::vector<int> order;
    testing::run(io_, cancel_those_that_wait(pool, order));
    EXPECT_THAT(order, ElementsAre(0, 2, 99));
}

asio::awaitable<void> cancel_all_at_the_end(StorePool& pool, std::vector<int>& order)
{
    std::promise<void> gate;
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("occupy", occupy(pool, gate.get_future().share(), order));
    for (int number = 1; number <= 3; ++number) tasks.spawn("call", call(pool, number, order));
    co_await asio::post(asio::use_awaitable);
    tasks.cancel();
    gate.set_value();
    co_await tasks.join();
    order.clear();
    co_await call(pool, 7, order);  // the session is free again
}

TEST_F(StorePoolTest, LosesNoSessionToCancelledCalls)
{
    StorePool pool(io_.get_executor(), 1, &open);
    std::vector<int> order;
    testing::run(io_, cancel_all_at_the_end(pool, order));
    EXPECT_THAT(order, ElementsAre(7));
}

asio::awaitable<void> fail_and_go_on(StorePool& pool, std::vector<int>& order)
{
    bool failed = false;
    try {
        const auto find = [](Store& store) { return store.find_job(1); };
        co_await pool.call(find);
    } catch (const StoreError&) {
        failed = true;
    }
    EXPECT_TRUE(failed);
    co_await call(pool, 1, order);
}

TEST_F(StorePoolTest, ThrowsWhatACallThrowsAndKeepsItsSession)
{
    StorePool pool(io_.get_executor(), 1, &open);
    std::vector<int> order;
    testing::run(io_, fail_and_go_on(pool, order));
    EXPECT_THAT(order, ElementsAre(1));
}

/// One call that the store fails, and one that the database ends at its time limit.
asio::awaitable<void> fail_and_take_too_long(StorePool& pool)
{
    int thrown = 0;
    try {
        const auto find = [](Store& store) { return store.find_job(1); };
        co_await pool.call(find);
    } catch (const StoreError&) {
        ++thrown;
    }
    EXPECT_TRUE(pool.trouble());
    try {
        const auto search = [](Store&) { throw TookTooLong("the limit of a statement is 10 s"); };
        co_await pool.call(search);
    } catch (const TookTooLong&) {
        ++thrown;
    }
    EXPECT_EQ(thrown, 2);
}

TEST_F(StorePoolTest, IsNotAwayWhenSomebodyAsksForTooMuch)
{
    StorePool pool(io_.get_executor(), 1, &open);
    std::vector<bool> failures;
    pool.observe([&](auto, bool failed) { failures.push_back(failed); });
    testing::run(io_, fail_and_take_too_long(pool));
    EXPECT_FALSE(pool.trouble());
    EXPECT_THAT(failures, ElementsAre(true, false));
}

TEST_F(StorePoolTest, IsAwayWhenEvenSmallCallsTakeTooLong)
{
    StorePool pool(io_.get_executor(), 1, &open, StorePool::TooLong::store);
    std::vector<bool> failures;
    pool.observe([&](auto, bool failed) { failures.push_back(failed); });
    testing::run(io_, fail_and_take_too_long(pool));
    EXPECT_TRUE(pool.trouble());
    EXPECT_THAT(failures, ElementsAre(true, true));
}

asio::awaitable<void> call_often(StorePool& pool, std::vector<int>& order)
{
    TaskGroup tasks(co_await asio::this_coro::executor);
    for (int number = 0; number < 2000; ++number) tasks.spawn("call", call(pool, number, order));
    co_await tasks.join();
}

TEST_F(StorePoolTest, GivesASessionToOneCallAtATime)
{
    StorePool pool(io_.get_executor(), 4, &open);
    std::vector<int> order;
    testing::run(io_, call_often(pool, order));
    EXPECT_EQ(order.size(), 2000U);
}

asio::awaitable<void> meet(StorePool& pool, std::promise<void>& mine,
                           std::shared_future<void> other)
{
    const auto work = [&mine, other](Store&) {
        mine.set_value();
        other.wait();
    };
    co_await pool.call(work);
}

asio::awaitable<void> meet_each_other(StorePool& pool)
{
    std::promise<void> first;
    std::promise<void> second;
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("first", meet(pool, first, second.get_future().share()));
    tasks.spawn("second", meet(pool, second, first.get_future().share()));
    co_await tasks.join();
}

TEST_F(StorePoolTest, RunsAsManyCallsAtOnceAsItHasSessions)
{
    StorePool pool(io_.get_executor(), 2, &open);
    testing::run(io_, meet_each_other(pool));
}

/// One session on which every call takes a virtual minute.
class SlowSession final : public StoreSessions {
public:
    std::size_t count() const override { return 1; }
    asio::awaitable<void> run(std::size_t session, const Job& job) override
    {
        EXPECT_EQ(session, 0U);
        co_await sleep_for(std::chrono::minutes(1));
        job(store_);
    }

private:
    PingStore store_;
};

asio::awaitable<void> fail_and_be_told(StorePool& pool, int& told)
{
    const auto find = [](Store& store) { return store.find_job(1); };
    try {
        co_await pool.call(find);
    } catch (const StoreError&) {
        ++told;
    }
}

TEST(StorePoolOfOtherSessionsTest, IsTimedByTheClockThatItIsGiven)
{
    testing::JumpingLoop loop;
    const testing::LoopClock clock(loop);
    const SteadyTime begin = loop.now();
    StorePool pool(loop.executor(), clock, std::make_unique<SlowSession>(),
                   StorePool::TooLong::store);
    std::vector<SteadyTime::duration> took;
    pool.observe([&took](auto time, bool) { took.push_back(time); });
    TaskGroup tasks(loop.executor());
    std::vector<int> order;
    int told = 0;
    tasks.spawn("first", call(pool, 1, order));
    tasks.spawn("second", call(pool, 2, order));
    tasks.spawn("third", fail_and_be_told(pool, told));
    loop.run();
    EXPECT_THAT(order, ElementsAre(1, 2));
    EXPECT_EQ(told, 1);
    EXPECT_EQ(loop.now() - begin, std::chrono::minutes(3));
    EXPECT_THAT(took, ::testing::Each(std::chrono::minutes(1)));
    ASSERT_TRUE(pool.trouble());
    EXPECT_EQ(pool.trouble()->since, clock.now());
}

}  // namespace
}  // namespace peercron
