#include "exec/run_book.hpp"
#include "wire/codec.hpp"
#include "wire/connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

const WallTime t0 = from_unix_millis(1'795'219'200'000);
const SteadyTime s0{1000s};

RunRules small_rules()
{
    RunRules rules;
    rules.slots = 2;
    return rules;
}

/// A book with clocks that run together until a test sets one.
class RunBookTest : public ::testing::Test {
protected:
    explicit RunBookTest(RunRules rules = small_rules()) : book_(rules, s0)
    {
        // The gaps between the moments of a test are no stops that anybody has to be told of.
        book_.stops_known(1000);
    }

    static RunOrder order(JobId job, std::chrono::milliseconds at = 0ms, Epoch epoch = 1)
    {
        RunOrder order;
        order.id = RunId{job, t0 + at, 1};
        order.command = "true";
        order.start_at = t0 + at;
        order.start_by = t0 + at + 30s;
        order.epoch = epoch;
        return order;
    }
    static RunOrder request(JobId job, std::chrono::milliseconds at = 0ms)
    {
        RunOrder result = order(job, at);
        Job of_http;
        of_http.kind = JobKind::http;
        result.fields = NodeFields::of(of_http);
        result.command.clear();
        return result;
    }
    static RunOrder of(std::int64_t priority, std::int64_t weight, RunOrder order)
    {
        Job job = order.fields.job();
        job.priority = priority;
        job.weight = weight;
        order.fields = NodeFields::of(job);
        return order;
    }
    static RunOrder mutex(JobId job, std::chrono::milliseconds at = 0ms)
    {
        RunOrder result = order(job, at);
        result.concurrency.limit = 1;
        return result;
    }
    static RunOrder limited(JobId job, std::chrono::milliseconds at, Overlap at_limit)
    {
        RunOrder result = mutex(job, at);
        result.concurrency.at_limit = at_limit;
        return result;
    }
    Moment at(std::chrono::milliseconds time) const
    {
        return Moment{t0 + time + wall_set_, s0 + time};
    }

    std::vector<RunId> accept(RunOrder order, std::chrono::milliseconds time = -2s)
    {
        // As in a running node: the book is looked at all the time.
        return book_.accept({std::move(order)}, at(time));
    }

    /// Everything that becomes due from `from` to `to`, looked at every 100 ms, with the dispatcher
    /// heard as often when `is_heard`.
    RunBook::Actions pass(std::chrono::milliseconds from, std::chrono::milliseconds to,
                          bool is_heard = true)
    {
        RunBook::Actions all;
        for (auto time = from; time <= to; time += 100ms) {
            if (is_heard) book_.dispatcher_heard(1, s0 + time);
            add(all, book_.due(at(time)));
        }
        return all;
    }
    static void add(RunBook::Actions& all, RunBook::Actions more)
    {
        const auto append = [](auto& to, auto& from) {
            to.insert(to.end(), from.begin(), from.end());
        };
        append(all.start, more.start);
        append(all.skipped, more.skipped);
        append(all.terminate, more.terminate);
        append(all.kill, more.kill);
    }
    static std::vector<JobId> started(const RunBook::Actions& actions)
    {
        std::vector<JobId> jobs;
        for (const RunOrder& order : actions.start) jobs.push_back(order.id.job);
        return jobs;
    }

    std::chrono::milliseconds wall_set_{0};
    RunBook book_;
};

TEST_F(RunBookTest, StartsAtItsTimeAndNotEarlier)
{
    accept(order(1));
    EXPECT_THAT(book_.due(at(-1ms)).start, IsEmpty());
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1));
    EXPECT_THAT(book_.due(at(1ms)).start, IsEmpty());
}

TEST_F(RunBookTest, AFireThatRanByAClockThatWasAheadIsAnotherOneWhenItsTimeHasCome)
{
    accept(order(1));
    accept(order(2, 1s));
    ASSERT_THAT(started(book_.due(at(0ms))), ElementsAre(1));
    book_.ended(order(1).id, s0 + 1ms);
    ASSERT_THAT(started(book_.due(at(1s))), ElementsAre(2));
    accept(order(1), 1s);
    EXPECT_THAT(pass(1s, 2s).start, IsEmpty()) << "it has run";

    wall_set_ = -10s;  // which is right
    book_.due(at(2100ms));
    book_.ended(order(2, 1s).id, s0 + 3s);
    accept(order(1), 8s);
    accept(order(2, 1s), 8s);
    EXPECT_THAT(started(pass(8s, 9900ms)), IsEmpty());
    EXPECT_THAT(started(pass(10s, 11s)), ElementsAre(1, 2));
    accept(order(1), 11s);
    EXPECT_THAT(pass(11s, 12s).start, IsEmpty()) << "once";
}

TEST_F(RunBookTest, AClockThatIsSetBackALittleMakesNothingRunTwice)
{
    accept(order(1));
    ASSERT_THAT(started(book_.due(at(0ms))), ElementsAre(1));
    book_.ended(order(1).id, s0 + 1ms);
    wall_set_ = -3900ms;
    accept(order(1), 100ms);
    EXPECT_THAT(pass(100ms, 5s).start, IsEmpty());
}

TEST_F(RunBookTest, StartsInTheOrderOfTime)
{
    accept(order(1, 20ms));
    accept(order(2, 10ms));
    EXPECT_EQ(book_.next_start(), t0 + 10ms);
    EXPECT_THAT(started(book_.due(at(20ms))), ElementsAre(2, 1));
}

TEST_F(RunBookTest, IgnoresAnIdentityThatItHoldsRunsOrHasRun)
{
    accept(order(1));
    accept(order(1));
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(1));
    accept(order(1), 0ms);
    EXPECT_THAT(book_.due(at(1ms)).start, IsEmpty());
    book_.ended(order(1).id, s0 + 2ms);
    accept(order(1), 3ms);
    EXPECT_THAT(book_.due(at(4ms)).start, IsEmpty());
    EXPECT_EQ(book_.held(), 0U);
}

TEST_F(RunBookTest, ForgetsEndedIdentitiesAfterAWhile)
{
    accept(order(1));
    book_.due(at(0ms));
    book_.ended(order(1).id, s0);
    book_.due(at(10min + 1ms));
    RunOrder again = order(1);
    again.start_at = t0 + 11min;
    again.start_by = t0 + 12min;
    book_.accept({again}, at(11min));
    EXPECT_THAT(book_.due(at(11min)).start, SizeIs(1));
}

TEST_F(RunBookTest, AnotherAttemptIsAnotherIdentity)
{
    RunOrder second = order(1);
    second.id.attempt = 2;
    accept(order(1));
    accept(second);
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(2));
}

