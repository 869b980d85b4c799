#include "dispatch/job_versions.hpp"

#include "dispatch/order_writer.hpp"

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
class JobVersionsTest : public ::testing::Test {
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
        RunOrder order;
        order.id = id;
        runs_.open(order)->second.phase = phase;
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
    JobVersions versions_{jobs_, runs_};
};

TEST_F(JobVersionsTest, ARunIsDueWhenItsJobFiresThen)
{
    jobs_.put(version("*/2 * * * * *", 21s), midnight);
    const auto is_due = [&](const RunId& id) { return versions_.is_still_due(id); };
    EXPECT_TRUE(is_due(fire(22s)));
    EXPECT_FALSE(is_due(fire(23s)));
    EXPECT_TRUE(is_due(fire(23s + 1ms))) << "asked for";
    EXPECT_TRUE(is_due(fire(19s))) << "due before the change";
    EXPECT_FALSE(is_due(RunId{2, midnight, 1})) << "no such job";
    Job stopped = version("*/2 * * * * *", 22s);
    stopped.stop = true;
    jobs_.put(stopped, midnight);
    EXPECT_FALSE(is_due(fire(22s)));
    EXPECT_FALSE(is_due(fire(19s)));
    EXPECT_TRUE(is_due(fire(23s + 1ms)));
}

TEST_F(JobVersionsTest, WhatAVersionInBetweenTookBackTheNewestOneDoesNotGiveBack)
{
    TrackedRun run;
    run.order.id = fire(19s);
    run.unwanted = true;
    EXPECT_FALSE(versions_.is_still_due(run));
    run.order.id = fire(21s);
    EXPECT_TRUE(versions_.is_still_due(run)) << "a fire of the newest one";
}

TEST_F(JobVersionsTest, ARetryIsOfTheDefinitionByWhichTheRunFailed)
{
    jobs_.put(version("*/2 * * * * *", 21s), midnight);
    const auto stands = [&](const RunId& first, std::chrono::milliseconds failed,
                            const std::string& requested_by = "") {
        WaitingRun retry;
        retry.id = RunId{first.job, first.scheduled_at, 2};
        retry.failed_at = midnight + failed;
        retry.requested_by = requested_by;
        TrackedRun run;
        run.order.id = retry.id;
        run.failed_at = retry.failed_at;
        run.requested_by = requested_by;
        EXPECT_EQ(versions_.is_still_due(run), versions_.is_still_due(retry));
        return versions_.is_still_due(retry);
    };
    EXPECT_TRUE(stands(fire(22s), 23s));
    EXPECT_TRUE(stands(fire(19s), 21s)) << "due before the change";
    EXPECT_FALSE(stands(fire(19s), 20999ms)) << "failed before the change";
    EXPECT_FALSE(stands(fire(23s), 24s)) << "started although it was taken back";
    EXPECT_TRUE(stands(fire(23s), 24s, "ann")) << "a person has asked for it";
    EXPECT_TRUE(stands(fire(23s + 1ms), 24s));
    Job stopped = version("*/2 * * * * *", 22s);
    stopped.stop = true;
    jobs_.put(stopped, midnight);
    EXPECT_FALSE(stands(fire(19s), 24s));
    EXPECT_FALSE(stands(fire(23s), 24s, "ann"));
    jobs_.erase(1);
    EXPECT_FALSE(stands(fire(22s), 23s));
}

TEST_F(JobVersionsTest, ARunIsUpToDateUntilItsWorkChangesOrItsJobStops)
{
    Job job = version("* * * * * *", 21s);
    job.command = "true";
    jobs_.put(job, midnight);
    TrackedRun run;
    run.order.id = fire(22s);
    EXPECT_FALSE(versions_.is_up_to_date(run));
    set_work(run.order, *jobs_.find(1));
    EXPECT_TRUE(versions_.is_up_to_date(run));
    run.unwanted = true;
    EXPECT_FALSE(versions_.is_up_to_date(run));
    run.unwanted = false;
    EXPECT_EQ(versions_.why_taken_back(1), Reason{Cause::job_changed});
    job.stop = true;
    job.effective_from = midnight + 22s;
    jobs_.put(job, midnight);
    EXPECT_FALSE(versions_.is_up_to_date(run));
    EXPECT_EQ(versions_.why_taken_back(1), Reason{Cause::job_stopped});
    jobs_.erase(1);
    EXPECT_FALSE(versions_.is_up_to_date(run));
    EXPECT_EQ(versions_.why_taken_back(1), Reason{Cause::job_deleted});
}

