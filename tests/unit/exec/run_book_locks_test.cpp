#include "exec/run_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const WallTime t0 = from_unix_millis(1'795'219'200'000);
const SteadyTime s0{1000s};

/// A book of a node on which a dispatcher is heard all the time.
class RunBookLocksTest : public ::testing::Test {
protected:
    static RunOrder order(JobId job, std::chrono::milliseconds at,
                          const std::vector<std::pair<std::string, std::int64_t>>& locks,
                          Overlap at_limit = Overlap::skip)
    {
        RunOrder order;
        order.id = RunId{job, t0 + at, 1};
        order.command = "true";
        order.start_at = t0 + at;
        order.start_by = t0 + at + 30s;
        order.epoch = 1;
        order.concurrency = {at_limit == Overlap::skip ? 0 : 1, at_limit};
        std::vector<std::string> words;
        for (const auto& [word, limit] : locks) {
            words.push_back(word);
            order.lock_limits.push_back(limit);
        }
        Job of_locks;
        of_locks.locks = std::move(words);
        order.fields = NodeFields::of(of_locks);
        return order;
    }

    static Moment at(std::chrono::milliseconds time) { return {t0 + time, s0 + time}; }

    void accept(RunOrder order, std::chrono::milliseconds time = 0ms)
    {
        book_.accept({std::move(order)}, at(time));
    }

    /// The jobs whose fires start.
    std::vector<JobId> started(std::chrono::milliseconds time)
    {
        skipped_.clear();
        book_.dispatcher_heard(1, s0 + time);
        RunBook::Actions actions = book_.due(at(time));
        for (const RunBook::Skipped& skipped : actions.skipped) {
            skipped_.push_back(to_string(skipped.reason));
        }
        killed_ = std::move(actions.terminate);
        std::vector<JobId> jobs;
        for (const RunOrder& order : actions.start) {
            jobs.push_back(order.id.job);
            book_.started(order.id, at(time));
        }
        return jobs;
    }

    void end(JobId job, std::chrono::milliseconds of, std::chrono::milliseconds time)
    {
        book_.ended(RunId{job, t0 + of, 1}, s0 + time);
    }

    RunBook book_{RunRules(), s0};
    std::vector<std::string> skipped_;
    std::vector<RunId> killed_;
};

TEST_F(RunBookLocksTest, AFireWhoseLockAnotherJobHoldsIsSkippedAndNamesIt)
{
    accept(order(1, 100ms, {{"db", 1}}));
    accept(order(2, 200ms, {{"db", 1}}));
    accept(order(3, 200ms, {{"other", 1}}));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    EXPECT_THAT(started(200ms), ElementsAre(3));
    EXPECT_THAT(skipped_, ElementsAre("lock: job 1 at 2026-11-21T00:00:00.100Z holds the lock db"));
    end(1, 100ms, 300ms);
    accept(order(2, 400ms, {{"db", 1}}), 300ms);
    EXPECT_THAT(started(400ms), ElementsAre(2));
}

TEST_F(RunBookLocksTest, AFireThatQueuesStartsWhenTheLockIsFreeHoweverLate)
{
    accept(order(1, 100ms, {{"db", 1}}));
    accept(order(2, 200ms, {{"db", 1}}, Overlap::queue));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    for (auto time = 200ms; time < 40s; time += 200ms) EXPECT_THAT(started(time), IsEmpty());
    EXPECT_THAT(skipped_, IsEmpty());
    end(1, 100ms, 40s);
    EXPECT_THAT(started(40s), ElementsAre(2));
}