TEST_F(RunBookTest, RefusesADispatcherOlderThanTheNewestSeen)
{
    EXPECT_TRUE(book_.dispatcher_heard(5, s0));
    EXPECT_FALSE(book_.dispatcher_heard(4, s0));
    accept(order(1, 0ms, 4));
    EXPECT_EQ(book_.held(), 0U);
    accept(order(1, 0ms, 6));
    EXPECT_EQ(book_.held(), 1U);
    EXPECT_EQ(book_.newest_epoch(), 6U);
    accept(order(2, 0ms, 5));
    EXPECT_EQ(book_.held(), 1U);
}

TEST_F(RunBookTest, RefusesADispatcherOfAnEpochThatCannotBeAndObeysTheOthersOn)
{
    EXPECT_FALSE(book_.dispatcher_heard(last_epoch + 1, s0)) << "also when none was heard before";
    EXPECT_TRUE(book_.dispatcher_heard(5, s0));
    EXPECT_FALSE(book_.dispatcher_heard(std::numeric_limits<Epoch>::max(), s0));
    EXPECT_FALSE(book_.dispatcher_heard(6 + most_missed_terms, s0));
    accept(order(1, 0ms, std::numeric_limits<Epoch>::max()));
    EXPECT_EQ(book_.held(), 0U);
    EXPECT_EQ(book_.newest_epoch(), 5U);
    accept(order(1, 0ms, 5));
    EXPECT_EQ(book_.held(), 1U);
    EXPECT_TRUE(book_.dispatcher_heard(5 + most_missed_terms, s0));
}

TEST_F(RunBookTest, ANewOrderForAHeldFireReplacesTheOldOne)
{
    accept(order(1, 0ms, 1));
    RunOrder renewed = order(1, 0ms, 2);
    renewed.start_at = t0 + 500ms;
    accept(renewed);
    EXPECT_THAT(book_.due(at(0ms)).start, IsEmpty());
    const auto actions = book_.due(at(500ms));
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].epoch, 2U);
}

TEST_F(RunBookTest, ARevokedFireDoesNotStartAndMayBeOrderedAgain)
{
    accept(order(1));
    const std::vector<RunId> runs{order(1).id};
    EXPECT_EQ(book_.revoke(runs), runs);
    EXPECT_THAT(book_.due(at(0ms)).start, IsEmpty());
    accept(order(1), 1ms);
    EXPECT_THAT(book_.due(at(1ms)).start, SizeIs(1));
}

TEST_F(RunBookTest, AFireThatWaitsForASlotCanBeRevoked)
{
    for (JobId job = 1; job <= 3; ++job) accept(order(job));
    book_.due(at(0ms));
    const std::vector<RunId> runs{order(3).id};
    EXPECT_EQ(book_.revoke(runs), runs);
    book_.ended(order(1).id, s0 + 1ms);
    EXPECT_THAT(book_.due(at(2ms)).start, IsEmpty());
    EXPECT_EQ(book_.waiting(), 0U);
}

TEST_F(RunBookTest, RevokeNamesWhatWillNotStartHere)
{
    accept(order(1));
    accept(order(2));
    accept(order(3, 10s));
    book_.due(at(0ms));
    book_.ended(order(2).id, s0);
    const std::vector<RunId> runs{order(1).id, order(2).id, order(3, 10s).id, order(4).id};
    EXPECT_THAT(book_.revoke(runs), ElementsAre(order(3, 10s).id, order(4).id));
}

TEST_F(RunBookTest, NeverRunsMoreThanItHasSlots)
{
    for (JobId job = 1; job <= 4; ++job) accept(order(job));
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1, 2));
    EXPECT_EQ(book_.waiting(), 2U);
    book_.ended(order(1).id, s0 + 5ms);
    EXPECT_THAT(started(book_.due(at(5ms))), ElementsAre(3));
}

TEST_F(RunBookTest, OfThoseThatWaitTheHighestPriorityStartsFirstThenTheOldest)
{
    accept(order(1));
    accept(order(2));
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1, 2));
    accept(order(3, 1s));
    accept(of(0, 1, order(4, 500ms)));
    accept(of(9, 1, order(5, 2s)));
    accept(of(9, 1, order(6, 1500ms)));
    EXPECT_THAT(pass(100ms, 2s).start, IsEmpty());
    std::vector<JobId> order_of_starts;
    for (JobId job = 1; job <= 4; ++job) {
        const JobId ending = job <= 2 ? job : order_of_starts[static_cast<std::size_t>(job - 3)];
        for (const RunId& id : book_.running_ids()) {
            if (id.job == ending) book_.ended(id, s0 + 2s);
        }
        const RunBook::Actions next = pass(2s, 2s);
        ASSERT_THAT(next.start, SizeIs(1));
        order_of_starts.push_back(next.start[0].id.job);
    }
    EXPECT_THAT(order_of_starts, ElementsAre(6, 5, 3, 4));
}

TEST_F(RunBookTest, ARunTakesAsManySlotsAsItsWeightSays)
{
    accept(of(5, 2, order(1)));
    accept(order(2, 1ms));
    EXPECT_THAT(started(book_.due(at(1ms))), ElementsAre(1));
    book_.ended(order(1).id, s0 + 2ms);
    EXPECT_THAT(started(book_.due(at(2ms))), ElementsAre(2));
}

TEST_F(RunBookTest, NothingPassesAHeavyFireThatIsFirstInLine)
{
    accept(order(1));
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1));
    accept(of(5, 2, order(2, 1s)));
    accept(order(3, 2s));
    accept(of(9, 1, order(4, 3s)));
    EXPECT_THAT(started(pass(100ms, 2500ms)), IsEmpty()) << "a slot is free, but it needs two";
    EXPECT_THAT(started(pass(2600ms, 3s)), ElementsAre(4)) << "of a higher priority";
    book_.ended(order(1).id, s0 + 3s);
    EXPECT_THAT(started(pass(3100ms, 3500ms)), IsEmpty()) << "one is still taken";
    book_.ended(order(4, 3s).id, s0 + 3500ms);
    EXPECT_THAT(started(pass(3600ms, 4s)), ElementsAre(2));
    const RunBook::Actions late = pass(4100ms, 40s);
    ASSERT_THAT(late.skipped, SizeIs(1));
    EXPECT_EQ(to_string(late.skipped[0].reason), "overload: no slot was free within 30 s");
}

TEST_F(RunBookTest, AHeavyFireThatIsHeldUpIsTheReasonOfThoseBehindIt)
{
    accept(order(1));
    book_.due(at(0ms));
    accept(of(5, 2, order(2, 1s)));
    accept(order(3, 1s));
    const RunBook::Actions late = pass(100ms, 40s);
    ASSERT_THAT(late.skipped, SizeIs(2));
    for (const RunBook::Skipped& skipped : late.skipped) {
        EXPECT_EQ(to_string(skipped.reason), "overload: no slot was free within 30 s");
    }
}

