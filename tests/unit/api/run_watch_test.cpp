#include "api/run_watch.hpp"

#include "fake_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class RunWatchTest : public ::testing::Test {
protected:
    /// A new row, or another state of one.
    void set(std::int64_t id, RunState state)
    {
        for (LogRow& row : tables_.log) {
            if (row.id == id) {
                row.run.state = state;
                return;
            }
        }
        LogRow row;
        row.id = id;
        row.run.state = state;
        tables_.log.insert(tables_.log.begin(), row);
    }

    /// What the next look tells; nullopt: too much.
    std::optional<std::vector<std::pair<std::int64_t, RunState>>> look()
    {
        const auto rows = watch_.take(read_run_news(store_, watch_.watermark(), watch_.open()));
        if (!rows) return std::nullopt;
        std::vector<std::pair<std::int64_t, RunState>> told;
        for (const LogRow& row : *rows) told.emplace_back(row.id, row.run.state);
        return told;
    }

    testing::FakeTables tables_;
    testing::FakeStore store_{tables_};
    RunWatch watch_;
};

TEST_F(RunWatchTest, TheFirstLookOnlyLearns)
{
    set(1, RunState::success);
    set(2, RunState::running);
    EXPECT_THAT(look().value(), IsEmpty());
    EXPECT_THAT(look().value(), IsEmpty());
}

TEST_F(RunWatchTest, ARowIsToldWhenItIsNewAndAtEachOfItsStates)
{
    set(1, RunState::success);
    look();
    set(2, RunState::planned);
    EXPECT_THAT(look().value(), ElementsAre(Pair(2, RunState::planned)));
    EXPECT_THAT(look().value(), IsEmpty());
    set(2, RunState::running);
    set(3, RunState::skipped);
    EXPECT_THAT(look().value(),
                ElementsAre(Pair(2, RunState::running), Pair(3, RunState::skipped)));
    set(2, RunState::failed);
    EXPECT_THAT(look().value(), ElementsAre(Pair(2, RunState::failed)));
    EXPECT_THAT(look().value(), IsEmpty());
    EXPECT_THAT(watch_.open(), IsEmpty());
}

TEST_F(RunWatchTest, WhatWasOpenAtTheBeginningIsWatched)
{
    set(1, RunState::running);
    set(2, RunState::success);
    look();
    set(1, RunState::lost);
    EXPECT_THAT(look().value(), ElementsAre(Pair(1, RunState::lost)));
}

TEST_F(RunWatchTest, APlannedRowAboveTheNewestOtherOneIsToldOnce)
{
    set(1, RunState::success);
    set(2, RunState::planned);
    look();
    EXPECT_THAT(look().value(), ElementsAre(Pair(2, RunState::planned)));
    EXPECT_THAT(look().value(), IsEmpty());
}

TEST_F(RunWatchTest, ADeletedRowIsForgotten)
{
    set(1, RunState::running);
    look();
    tables_.log.clear();
    EXPECT_THAT(look().value(), IsEmpty());
    EXPECT_THAT(watch_.open(), IsEmpty());
}

TEST_F(RunWatchTest, MoreThanCanBeToldIsSaidAndItRecovers)
{
    set(1, RunState::success);
    look();
    for (std::int64_t id = 2; id < 1500; ++id) set(id, RunState::success);
    EXPECT_EQ(look(), std::nullopt);
    EXPECT_THAT(look().value(), IsEmpty());  // it has begun again
    set(1500, RunState::failed);
    EXPECT_THAT(look().value(), ElementsAre(Pair(1500, RunState::failed)));
}

TEST_F(RunWatchTest, MoreOpenRowsThanCanBeWatchedAreSaidAtEachLook)
{
    for (std::int64_t id = 1; id < 1500; ++id) set(id, RunState::running);
    EXPECT_EQ(look(), std::nullopt);
    EXPECT_EQ(look(), std::nullopt);
    for (std::int64_t id = 1; id < 1500; ++id) set(id, RunState::success);
    EXPECT_THAT(look().value(), IsEmpty());
}

}  // namespace
}  // namespace peercron