TEST_F(RunBookLocksTest, TheSumOfWhatIsTakenIsNeverGreaterThanTheLimit)
{
    accept(order(1, 100ms, {{"ftp:2", 3}}));
    accept(order(2, 100ms, {{"ftp:2", 3}}, Overlap::queue));
    accept(order(3, 200ms, {{"ftp", 3}}));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    // Job 2 has waited for longer, and needs what there is.
    EXPECT_THAT(started(200ms), IsEmpty());
    EXPECT_THAT(skipped_, ElementsAre("lock: job 2 at 2026-11-21T00:00:00.100Z waits for the lock "
                                      "ftp"));
    end(1, 100ms, 300ms);
    EXPECT_THAT(started(300ms), ElementsAre(2));
    accept(order(3, 400ms, {{"ftp", 3}}), 300ms);
    EXPECT_THAT(started(400ms), ElementsAre(3));
    accept(order(4, 500ms, {{"ftp", 3}}), 400ms);
    EXPECT_THAT(started(500ms), IsEmpty());
    EXPECT_THAT(skipped_, ElementsAre("lock: 3 of 3 of the lock ftp are taken, by job 2 at "
                                      "2026-11-21T00:00:00.100Z for the longest time"));
}

TEST_F(RunBookLocksTest, AFireThatWaitsForOneLockKeepsNoOtherFromOthers)
{
    accept(order(1, 100ms, {{"a", 1}}));
    accept(order(2, 200ms, {{"a", 1}, {"b", 1}}, Overlap::queue));
    accept(order(3, 300ms, {{"b", 1}}));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    EXPECT_THAT(started(200ms), IsEmpty());
    EXPECT_THAT(started(300ms), ElementsAre(3));
    end(1, 100ms, 400ms);
    EXPECT_THAT(started(400ms), IsEmpty());
    // Only b is missing now: it is the next to have it.
    accept(order(4, 500ms, {{"b", 1}}), 400ms);
    EXPECT_THAT(started(500ms), IsEmpty());
    end(3, 300ms, 600ms);
    EXPECT_THAT(started(600ms), ElementsAre(2));
}

TEST_F(RunBookLocksTest, WithALowerLimitNothingIsKilledAndNothingStartsUntilItFits)
{
    accept(order(1, 100ms, {{"ftp", 2}}));
    accept(order(2, 100ms, {{"ftp", 2}}));
    EXPECT_THAT(started(100ms), ElementsAre(1, 2));
    accept(order(3, 200ms, {{"ftp", 1}}, Overlap::queue), 150ms);
    EXPECT_THAT(started(200ms), IsEmpty());
    end(1, 100ms, 300ms);
    EXPECT_THAT(started(300ms), IsEmpty());
    EXPECT_THAT(killed_, IsEmpty());
    end(2, 100ms, 400ms);
    EXPECT_THAT(started(400ms), ElementsAre(3));
}

TEST_F(RunBookLocksTest, AFireThatTakesMoreThanThereIsDoesNotWaitForEver)
{
    accept(order(1, 100ms, {{"ftp:3", 2}}, Overlap::queue));
    EXPECT_THAT(started(100ms), IsEmpty());
    EXPECT_THAT(skipped_, ElementsAre("lock: it takes 3 of the lock ftp, whose limit is 2"));
}

TEST_F(RunBookLocksTest, ReplaceEndsRunsOfItsOwnJobOnly)
{
    accept(order(1, 100ms, {{"db", 1}}));
    accept(order(2, 200ms, {{"db", 1}}, Overlap::replace));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    EXPECT_THAT(started(200ms), IsEmpty());
    EXPECT_THAT(killed_, IsEmpty());
    end(1, 100ms, 300ms);
    EXPECT_THAT(started(300ms), ElementsAre(2));
    accept(order(2, 400ms, {{"db", 1}}, Overlap::replace), 300ms);
    EXPECT_THAT(started(400ms), IsEmpty());
    EXPECT_THAT(killed_, ElementsAre(RunId{2, t0 + 200ms, 1}));
}

TEST_F(RunBookLocksTest, AnIsolatedNodeEndsItsRunsWithLocks)
{
    accept(order(1, 100ms, {{"db", 1}}));
    accept(order(2, 5s, {{"db", 1}}, Overlap::queue));
    EXPECT_THAT(started(100ms), ElementsAre(1));
    const RunBook::Actions actions = book_.due(at(11s));
    EXPECT_THAT(actions.terminate, ElementsAre(RunId{1, t0 + 100ms, 1}));
    ASSERT_EQ(actions.skipped.size(), 1U);
    EXPECT_EQ(actions.skipped[0].reason.cause, Cause::node_isolated);
}

}  // namespace
}  // namespace peercron