TEST_F(RunBookTest, AMutexFireThatWaitsForItsOwnRunHoldsUpNobody)
{
    RunOrder first = limited(1, 0ms, Overlap::queue);
    accept(first);
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1));
    RunOrder second = of(9, 2, limited(1, 1s, Overlap::queue));
    second.concurrency = first.concurrency;
    accept(second);
    accept(order(2, 2s));
    EXPECT_THAT(started(pass(100ms, 2s)), ElementsAre(2));
}

TEST_F(RunBookTest, RequestsAndCommandsDoNotTakeEachOthersSlots)
{
    RunRules rules;
    rules.slots = 1;
    rules.http_slots = 2;
    RunBook book(rules, s0);
    std::vector<RunOrder> orders;
    for (JobId job = 1; job <= 3; ++job) {
        orders.push_back(order(job));
        orders.push_back(request(job + 10));
    }
    book.accept(orders, at(-2s));
    book.dispatcher_heard(1, s0);
    EXPECT_THAT(started(book.due(at(0ms))), ElementsAre(1, 11, 12));
    EXPECT_EQ(book.requests(), 2U);
    EXPECT_EQ(book.waiting(), 3U);

    book.ended(request(11).id, s0 + 100ms);
    EXPECT_THAT(started(book.due(at(100ms))), ElementsAre(13)) << "no command's";
    book.ended(order(1).id, s0 + 200ms);
    EXPECT_THAT(started(book.due(at(200ms))), ElementsAre(2));
}

TEST_F(RunBookTest, ARequestWithoutASlotByItsDeadlineIsSkipped)
{
    RunRules rules;
    rules.http_slots = 1;
    RunBook book(rules, s0);
    book.accept({request(1), request(2)}, at(-2s));
    for (auto time = 0ms; time <= 31s; time += 100ms) {
        book.dispatcher_heard(1, s0 + time);
        const RunBook::Actions actions = book.due(at(time));
        if (actions.skipped.empty()) continue;
        EXPECT_EQ(actions.skipped[0].order.id.job, 2);
        EXPECT_EQ(actions.skipped[0].reason.detail, "no slot was free within 30 s");
        return;
    }
    FAIL() << "it was never skipped";
}

TEST_F(RunBookTest, AShortageOfProcessesHoldsUpNoRequest)
{
    book_.accept({order(1), order(2), request(3)}, at(-2s));
    book_.dispatcher_heard(1, s0);
    book_.due(at(0ms));
    EXPECT_TRUE(book_.put_back(order(1).id, "no processes", s0));
    book_.accept({request(4, 10ms)}, at(5ms));
    EXPECT_THAT(started(book_.due(at(10ms))), ElementsAre(4));
    book_.started(request(4).id, at(10ms));
    EXPECT_THAT(started(book_.due(at(20ms))), IsEmpty()) << "that says nothing of processes";
}

TEST_F(RunBookTest, AFireWithoutASlotByItsDeadlineIsSkippedWithNumbers)
{
    for (JobId job = 1; job <= 3; ++job) accept(order(job));
    EXPECT_THAT(pass(0ms, 30s).skipped, IsEmpty());
    EXPECT_EQ(book_.next_start(), t0 + 30s + 1ms);
    const auto actions = book_.due(at(30s + 1ms));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id.job, 3);
    // The same words for each of a herd: neither moments nor counts.
    EXPECT_EQ(to_string(actions.skipped[0].reason), "overload: no slot was free within 30 s");
}

TEST_F(RunBookTest, WhatCouldNotStartForWantOfSomethingWaitsAndTriesAgain)
{
    for (JobId job = 1; job <= 3; ++job) accept(order(job));
    EXPECT_THAT(started(pass(0ms, 0ms)), ElementsAre(1, 2));
    EXPECT_TRUE(book_.put_back(order(1).id, "no descriptors", s0 + 5ms));
    EXPECT_TRUE(book_.put_back(order(2).id, "no descriptors", s0 + 5ms));
    EXPECT_EQ(book_.running(), 0U);
    EXPECT_THAT(book_.held_orders(), SizeIs(3));
    EXPECT_THAT(started(book_.due(at(10ms))), IsEmpty()) << "a pause";
    EXPECT_EQ(book_.next_deadline(), s0 + 105ms);
    EXPECT_THAT(started(book_.due(at(105ms))), ElementsAre(1)) << "one, to see whether it is over";
    EXPECT_THAT(started(book_.due(at(106ms))), IsEmpty());
    book_.started(order(1).id, at(110ms));
    EXPECT_THAT(started(book_.due(at(111ms))), ElementsAre(2)) << "it is";
    book_.ended(order(1).id, s0 + 120ms);
    EXPECT_THAT(started(book_.due(at(121ms))), ElementsAre(3));
}

TEST_F(RunBookTest, WhatCannotStartByItsDeadlineSaysWhatWasMissing)
{
    accept(order(1));
    std::vector<RunBook::Skipped> skipped;
    for (auto time = 0ms; time <= 30s + 100ms; time += 100ms) {
        const auto actions = pass(time, time);
        skipped.insert(skipped.end(), actions.skipped.begin(), actions.skipped.end());
        for (const RunOrder& run : actions.start) {
            EXPECT_TRUE(book_.put_back(run.id, "pipe: Too many open files", s0 + time));
        }
    }
    ASSERT_THAT(skipped, SizeIs(1));
    EXPECT_EQ(to_string(skipped[0].reason),
              "overload: it could not be started within 30 s: pipe: Too many open files");
}

TEST_F(RunBookTest, WhatWasToBeKilledOrWouldStartInADrainingNodeIsNotPutBack)
{
    accept(order(1));
    accept(order(2));
    pass(0ms, 0ms);
    book_.kill(order(1).id, {RunState::killed, parse_reason("by alice")}, s0 + 1ms);
    EXPECT_FALSE(book_.put_back(order(1).id, "no memory", s0 + 2ms));
    book_.drain();
    EXPECT_FALSE(book_.put_back(order(2).id, "no memory", s0 + 3ms));
    EXPECT_EQ(book_.running(), 2U) << "they end like others";
}

TEST_F(RunBookTest, AHerdThatIsDueInOneSecondRunsToTheLast)
{
    constexpr JobId herd = 100'000;
    std::vector<RunOrder> orders;
    for (JobId job = 1; job <= herd; ++job) orders.push_back(order(job));
    book_.accept(std::move(orders), at(-2s));
    std::size_t begun = 0;
    RunBook::Actions actions = book_.due(at(0ms));
    EXPECT_EQ(book_.waiting(), herd - 2);
    while (!actions.start.empty()) {
        begun += actions.start.size();
        EXPECT_THAT(actions.skipped, IsEmpty());
        for (const RunOrder& run : actions.start) book_.ended(run.id, s0 + 1ms);
        actions = book_.due(at(1ms));
    }
    EXPECT_EQ(begun, static_cast<std::size_t>(herd));
}

