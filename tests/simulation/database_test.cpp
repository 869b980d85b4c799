#include "simulation/database.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace peercron::simulation {
namespace {

class NoWatcher final : public DatabaseWatcher {
    void row_written(const RunId&, const LedgerRow*, const LedgerRow&) override {}
    void step_written(const PlanStep&) override {}
    void plan_moved(std::optional<WallTime>, WallTime) override {}
    void plan_set_back(WallTime, WallTime) override {}
    void row_moved(const RunId&, const RunId&) override {}
    void job_written(JobId, const Job*, WallTime) override {}
    void pause_written(const Pause&) override {}
    void calendar_written(const Calendar&) override {}
};

/// What the real stores promise of the same (pause_conformance_test.cpp).
class DatabaseTest : public ::testing::Test {
protected:
    static constexpr WallTime planned_through = World::origin;

    DatabaseTest() { database_.claim_term(1, "a"); }

    JobId add_job(WallTime at, Job job = {})
    {
        job.cron_set = "* * * * * *";
        return database_.add_job(std::move(job), at).id;
    }
    /// Fires from a minute before the end of the plan to five seconds before it are skipped.
    void skip(JobId job)
    {
        PlanStep step;
        step.epoch = 1;
        step.planned_through = planned_through;
        PlannedRun row;
        row.id = {job, planned_through - 1min, 1};
        row.state = RunState::skipped;
        row.fires = 56;
        row.gap_end = planned_through - 5s;
        step.runs.push_back(row);
        database_.commit_as(1, step);
    }
    std::vector<JobId> found() const
    {
        std::vector<JobId> jobs;
        for (const SkippedSpan& span : database_.read_term().skipped_lately) {
            EXPECT_EQ(span.from, planned_through - 10s);
            EXPECT_EQ(span.to, planned_through - 5s);
            jobs.push_back(span.job);
        }
        return jobs;
    }

    World world_{1, false};
    NoWatcher watcher_;
    Database database_{world_, Mutation::none, watcher_};
};

TEST_F(DatabaseTest, ANewTermFindsSkippedFiresOfJobsThatWereChangedSinceThenOrMayBe)
{
    Job with_calendars;
    with_calendars.calendar = {"quiet"};
    const JobId with = add_job(planned_through - 1h, with_calendars);
    const JobId changed = add_job(planned_through - 1h);
    skip(with);
    skip(changed);
    EXPECT_EQ(found(), std::vector{with});
    database_.update_job(changed, {}, planned_through - 8s);
    EXPECT_EQ(found(), (std::vector{with, changed}));
}

TEST_F(DatabaseTest, ANewTermFindsSkippedFiresOfJobsThatArePaused)
{
    const JobId first = add_job(planned_through - 1h);
    Job tagged;
    tagged.tags = {"db"};
    const JobId second = add_job(planned_through - 1h, tagged);
    skip(first);
    skip(second);
    Pause pause;
    pause.job = first;
    pause.until = planned_through - 10s;
    database_.add_pause(pause);
    EXPECT_EQ(found(), std::vector<JobId>());
    pause.until = planned_through - 9s;
    database_.add_pause(pause);
    EXPECT_EQ(found(), std::vector{first});
    pause.job = 0;
    pause.tag = "other";
    database_.add_pause(pause);
    EXPECT_EQ(found(), (std::vector{first, second}));
}

}  // namespace
}  // namespace peercron::simulation
