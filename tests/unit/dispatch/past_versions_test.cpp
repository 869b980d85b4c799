#include "dispatch/past_versions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// 2026-11-21T00:00:00Z: a whole minute.
constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

/// Job 1 in the table fires each second, since 20 s after midnight.
class PastVersionsTest : public ::testing::Test {
protected:
    void SetUp() override { jobs_.put(version("* * * * * *", 20s), midnight); }

    static Job version(const std::string& schedule, std::chrono::milliseconds from)
    {
        Job job;
        job.id = 1;
        job.cron_set = schedule;
        job.effective_from = midnight + from;
        return job;
    }
    static Revision revision(std::optional<Job> after, std::chrono::milliseconds from)
    {
        Revision made;
        made.job = 1;
        made.effective_from = midnight + from;
        made.after = std::move(after);
        return made;
    }
    static Revision change(const std::string& before, std::chrono::milliseconds from)
    {
        Revision made = revision(std::nullopt, from);
        made.before = version(before, 0s);
        return made;
    }
    static RunId fire(std::chrono::milliseconds due) { return RunId{1, midnight + due, 1}; }

    void open(const RunId& id, RunPhase phase = RunPhase::handed)
    {
        TrackedRun run;
        run.order.id = id;
        run.phase = phase;
        runs_.open(std::move(run));
    }
    /// At the even seconds after 10 s, and after 15 s each second again.
    static JobPast even_for_a_while()
    {
        JobPast past;
        past.job = 1;
        past.revisions = {revision(version("* * * * * *", 0s), 0s),
                          revision(version("*/2 * * * * *", 10s), 10s),
                          revision(version("* * * * * *", 15s), 15s)};
        return past;
    }

    JobTable jobs_{"UTC"};
    OpenRuns runs_;
    PastVersions past_{jobs_, runs_};
};

TEST_F(PastVersionsTest, ThePastOfAJobIsReadWhenAFireBeforeItsChangeMayStart)
{
    const WallTime planned_through = midnight + 40s;
    const Job row = version("* * * * * *", 30s);
    EXPECT_EQ(past_.query_before(row, planned_through), std::nullopt);
    open(fire(20s));
    open(fire(31s));
    open(fire(30s), RunPhase::running);
    EXPECT_EQ(past_.query_before(row, planned_through), std::nullopt) << "none in between";
    open(fire(25s));
    const auto query = past_.query_before(row, planned_through);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->only, 1);
    EXPECT_EQ(query->from, midnight + 20s + 1ms);
}

TEST_F(PastVersionsTest, ThePastOfAJobIsReadWhenItsChangeIsNotPlannedYet)
{
    EXPECT_TRUE(past_.query_before(version("* * * * * *", 30s), midnight + 29s));
    EXPECT_FALSE(past_.query_before(version("* * * * * *", 30s), midnight + 30s));
    EXPECT_FALSE(past_.query_before(version("* * * * * *", 20s), midnight)) << "no newer version";
    Job other = version("* * * * * *", 30s);
    other.id = 2;
    EXPECT_FALSE(past_.query_before(other, midnight)) << "a new job";
}

TEST_F(PastVersionsTest, OpenRunsThatAVersionInBetweenDidNotWantAreUnwanted)
{
    for (const auto due : {9s, 10s, 11s, 12s, 13s, 15s, 17s}) open(fire(due));
    open(fire(11s + 1ms));  // asked for
    EXPECT_THAT(past_.unwanted_by(std::vector{even_for_a_while()}),
                ElementsAre(fire(11s), fire(13s), fire(15s)));
}

TEST_F(PastVersionsTest, TheFirstVersionOfAPastIsTheTablesAndTakesNothingBack)
{
    open(fire(11s));
    JobPast past = even_for_a_while();
    past.revisions.erase(past.revisions.begin());
    EXPECT_THAT(past_.unwanted_by(std::vector{past}), IsEmpty());
}

TEST_F(PastVersionsTest, OfAPastThatIsNotWholeTheLastVersionSaysNothing)
{
    open(fire(11s));
    JobPast past = even_for_a_while();
    past.revisions.pop_back();
    past.whole = false;
    EXPECT_THAT(past_.unwanted_by(std::vector{past}), IsEmpty());
    EXPECT_THAT(past_.still_wanted({fire(11s)}, std::vector{past}), ElementsAre(fire(11s)));
    past.whole = true;
    EXPECT_THAT(past_.unwanted_by(std::vector{past}), ElementsAre(fire(11s)));
    EXPECT_THAT(past_.still_wanted({fire(11s)}, std::vector{past}), IsEmpty());
}

TEST_F(PastVersionsTest, ChangesSayWhatTheVersionsBeforeThemHadTakenBack)
{
    for (const auto due : {9s, 11s, 12s, 16s}) open(fire(due));
    EXPECT_THAT(
        past_.unwanted_by(std::vector{change("* * * * * *", 10s), change("*/2 * * * * *", 15s),
                                      change("* * * * * *", 20s)}),
        ElementsAre(fire(11s)));
}

TEST_F(PastVersionsTest, OfRunsThatEndedTheWantedOnesStay)
{
    const std::vector<RunId> ended{fire(9s), fire(11s), fire(11s + 1ms), fire(12s), fire(17s)};
    EXPECT_THAT(past_.still_wanted(ended, std::vector{even_for_a_while()}),
                ElementsAre(fire(9s), fire(11s + 1ms), fire(12s), fire(17s)));
    JobPast of_another = even_for_a_while();
    of_another.job = 2;
    EXPECT_EQ(past_.still_wanted(ended, std::vector{of_another}), ended);
}

TEST_F(PastVersionsTest, ThePastIsReadFromTheOldestRunOfAJobOnThatIsOlderThanTheTablesVersion)
{
    EXPECT_THAT(past_.queries_for(std::vector{fire(21s)}), IsEmpty());
    EXPECT_THAT(past_.queries_for(std::vector{fire(11s + 1ms)}), IsEmpty());
    EXPECT_THAT(past_.queries_for(std::vector{RunId{2, midnight, 1}}), IsEmpty()) << "no such job";
    const auto queries = past_.queries_for(std::vector{fire(12s), fire(11s), fire(20s), fire(30s)});
    ASSERT_THAT(queries, SizeIs(1));
    EXPECT_EQ(queries[0].only, 1);
    EXPECT_EQ(queries[0].from, midnight + 11s);
}

TEST_F(PastVersionsTest, EachVersionThatGaveWayUnplannedIsDueUpToTheNextOne)
{
    const std::vector<Revision> changes{change("*/2 * * * * *", 10s), revision(std::nullopt, 12s),
                                        change("* * * * * *", 15s), change("0 * * * * *", 90s)};
    const auto unplanned = past_.unplanned(changes, midnight + 5s, midnight + 60s);
    ASSERT_THAT(unplanned, SizeIs(3));
    EXPECT_EQ(unplanned[0].version.job.cron_set, "*/2 * * * * *");
    EXPECT_EQ(unplanned[0].from, midnight + 5s) << "up to there it was planned";
    EXPECT_EQ(unplanned[0].to, midnight + 10s);
    EXPECT_EQ(unplanned[1].version.job.cron_set, "* * * * * *");
    EXPECT_EQ(unplanned[1].from, midnight + 12s);
    EXPECT_EQ(unplanned[1].to, midnight + 15s);
    EXPECT_EQ(unplanned[2].to, midnight + 60s) << "by a clock that is ahead";
}

}  // namespace
}  // namespace peercron