/// Or no dispatcher could take the node over while a herd waits.
TEST(RunRulesTest, TheAccountOfANodeThatHoldsTheMostFitsIntoOneMessage)
{
    const RunRules rules;
    Account account;
    RunOrder order;
    order.id = RunId{2'000'000'000, t0, 5};
    order.command = std::string(rules.max_held_bytes / rules.max_held, 'x');
    order.timeout = 24h;
    order.concurrency = {10'000, Overlap::queue};
    order.start_at = order.start_by = t0;
    order.epoch = 4'000'000'000;
    order.dispatch_server = "scheduler-17.example.net:10991";
    account.held.assign(rules.max_held, order);
    RunReport end;
    end.id = order.id;
    end.state = RunState::success;
    end.run_server = end.dispatch_server = order.dispatch_server;
    end.epoch = order.epoch;
    end.started_at = end.ended_at = t0;
    end.exit_code = 0;
    account.ended.assign(rules.max_remembered, end);
    EXPECT_LT(encode(account).size(), PeerLimits().max_frame);
}

class RunBookLimitsTest : public RunBookTest {
protected:
    explicit RunBookLimitsTest(RunRules rules = {}) : RunBookTest(rules) {}

    /// The jobs among these that `rules` leaves no room for.
    static std::vector<JobId> refused(RunRules rules, const std::vector<RunOrder>& orders)
    {
        RunBook book(rules, s0);
        book.accept(orders, Moment{t0 - 1s, s0});
        std::vector<JobId> jobs;
        for (const RunBook::Skipped& skipped : book.due(Moment{t0 - 1s, s0}).skipped) {
            EXPECT_EQ(to_string(skipped.reason),
                      "overload: this node already holds as many waiting fires as it may");
            jobs.push_back(skipped.order.id.job);
        }
        return jobs;
    }
};

TEST_F(RunBookLimitsTest, TheNumberOfFiresThatAreHeldIsBounded)
{
    RunRules rules;
    rules.max_held = 1;
    EXPECT_THAT(refused(rules, {order(1), order(2)}), ElementsAre(2));
}

TEST_F(RunBookLimitsTest, TheCommandsOfFiresThatAreHeldAreBoundedInBytes)
{
    RunRules rules;
    rules.max_held_bytes = 100;
    RunOrder longest = order(1);
    longest.command = std::string(97, 'x');
    EXPECT_THAT(refused(rules, {longest, order(2), order(3, 1ms)}), ElementsAre(2, 3));
    EXPECT_THAT(refused(rules, {order(2), order(3), longest}), ElementsAre(1));
}

TEST_F(RunBookLimitsTest, WhatHasStartedOrWasTakenBackLeavesRoom)
{
    RunRules rules;
    rules.max_held_bytes = 8;
    RunBook book(rules, s0);
    for (JobId job = 1; job < 100; ++job) {
        book.accept({order(job), order(job + 1000)}, at(0ms));
        book.revoke(std::vector<RunId>{order(job + 1000).id});
        EXPECT_THAT(book.due(at(0ms)).start, SizeIs(1));
        book.ended(order(job).id, s0);
    }
}

TEST_F(RunBookTest, AMutexFireIsSkippedWhileTheJobRuns)
{
    accept(mutex(1));
    accept(mutex(1, 1s));
    accept(mutex(1, 2s));
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(1));
    const auto actions = pass(100ms, 1s);
    EXPECT_THAT(actions.start, IsEmpty());
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("mutex: the previous run of job 1 at "));
    EXPECT_THAT(to_string(actions.skipped[0].reason), HasSubstr(" is still running since "));
    book_.ended(mutex(1).id, s0 + 1500ms);
    EXPECT_THAT(pass(1600ms, 2s).start, SizeIs(1));
}

TEST_F(RunBookTest, AMutexFireIsSkippedAtItsTimeEvenWithoutAFreeSlot)
{
    accept(mutex(1));
    accept(order(2));
    accept(mutex(1, 1s));
    book_.due(at(0ms));
    EXPECT_THAT(pass(100ms, 1s).skipped, SizeIs(1));
}

TEST_F(RunBookTest, OfTwoWaitingFiresOfAMutexJobOneStarts)
{
    accept(order(2, -1ms));
    accept(order(3, -1ms));
    accept(mutex(1));
    accept(mutex(1, 1ms));
    book_.due(at(1ms));
    EXPECT_EQ(book_.waiting(), 2U);
    book_.ended(order(2, -1ms).id, s0 + 2ms);
    book_.ended(order(3, -1ms).id, s0 + 2ms);
    const auto actions = book_.due(at(3ms));
    EXPECT_THAT(started(actions), ElementsAre(1));
    EXPECT_THAT(actions.skipped, SizeIs(1));
}

TEST_F(RunBookTest, AJobMayRunAsOftenAtATimeAsItsLimitSays)
{
    RunRules rules = small_rules();
    rules.slots = 10;
    RunBook book(rules, s0);
    std::vector<RunOrder> orders;
    for (const auto time : {0ms, 1ms, 2ms}) {
        RunOrder two = mutex(1, time);
        two.concurrency.limit = 2;
        orders.push_back(two);
    }
    book.accept(orders, at(-1s));
    const auto actions = book.due(at(2ms));
    EXPECT_THAT(actions.start, SizeIs(2));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id, orders[2].id);
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("mutex: the job is at its limit of runs at a time"));
}

TEST_F(RunBookTest, AQueuedFireWaitsForThePreviousRunHoweverLongThatTakes)
{
    accept(limited(1, 0ms, Overlap::queue));
    accept(limited(1, 1s, Overlap::queue));
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(1));
    auto actions = pass(100ms, 60s);  // its start deadline is at 31 s
    EXPECT_THAT(actions.start, IsEmpty());
    EXPECT_THAT(actions.skipped, IsEmpty());
    EXPECT_EQ(book_.waiting(), 1U);
    book_.ended(mutex(1).id, s0 + 60s);
    actions = pass(60100ms, 60100ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, mutex(1, 1s).id);
}

TEST_F(RunBookTest, ALimitCountsEachPartOfAFireByItself)
{
    const auto part = [](std::int32_t number, std::chrono::milliseconds at) {
        RunOrder order = limited(1, at, Overlap::queue);
        order.id.part = number;
        order.id.parts = 2;
        return order;
    };
    accept(part(0, 0ms));
    accept(part(1, 0ms));
    accept(part(0, 1s));
    accept(part(1, 1s));
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(2));
    EXPECT_THAT(pass(100ms, 2s).start, IsEmpty());
    EXPECT_EQ(book_.waiting(), 2U) << "one of each part";
    book_.ended(part(1, 0ms).id, s0 + 2s);
    const auto actions = pass(2100ms, 2100ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, part(1, 1s).id);
}

