#include "store/history.hpp"
#include "store/definition_text.hpp"
#include "store/store.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime t0{1'763'683'200'000ms};

Job job()
{
    Job job;
    job.id = 7;
    job.cron_set = "@daily";
    job.command = "a";
    job.effective_from = t0 - 5s;
    job.counters.run_num = 3;
    return job;
}

Revision newest(const std::optional<Job>& after)
{
    Revision revision;
    revision.job = 7;
    revision.after = after;
    return revision;
}

TEST(HistoryTest, WhatAgreesLacksNothing)
{
    EXPECT_EQ(missing_revision(7, newest(definition_of(job())), job(), t0), std::nullopt);
    EXPECT_EQ(missing_revision(7, newest(std::nullopt), std::nullopt, t0), std::nullopt);
    EXPECT_EQ(missing_revision(7, std::nullopt, std::nullopt, t0), std::nullopt);
}

TEST(HistoryTest, AChangedRowCountsFromItsOwnMoment)
{
    Job before = definition_of(job());
    before.command = "b";
    const auto missing = missing_revision(7, newest(before), job(), t0);
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->before, before);
    EXPECT_EQ(missing->after, definition_of(job()));
    EXPECT_EQ(missing->effective_from, t0 - 5s);
    EXPECT_EQ(missing->by, Author());
    EXPECT_EQ(missing->id, 0);
}

TEST(HistoryTest, ARowThatIsGoneCountsFromNow)
{
    const auto missing = missing_revision(7, newest(definition_of(job())), std::nullopt, t0);
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->job, 7);
    EXPECT_EQ(missing->after, std::nullopt);
    EXPECT_EQ(missing->effective_from, t0);
}

TEST(HistoryTest, AnUnknownRowIsAnAddition)
{
    const auto missing = missing_revision(7, std::nullopt, job(), t0);
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->before, std::nullopt);
    EXPECT_EQ(missing->after, definition_of(job()));
}

TEST(HistoryTest, AChangeCountsFromLaterThanTheOneBeforeIt)
{
    Job before = job();
    before.effective_from = t0;
    EXPECT_EQ(effective_moment(before, t0 + 1s), t0 + 1s);
    EXPECT_EQ(effective_moment(before, t0), t0 + 1ms);
    EXPECT_EQ(effective_moment(before, t0 - 20s), t0 + 1ms);
    EXPECT_EQ(effective_moment(before, t0 - 1h), t0 - 1h)
        << "nobody waits for a clock that was an hour ahead";
}

TEST(DefinitionTextTest, WhatIsLeftOutHasItsDefault)
{
    Job plain;
    plain.id = 7;
    plain.command = "x";
    EXPECT_EQ(read_definition(7, R"({"command":"x","of a later version":1})"), plain);
}

TEST(DefinitionTextTest, WhatCannotBeReadIsAnErrorOfTheStore)
{
    for (const auto* const text : {"", "{", "[]", "5", R"({"command":5})", R"({"timeout":"x"})"}) {
        EXPECT_THROW(read_definition(7, text), StoreError) << text;
    }
}

}  // namespace
}  // namespace peercron