TEST_F(JobVersionsTest, ThePastOfAJobIsReadWhenAFireBeforeItsChangeMayStart)
{
    const WallTime planned_through = midnight + 40s;
    const Job row = version("* * * * * *", 30s);
    EXPECT_EQ(versions_.query_before(row, planned_through), std::nullopt);
    open(fire(20s));
    open(fire(31s));
    open(fire(30s), RunPhase::running);
    EXPECT_EQ(versions_.query_before(row, planned_through), std::nullopt) << "none in between";
    open(fire(25s));
    const auto query = versions_.query_before(row, planned_through);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->only, 1);
    EXPECT_EQ(query->from, midnight + 20s + 1ms);
}

TEST_F(JobVersionsTest, ThePastOfAJobIsReadWhenItsChangeIsNotPlannedYet)
{
    EXPECT_TRUE(versions_.query_before(version("* * * * * *", 30s), midnight + 29s));
    EXPECT_FALSE(versions_.query_before(version("* * * * * *", 30s), midnight + 30s));
    EXPECT_FALSE(versions_.query_before(version("* * * * * *", 20s), midnight))
        << "no newer version";
    Job other = version("* * * * * *", 30s);
    other.id = 2;
    EXPECT_FALSE(versions_.query_before(other, midnight)) << "a new job";
}

TEST_F(JobVersionsTest, OpenRunsThatAVersionInBetweenDidNotWantAreUnwanted)
{
    for (const auto due : {9s, 10s, 11s, 12s, 13s, 15s, 17s}) open(fire(due));
    open(fire(11s + 1ms));  // asked for
    EXPECT_THAT(versions_.unwanted_by(std::vector{even_for_a_while()}),
                ElementsAre(fire(11s), fire(13s), fire(15s)));
}

TEST_F(JobVersionsTest, TheFirstVersionOfAPastIsTheTablesAndTakesNothingBack)
{
    open(fire(11s));
    JobPast past = even_for_a_while();
    past.revisions.erase(past.revisions.begin());
    EXPECT_THAT(versions_.unwanted_by(std::vector{past}), IsEmpty());
}

TEST_F(JobVersionsTest, OfAPastThatIsNotWholeTheLastVersionSaysNothing)
{
    open(fire(11s));
    JobPast past = even_for_a_while();
    past.revisions.pop_back();
    past.whole = false;
    EXPECT_THAT(versions_.unwanted_by(std::vector{past}), IsEmpty());
    EXPECT_THAT(versions_.still_wanted({fire(11s)}, std::vector{past}), ElementsAre(fire(11s)));
    past.whole = true;
    EXPECT_THAT(versions_.unwanted_by(std::vector{past}), ElementsAre(fire(11s)));
    EXPECT_THAT(versions_.still_wanted({fire(11s)}, std::vector{past}), IsEmpty());
}

TEST_F(JobVersionsTest, ChangesSayWhatTheVersionsBeforeThemHadTakenBack)
{
    for (const auto due : {9s, 11s, 12s, 16s}) open(fire(due));
    EXPECT_THAT(
        versions_.unwanted_by(std::vector{change("* * * * * *", 10s), change("*/2 * * * * *", 15s),
                                          change("* * * * * *", 20s)}),
        ElementsAre(fire(11s)));
}

TEST_F(JobVersionsTest, OfRunsThatEndedTheWantedOnesStay)
{
    const std::vector<RunId> ended{fire(9s), fire(11s), fire(11s + 1ms), fire(12s), fire(17s)};
    EXPECT_THAT(versions_.still_wanted(ended, std::vector{even_for_a_while()}),
                ElementsAre(fire(9s), fire(11s + 1ms), fire(12s), fire(17s)));
    JobPast of_another = even_for_a_while();
    of_another.job = 2;
    EXPECT_EQ(versions_.still_wanted(ended, std::vector{of_another}), ended);
}

TEST_F(JobVersionsTest, ThePastIsReadFromTheOldestRunOfAJobOnThatIsOlderThanTheTablesVersion)
{
    EXPECT_THAT(versions_.queries_for(std::vector{fire(21s)}), IsEmpty());
    EXPECT_THAT(versions_.queries_for(std::vector{fire(11s + 1ms)}), IsEmpty());
    EXPECT_THAT(versions_.queries_for(std::vector{RunId{2, midnight, 1}}), IsEmpty())
        << "no such job";
    const auto queries =
        versions_.queries_for(std::vector{fire(12s), fire(11s), fire(20s), fire(30s)});
    ASSERT_THAT(queries, SizeIs(1));
    EXPECT_EQ(queries[0].only, 1);
    EXPECT_EQ(queries[0].from, midnight + 11s);
}

TEST_F(JobVersionsTest, EachVersionThatGaveWayUnplannedIsDueUpToTheNextOne)
{
    const std::vector<Revision> changes{change("*/2 * * * * *", 10s), revision(std::nullopt, 12s),
                                        change("* * * * * *", 15s), change("0 * * * * *", 90s)};
    const auto unplanned = versions_.unplanned(changes, midnight + 5s, midnight + 60s);
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