TEST_F(RunBookTest, ALimitCountsPartsThatBelongToThisNodeTogether)
{
    const auto part = [](std::int32_t number, std::chrono::milliseconds at) {
        RunOrder order = limited(1, at, Overlap::queue);
        order.id.part = number;
        order.id.parts = 3;
        order.id.node = "10.0.0.7:9991";
        return order;
    };
    accept(part(1, 0ms));
    accept(part(2, 1s));  // a node has joined since
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(1));
    EXPECT_THAT(pass(100ms, 2s).start, IsEmpty());
    book_.ended(part(1, 0ms).id, s0 + 2s);
    const auto actions = pass(2100ms, 2100ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, part(2, 1s).id);
}

TEST_F(RunBookTest, OnlyOneFireOfAJobIsQueued)
{
    for (const auto time : {0s, 1s, 2s, 3s}) accept(limited(1, time, Overlap::queue));
    auto actions = pass(0ms, 3s);
    EXPECT_THAT(actions.start, SizeIs(1));
    ASSERT_THAT(actions.skipped, SizeIs(2));
    EXPECT_THAT(to_string(actions.skipped[0].reason), HasSubstr("already waits for a run to end"));
    book_.ended(mutex(1).id, s0 + 3100ms);
    actions = pass(3200ms, 3200ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, mutex(1, 1s).id);
    accept(limited(1, 4s, Overlap::queue), 3300ms);
    EXPECT_THAT(pass(3400ms, 4s).skipped, IsEmpty());  // there is room in the queue again
}

TEST_F(RunBookTest, AQueuedFireCanBeTakenBack)
{
    accept(limited(1, 0ms, Overlap::queue));
    accept(limited(1, 1s, Overlap::queue));
    pass(0ms, 1s);
    const std::vector<RunId> queued{mutex(1, 1s).id};
    EXPECT_EQ(book_.revoke(queued), queued);
    accept(limited(1, 2s, Overlap::queue), 1100ms);
    EXPECT_THAT(pass(1200ms, 2s).skipped, IsEmpty());
    book_.ended(mutex(1).id, s0 + 2100ms);
    EXPECT_THAT(pass(2200ms, 2200ms).start, SizeIs(1));
}

TEST_F(RunBookTest, AFireThatReplacesHasTheOldRunKilledAndStartsWhenThatIsGone)
{
    accept(limited(1, 0ms, Overlap::replace));
    accept(limited(1, 1s, Overlap::replace));
    book_.due(at(0ms));
    auto actions = pass(100ms, 1500ms);
    EXPECT_THAT(actions.start, IsEmpty());
    EXPECT_THAT(actions.terminate, ElementsAre(mutex(1).id));
    const auto verdict = book_.ended(mutex(1).id, s0 + 1600ms);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->state, RunState::killed);
    EXPECT_THAT(to_string(verdict->reason), StartsWith("replaced: by job 1 at "));
    actions = pass(1700ms, 1700ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, mutex(1, 1s).id);
}

TEST_F(RunBookTest, AFireThatWaitsToReplaceGivesWayToTheNext)
{
    for (const auto time : {0s, 1s, 2s}) accept(limited(1, time, Overlap::replace));
    auto actions = pass(0ms, 2s);
    EXPECT_THAT(actions.terminate, SizeIs(1));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id, mutex(1, 1s).id);
    EXPECT_THAT(to_string(actions.skipped[0].reason), StartsWith("replaced: job 1 at "));
    book_.ended(mutex(1).id, s0 + 2100ms);
    actions = pass(2200ms, 2200ms);
    ASSERT_THAT(actions.start, SizeIs(1));
    EXPECT_EQ(actions.start[0].id, mutex(1, 2s).id);
}

TEST_F(RunBookTest, WithoutMutexAJobMayOverlapItself)
{
    accept(order(1));
    accept(order(1, 1ms));
    EXPECT_THAT(book_.due(at(1ms)).start, SizeIs(2));
}

TEST_F(RunBookTest, ATimeoutIsTerminatedAndAfterTheGraceKilled)
{
    RunOrder limited = order(1);
    limited.timeout = 3s;
    accept(limited);
    book_.due(at(0ms));
    book_.started(limited.id, at(10ms));
    EXPECT_EQ(book_.next_deadline(), s0 + 3010ms);
    EXPECT_THAT(pass(100ms, 3s).terminate, IsEmpty());
    EXPECT_THAT(book_.due(at(3010ms)).terminate, ElementsAre(limited.id));
    EXPECT_THAT(pass(3100ms, 8s).kill, IsEmpty());
    EXPECT_THAT(book_.due(at(8010ms)).kill, ElementsAre(limited.id));
    const auto verdict = book_.ended(limited.id, s0 + 9s);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->state, RunState::timeout);
    EXPECT_EQ(to_string(verdict->reason), "ran longer than its timeout of 3 s");
    EXPECT_EQ(book_.next_deadline(), std::nullopt);
}

TEST_F(RunBookTest, ARunThatEndsInTimeHasNoVerdict)
{
    RunOrder limited = order(1);
    limited.timeout = 3s;
    accept(limited);
    book_.due(at(0ms));
    book_.started(limited.id, at(0ms));
    EXPECT_FALSE(book_.ended(limited.id, s0 + 2s));
    EXPECT_THAT(pass(2s, 10s).terminate, IsEmpty());
}

TEST_F(RunBookTest, TheFirstVerdictStands)
{
    accept(order(1));
    EXPECT_FALSE(book_.kill(order(1).id, {RunState::killed, parse_reason("early")}, s0));
    book_.due(at(0ms));
    EXPECT_TRUE(book_.kill(order(1).id, {RunState::killed, parse_reason("by alice")}, s0));
    EXPECT_TRUE(book_.kill(order(1).id, {RunState::killed, parse_reason("by bob")}, s0 + 1s));
    EXPECT_THAT(book_.due(at(1s)).terminate, ElementsAre(order(1).id));
    EXPECT_EQ(to_string(book_.ended(order(1).id, s0 + 2s)->reason), "by alice");
}

TEST_F(RunBookTest, AKilledRunHoldsItsMutexUntilItHasEnded)
{
    accept(mutex(1));
    accept(mutex(1, 1s));
    book_.due(at(0ms));
    book_.kill(mutex(1).id, {RunState::killed, parse_reason("by alice")}, s0);
    EXPECT_THAT(pass(100ms, 1s).skipped, SizeIs(1));
}

// A process that wakes up (SIGCONT) finds the dispatcher's old words in its socket.

TEST_F(RunBookTest, StartsWithoutAskingWithinASecondOfItsTime)
{
    accept(order(1));
    EXPECT_THAT(book_.due(at(1s)).start, SizeIs(1));
}

