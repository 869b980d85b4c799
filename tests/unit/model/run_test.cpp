#include "model/run.hpp"

#include <gtest/gtest.h>

#include <set>

namespace peercron {
namespace {

const WallTime fire = from_unix_millis(1'795'219'200'000);

TEST(RunTest, ARunIsNamedByWhatItIs)
{
    EXPECT_EQ(to_string(RunId{12, fire}), "job 12 at 2026-11-21T00:00:00Z");
    EXPECT_EQ(to_string(RunId{12, fire, 2}), "job 12 at 2026-11-21T00:00:00Z attempt 2");
    EXPECT_EQ(to_string(RunId{12, fire, 1, 0, 4}), "job 12 at 2026-11-21T00:00:00Z part 0 of 4");
    EXPECT_EQ(to_string(RunId{12, fire, 2, 3, 4}),
              "job 12 at 2026-11-21T00:00:00Z part 3 of 4 attempt 2");
}

TEST(RunTest, EachPartHasAttemptsOfItsOwn)
{
    const RunId run{12, fire, 2, 3, 4};
    EXPECT_EQ(next_attempt(run), (RunId{12, fire, 3, 3}));
    EXPECT_EQ(next_attempt(run).parts, 4);
    EXPECT_EQ(previous_attempt(run), (RunId{12, fire, 1, 3}));
    EXPECT_NE(next_attempt(run), (RunId{12, fire, 3, 2}));
    EXPECT_TRUE(is_same_fire(run, RunId{12, fire}));
    EXPECT_FALSE(is_same_fire(run, RunId{13, fire}));
}

TEST(RunTest, HowManyPartsTheFireHasSaysNothingAboutWhichRunItIs)
{
    EXPECT_EQ((RunId{12, fire, 1, 0, 4}), (RunId{12, fire}));
    EXPECT_EQ(std::hash<RunId>()(RunId{12, fire, 1, 0, 4}), std::hash<RunId>()(RunId{12, fire}));
    EXPECT_NE(std::hash<RunId>()(RunId{12, fire, 1, 1}), std::hash<RunId>()(RunId{12, fire}));
}

TEST(RunTest, AllRunsOfAFireStandTogether)
{
    const std::set<RunId> runs{{12, fire, 1, 1},
                               {12, fire, 2, 0},
                               {12, fire + std::chrono::seconds(1)},
                               {12, fire, 1, 0},
                               {11, fire, 3, 2}};
    auto run = runs.lower_bound(before_all_of_fire(RunId{12, fire, 2, 1}));
    ASSERT_NE(run, runs.end());
    EXPECT_EQ(*run++, (RunId{12, fire, 1, 0}));
    EXPECT_EQ(*run++, (RunId{12, fire, 1, 1}));
    EXPECT_EQ(*run++, (RunId{12, fire, 2, 0}));
    EXPECT_FALSE(is_same_fire(*run, RunId{12, fire}));
}

}  // namespace
}  // namespace peercron