TEST_F(RunBookTest, StartsLateOnlyWhileADispatcherIsHeard)
{
    accept(order(1));
    EXPECT_THAT(book_.due(at(1001ms)).start, IsEmpty());
    EXPECT_EQ(book_.waiting(), 1U);
    EXPECT_THAT(pass(1100ms, 5s, false).start, IsEmpty());
    // The first words after a silence are a greeting; what was given up meanwhile is taken back
    // then.
    EXPECT_THAT(pass(5100ms, 6500ms).start, IsEmpty());
    EXPECT_THAT(pass(6600ms, 6600ms).start, SizeIs(1));
}

TEST_F(RunBookTest, TheWordThatEndsASilenceIsNotEnough)
{
    accept(order(1));
    EXPECT_THAT(pass(1100ms, 5s, false).start, IsEmpty());
    book_.dispatcher_heard(1, s0 + 5100ms);  // a greeting, and then nothing
    EXPECT_THAT(pass(5100ms, 29s, false).start, IsEmpty());
}

TEST_F(RunBookTest, AfterAStopWhatIsReadAtOnceDoesNotCount)
{
    accept(order(1));
    pass(-2s, -100ms);
    // Stopped until 20 s; an old beat is read first.
    book_.dispatcher_heard(1, s0 + 20s);
    EXPECT_THAT(book_.due(at(20s)).start, IsEmpty());
    EXPECT_THAT(pass(20100ms, 21400ms).start, IsEmpty());
    EXPECT_THAT(pass(21500ms, 21500ms).start, SizeIs(1));
}

TEST_F(RunBookTest, AfterAStopTheNewDispatcherMayTakeFiresBack)
{
    accept(order(1));
    pass(-2s, -100ms);
    book_.dispatcher_heard(2, s0 + 20s);
    EXPECT_THAT(book_.due(at(20s)).start, IsEmpty());
    EXPECT_THAT(book_.revoke(std::vector<RunId>{order(1).id}), SizeIs(1));
    EXPECT_THAT(pass(20100ms, 40s).start, IsEmpty());
}

TEST_F(RunBookTest, AMachineThatWasSuspendedIsKnownByItsWallClock)
{
    accept(order(1));
    pass(-2s, -100ms);
    wall_set_ = 20s;  // the steady clock stood still
    book_.dispatcher_heard(1, s0);
    EXPECT_THAT(book_.due(at(0ms)).start, IsEmpty());
    EXPECT_THAT(pass(100ms, 1500ms).start, SizeIs(1));
}

/// Of a node that stood still from -1 s to 5 s, and has not told anybody yet.
class RunBookStopTest : public RunBookTest {
protected:
    RunBookStopTest() { book_ = RunBook(small_rules(), s0 - 2s); }

    void stop()
    {
        pass(-2s, -1s);
        book_.dispatcher_heard(1, s0 + 5s);
    }
};

TEST_F(RunBookStopTest, AMutexFireWaitsForAnAnswerToWhatWasSaidAfterIt)
{
    stop();
    accept(mutex(1, 5s), 5s);  // it was in the buffer
    EXPECT_EQ(book_.stops(s0 + 5s), 1U);
    EXPECT_THAT(pass(5s, 25s).start, IsEmpty()) << "however long a dispatcher is heard";
    EXPECT_FALSE(book_.stops_known(0));
    EXPECT_THAT(pass(25s, 25s).start, IsEmpty()) << "that was said before the stop";
    EXPECT_TRUE(book_.stops_known(1));
    EXPECT_THAT(started(pass(25s, 25s)), ElementsAre(1));
    EXPECT_FALSE(book_.stops_known(1));
}

TEST_F(RunBookStopTest, OtherFiresDoNotWaitForAnAnswer)
{
    stop();
    accept(mutex(1, 5s), 5s);
    accept(order(2, 5s), 5s);
    EXPECT_THAT(started(pass(5s, 5s)), ElementsAre(2));
}

TEST_F(RunBookStopTest, WhatMayHaveBeenGivenUpReplacesNothing)
{
    accept(limited(1, -2s, Overlap::replace), -2s);
    ASSERT_THAT(book_.due(at(-2s)).start, SizeIs(1));
    stop();
    accept(limited(1, 5s, Overlap::replace), 5s);
    EXPECT_THAT(pass(5s, 7s).terminate, IsEmpty());
    book_.stops_known(1);
    EXPECT_THAT(pass(7s, 7s).terminate, SizeIs(1));
}

TEST_F(RunBookStopTest, AMutexFireWithoutAnAnswerEndsWithTheTruth)
{
    stop();
    accept(mutex(1, 5s), 5s);
    const auto actions = pass(5s, 35100ms);
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                HasSubstr("no dispatcher had answered this node since it stood still"));
}

TEST_F(RunBookStopTest, ASuspendedMachineHasStoodStill)
{
    pass(-2s, 0ms);
    EXPECT_EQ(book_.stops(s0), 0U);
    wall_set_ = 20s;  // the steady clock stood still
    book_.due(at(100ms));
    EXPECT_EQ(book_.stops(s0 + 100ms), 1U);
}

TEST_F(RunBookTest, AFireThatNobodySpokeForEndsWithTheTruth)
{
    accept(order(1));
    book_.due(at(-2s));
    book_.due(at(5s));
    const auto actions = pass(5100ms, 30100ms, false);
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("misfire: woke up too late: due at "));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                HasSubstr("no dispatcher was heard for 32.1 s"));
}

TEST_F(RunBookTest, AFireFoundAfterItsDeadlineEndsWithTheTruth)
{
    accept(order(1));
    const auto actions = book_.due(at(60s));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("misfire: woke up too late: this node should have started"));
}

TEST_F(RunBookTest, AFireThatIsFoundLateEndsAlthoughOneThatWaitsMayStartThen)
{
    RunOrder patient = order(1);
    RunOrder impatient = order(2, 31s);
    patient.start_by = impatient.start_by = t0 + 5min;
    accept(patient);
    accept(impatient);
    RunBook::Actions actions = book_.due(at(31s));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id, patient.id);
    EXPECT_THAT(to_string(actions.skipped[0].reason), StartsWith("misfire: woke up too late: "));
    add(actions, pass(31s, 35s));
    EXPECT_THAT(started(actions), ElementsAre(2));
}

TEST_F(RunBookTest, AFireWaitsForItsSlotUntilItsDeadline)
{
    accept(order(1));
    accept(order(2));
    RunOrder patient = order(3);
    patient.start_by = t0 + 5min;
    accept(patient);
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1, 2));
    EXPECT_THAT(pass(100ms, 4min).skipped, IsEmpty());
    book_.ended(order(1).id, s0 + 4min);
    EXPECT_THAT(started(pass(4min, 4min)), ElementsAre(3));
}

TEST_F(RunBookTest, AnOrderThatComesAfterItsDeadlineEndsWithTheTruth)
{
    accept(order(1), 31s);
    const auto actions = book_.due(at(31s));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("misfire: should have started by "));
}

TEST_F(RunBookTest, WaitingForASlotInContactIsNoLateWakeUp)
{
    for (JobId job = 1; job <= 3; ++job) accept(order(job));
    pass(0ms, 5s);
    book_.ended(order(1).id, s0 + 5s);
    EXPECT_THAT(started(pass(5100ms, 5100ms)), ElementsAre(3));
}

TEST_F(RunBookTest, ABackwardJumpNeverStartsAFireTwice)
{
    accept(order(1));
    EXPECT_THAT(book_.due(at(0ms)).start, SizeIs(1));
    wall_set_ = -10s;
    accept(order(1), 100ms);
    EXPECT_THAT(pass(100ms, 12s).start, IsEmpty());
    book_.ended(order(1).id, s0 + 12s);
    EXPECT_THAT(pass(12100ms, 13s).start, IsEmpty());
}

TEST_F(RunBookTest, AfterABackwardJumpAFireStartsAtItsTimeByTheNewClock)
{
    accept(order(1));
    wall_set_ = -10s;
    EXPECT_THAT(pass(0ms, 9900ms).start, IsEmpty());
    EXPECT_THAT(book_.due(at(10s)).start, SizeIs(1));
}

TEST_F(RunBookTest, AForwardJumpInContactIsCaughtUp)
{
    accept(order(1, 10s));
    pass(-2s, 0ms);
    wall_set_ = 12s;
    EXPECT_THAT(pass(100ms, 1700ms).start, SizeIs(1));
}

TEST_F(RunBookTest, AfterItsClockWasSetAheadItWaitsUntilOthersKnow)
{
    accept(order(1, 300ms));
    accept(order(2, 1s));
    pass(-2s, 0ms);
    wall_set_ = 400ms;
    EXPECT_THAT(pass(100ms, 1500ms).start, IsEmpty());
    EXPECT_THAT(started(pass(1600ms, 1600ms)), ElementsAre(1, 2));
}

TEST_F(RunBookTest, NoFireIsLateOrAtItsLimitByAClockThatOthersDoNotKnow)
{
    accept(mutex(1, -500ms), -2500ms);
    accept(mutex(1, 1s));
    accept(order(2, 1s));
    ASSERT_THAT(started(pass(-2s, 0ms)), ElementsAre(1));
    wall_set_ = 1h;
    const auto actions = pass(100ms, 1500ms);
    EXPECT_THAT(actions.start, IsEmpty());
    EXPECT_THAT(actions.skipped, IsEmpty());
    EXPECT_EQ(book_.held(), 2U) << "whoever asks can still take them back";

    EXPECT_THAT(pass(1600ms, 1600ms).skipped, SizeIs(2));
}

TEST_F(RunBookTest, AClockThatWasSetAheadIsKnownOnlyWhenADispatcherHasBeenHeardSince)
{
    accept(order(1, 300ms));
    accept(order(2, 1s));
    pass(-2s, 0ms);
    wall_set_ = 1500ms;
    auto actions = pass(100ms, 4s, false);
    EXPECT_THAT(actions.start, IsEmpty());
    EXPECT_EQ(book_.next_start(), std::nullopt) << "nobody has to look at the clock";
    // Then the word has to last, as after any silence.
    actions = pass(4100ms, 6s);
    EXPECT_THAT(started(actions), ElementsAre(1, 2));
}

TEST_F(RunBookTest, IsolatedForTheLeaseItKillsItsMutexRuns)
{
    accept(mutex(1), 0ms);
    accept(order(2), 0ms);
    book_.due(at(0ms));
    EXPECT_THAT(pass(100ms, 10s, false).terminate, IsEmpty());
    EXPECT_THAT(book_.due(at(10001ms)).terminate, ElementsAre(mutex(1).id));
    EXPECT_THAT(book_.due(at(10501ms)).kill, ElementsAre(mutex(1).id));
    const auto verdict = book_.ended(mutex(1).id, s0 + 10600ms);
    EXPECT_EQ(verdict->state, RunState::fenced);
    EXPECT_THAT(to_string(verdict->reason),
                StartsWith("node-isolated: neither a dispatcher nor Consul was heard for 10.0 s"));
}

TEST_F(RunBookTest, TheSessionAloneKeepsTheLease)
{
    accept(mutex(1), 0ms);
    book_.due(at(0ms));
    for (auto time = 100ms; time <= 60s; time += 100ms) {
        book_.session_confirmed(s0 + time, s0 + time);
        ASSERT_THAT(book_.due(at(time)).terminate, IsEmpty());
    }
}

TEST_F(RunBookTest, ALeaseThatHasRunOutIsNotSavedByALaterWord)
{
    accept(mutex(1), 0ms);
    book_.due(at(0ms));
    book_.dispatcher_heard(1, s0 + 15s);  // the first thing read after a stop
    EXPECT_THAT(book_.due(at(15s)).terminate, ElementsAre(mutex(1).id));
}

TEST_F(RunBookTest, IsolationShortensTheGraceOfAKill)
{
    accept(mutex(1), 0ms);
    book_.due(at(0ms));
    pass(100ms, 9900ms, false);
    book_.kill(mutex(1).id, {RunState::timeout, parse_reason("too long")}, s0 + 9900ms);
    pass(10s, 10100ms, false);
    EXPECT_THAT(pass(10200ms, 10700ms, false).kill, ElementsAre(mutex(1).id));
    EXPECT_EQ(book_.ended(mutex(1).id, s0 + 11s)->state, RunState::timeout);
}

TEST_F(RunBookTest, ARunThatIsFoundEndedAfterTheLeaseHasRunOutIsFenced)
{
    accept(mutex(1), 0ms);
    accept(order(2), 0ms);
    book_.due(at(0ms));
    // It wakes, and that its warden has ended a run is the first thing it sees.
    const auto verdict = book_.ended(mutex(1).id, s0 + 15s);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->state, RunState::fenced);
    EXPECT_FALSE(book_.ended(order(2).id, s0 + 15s));
}

TEST_F(RunBookTest, IsolatedItGivesUpItsMutexFires)
{
    accept(mutex(1, 11s), 0ms);
    accept(order(2, 11s), 0ms);
    const auto actions = pass(100ms, 11s, false);
    EXPECT_THAT(started(actions), ElementsAre(2));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id, mutex(1, 11s).id);
    EXPECT_THAT(to_string(actions.skipped[0].reason),
                StartsWith("node-isolated: neither a dispatcher nor Consul was heard for 10.1 s"));
}

TEST_F(RunBookTest, AMutexFireWhoseLeaseHasRunOutStartsNoMoreWhateverIsHeard)
{
    accept(mutex(1, 1s), 0ms);
    accept(order(2, 1s), 0ms);
    book_.due(at(0ms));
    book_.dispatcher_heard(1, s0 + 15s);  // the first thing read after a stop
    // What is told in answer must not lack what ends here without a run.
    EXPECT_THAT(book_.held_orders(), SizeIs(2));
    const auto actions = pass(15s, 20s);
    EXPECT_THAT(started(actions), ElementsAre(2));
    ASSERT_THAT(actions.skipped, SizeIs(1));
    EXPECT_EQ(actions.skipped[0].order.id, mutex(1, 1s).id);
    EXPECT_THAT(book_.held_orders(), IsEmpty());
    accept(mutex(1, 1s), 20s);
    EXPECT_THAT(pass(20s, 22s).start, IsEmpty());
}

TEST_F(RunBookTest, DrainingItGivesBackWhatItHoldsAndStartsNothing)
{
    accept(order(1));
    accept(order(2, 1s));
    book_.due(at(0ms));
    EXPECT_THAT(book_.drain(), ElementsAre(order(2, 1s).id));
    EXPECT_THAT(accept(order(3, 1s), 0ms), ElementsAre(order(3, 1s).id));
    EXPECT_THAT(accept(order(1), 0ms), IsEmpty());
    EXPECT_THAT(pass(100ms, 2s).start, IsEmpty());
    EXPECT_EQ(book_.running(), 1U);
}

TEST_F(RunBookTest, DrainingItEndsDaemonsAtOnceAndWaitsForOthers)
{
    RunOrder worker = mutex(1);
    Job daemon;
    daemon.kind = JobKind::daemon;
    worker.fields = NodeFields::of(daemon);
    accept(worker);
    accept(order(2));
    EXPECT_THAT(started(book_.due(at(0ms))), ElementsAre(1, 2));
    book_.drain();
    EXPECT_THAT(book_.due(at(0ms)).terminate, ElementsAre(worker.id));
    const auto verdict = book_.ended(worker.id, at(100ms).steady);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->state, RunState::killed);
    EXPECT_EQ(verdict->reason.cause, Cause::node_stopped);
}

/// Whatever happens in whatever order: no identity starts twice, slots and mutexes hold, and every
/// fire that was not taken back starts or is skipped.
TEST(RunBookPropertyTest, HoldsItsPromisesInAnyOrderOfEvents)
{
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::minstd_rand random(seed);
        const auto pick = [&random](int n) {
            return std::uniform_int_distribution<int>(0, n - 1)(random);
        };
        RunRules rules = small_rules();
        rules.early = 1h;  // the clock is set by less in all
        RunBook book(rules, s0);
        std::set<RunId> ordered;
        std::set<RunId> done;
        std::set<RunId> running;
        Moment now{t0, s0};
        for (int step = 0; step < 600; ++step) {
            const auto time = std::chrono::milliseconds(pick(20) == 0 ? pick(8000) : pick(200));
            now.steady += time;
            now.wall += time;
            if (pick(50) == 0) now.wall += 500ms * (pick(20) - 10);
            if (pick(3) != 0) book.dispatcher_heard(1, now.steady);
            if (pick(3) == 0) book.stops_known(book.stops(now.steady));
            RunOrder order;
            order.id = RunId{1 + pick(5),
                             std::chrono::floor<std::chrono::seconds>(now.wall) + 1s * pick(3), 1};
            order.start_at = order.id.scheduled_at;
            order.start_by = order.start_at + 5s;
            order.epoch = 1;
            order.concurrency.limit = order.id.job % 2 == 0 ? 1 : 0;
            order.concurrency.at_limit = static_cast<Overlap>(1 + pick(3));
            ordered.insert(order.id);
            book.accept({order}, now);
            if (pick(10) == 0) {
                for (const RunId& id : book.revoke(std::vector<RunId>{order.id})) ordered.erase(id);
            }
            if (!running.empty() && pick(3) == 0) {
                book.ended(*running.begin(), now.steady);
                running.erase(running.begin());
            }
            const auto actions = book.due(now);
            for (const RunOrder& start : actions.start) {
                ASSERT_TRUE(done.insert(start.id).second) << "seed " << seed;
                ASSERT_LE(start.start_at, now.wall);
                if (start.concurrency.at_limit == Overlap::skip) {
                    ASSERT_GE(start.start_by, now.wall);
                }
                if (start.concurrency.limit == 1) {
                    for (const RunId& id : running)
                        ASSERT_NE(id.job, start.id.job) << "seed " << seed;
                }
                running.insert(start.id);
            }
            for (const auto& skipped : actions.skipped) {
                ASSERT_TRUE(done.insert(skipped.order.id).second) << "seed " << seed;
                ASSERT_FALSE(skipped.reason.empty());
            }
            ASSERT_LE(running.size(), 2U);
            ASSERT_EQ(running.size(), book.running());
        }
        now.wall += 1h;
        now.steady += 1h;
        // What is queued starts when there is room, and while a dispatcher is heard.
        for (int rounds = 0; rounds < 20; ++rounds) {
            for (const RunId& id : std::exchange(running, {})) book.ended(id, now.steady);
            now.wall += 500ms;
            now.steady += 500ms;
            book.dispatcher_heard(1, now.steady);
            book.stops_known(book.stops(now.steady));
            const auto actions = book.due(now);
            for (const auto& skipped : actions.skipped) done.insert(skipped.order.id);
            for (const RunOrder& start : actions.start) {
                ASSERT_TRUE(done.insert(start.id).second) << "seed " << seed;
                running.insert(start.id);
            }
        }
        for (const RunId& id : ordered) ASSERT_TRUE(done.contains(id)) << "seed " << seed;
        ASSERT_EQ(book.held() + book.waiting(), 0U);
    }
}

TEST(RunBookSizeTest, HandlesAHundredThousandHeldFires)
{
    RunRules rules;
    rules.slots = 1'000'000;
    RunBook book(rules, s0);
    std::vector<RunOrder> orders(100'000);
    for (std::size_t i = 0; i < orders.size(); ++i) {
        orders[i].start_at = t0 + std::chrono::milliseconds(i * 7919 % 2000);
        orders[i].id = RunId{static_cast<JobId>(i), orders[i].start_at, 1};
        orders[i].start_by = t0 + 30s;
    }
    book.accept(std::move(orders), Moment{t0 - 1s, s0});
    EXPECT_EQ(book.held(), 100'000U);
    std::size_t count = 0;
    for (auto time = 0ms; time < 2000ms; time += 1ms)
        count += book.due(Moment{t0 + time, s0 + time}).start.size();
    EXPECT_EQ(count, 100'000U);
}

}  // namespace
}  // namespace peercron
