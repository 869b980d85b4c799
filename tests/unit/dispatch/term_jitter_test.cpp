#include "model/jitter.hpp"
#include "model/node_fields.hpp"
#include "term_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TermJitterTest : public TermTest {
protected:
    /// Fires each minute.
    static Job spread_job(JobId id, std::chrono::seconds jitter = 40s)
    {
        Job job;
        job.id = id;
        job.cron_set = "0 * * * * *";
        job.command = "true";
        job.jitter = jitter;
        return job;
    }
    static WallTime start_of(const Job& job, std::chrono::milliseconds fire)
    {
        return midnight + fire + start_offset(job.id, job.jitter, midnight + fire);
    }
    /// The first of these jobs whose fire of the first minute starts between the two.
    static Job job_that_starts(std::chrono::milliseconds from, std::chrono::milliseconds to)
    {
        for (JobId id = 1;; ++id) {
            const auto offset = start_offset(id, 40s, midnight + 1min);
            if (from <= offset && offset < to) return spread_job(id);
        }
    }
    /// Of a node that knows jitter.
    static Account knowing()
    {
        Account account;
        account.known_fields = names_of_needs(fields_for_nodes());
        return account;
    }
    PlanStep step_at(std::chrono::milliseconds after_midnight)
    {
        pass_to(after_midnight);
        return step();
    }
    /// The fire of the first minute has been planned, and is not near its start.
    PlanStep plan(const Job& job)
    {
        add(job);
        at(58s);
        begin();
        connect(alpha, knowing());
        return step();
    }
    TermStart found_open(const RunId& id, std::optional<WallTime> start) const
    {
        TermStart found;
        found.planned_through = midnight + 60s;
        OpenRun row;
        row.planned.id = id;
        row.planned.retry_at = start;
        found.open_runs.push_back(row);
        return found;
    }
};

TEST_F(TermJitterTest, AFireHasItsRowWhenItIsDueAndItsNodeWhenItStarts)
{
    const Job job = job_that_starts(20s, 30s);
    const WallTime start = start_of(job, 60s);
    const PlanStep planned = plan(job);
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(job.id, 60s));
    EXPECT_EQ(planned.runs[0].state, RunState::planned);
    EXPECT_EQ(planned.runs[0].retry_at, start);
    EXPECT_EQ(planned.runs[0].run_server, "");
    EXPECT_EQ(planned.planned_through, midnight + 60s);
    EXPECT_THAT(orders_, IsEmpty());

    at((start - midnight) - 3s);
    EXPECT_FALSE(term_->has_news(now_));
    at((start - midnight) - 2s);
    EXPECT_TRUE(term_->has_news(now_));
    const PlanStep moved = step_at((start - midnight) - 2s);
    ASSERT_THAT(moved.moved, SizeIs(1));
    EXPECT_EQ(moved.moved[0].run_server, alpha);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(job.id, 60s));
    EXPECT_EQ(orders_[0].second.start_at, start);
    EXPECT_EQ(orders_[0].second.start_by, start + settings_.start_deadline);
    EXPECT_EQ(orders_[0].second.due_at, start);
}

TEST_F(TermJitterTest, OneThatStartsSoonGoesToANodeAtOnce)
{
    const Job job = job_that_starts(1ms, 10ms);
    at(59s);
    add(job);
    begin();
    connect(alpha, knowing());
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].run_server, alpha);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, start_of(job, 60s));
}

TEST_F(TermJitterTest, ANewDispatcherGoesByWhatTheRowSays)
{
    const Job job = job_that_starts(20s, 30s);
    add(job);
    at(70s);
    const WallTime start = midnight + 95s;
    begin(found_open(fire(job.id, 60s), start));
    connect(alpha, knowing());
    EXPECT_THAT(step().runs, IsEmpty()) << "it has its row";
    EXPECT_THAT(orders_, IsEmpty());
    step_at(92s);
    EXPECT_THAT(orders_, IsEmpty());
    step_at(93s);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, start);
}

TEST_F(TermJitterTest, AGapIsAsLongAsStartsAreLate)
{
    settings_.misfire_window = 10s;
    const Job late = job_that_starts(1ms, 5s);
    const Job in_time = job_that_starts(30s, 39s);
    add(late);
    add(in_time);
    TermStart found;
    found.planned_through = midnight + 59s;
    at(80s);
    begin(found);
    connect(alpha, knowing());
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(2));
    for (const PlannedRun& run : planned.runs) {
        if (run.id.job == late.id) {
            EXPECT_EQ(run.state, RunState::skipped);
            EXPECT_EQ(run.reason.cause, Cause::misfire);
        } else {
            EXPECT_EQ(run.state, RunState::planned);
            EXPECT_EQ(run.retry_at, start_of(in_time, 60s));
        }
    }
}

TEST_F(TermJitterTest, AChangeOfTheJobLeavesWhatWasDueBeforeAtItsTime)
{
    Job job = job_that_starts(20s, 30s);
    const WallTime start = start_of(job, 60s);
    plan(job);
    job.jitter = 0s;
    job.effective_from = midnight + 65s;
    at(65s);
    jobs_.put(job, now_.wall);
    term_->jobs_changed(std::vector{job.id}, {}, now_);
    EXPECT_THAT(step_at(66s).ended, IsEmpty());
    EXPECT_THAT(orders_, IsEmpty());
    step_at((start - midnight) - 1s);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, start);
}

TEST_F(TermJitterTest, WhatWasDueByAnotherDefinitionStartsByThat)
{
    Job old = job_that_starts(20s, 30s);
    old.effective_from = midnight - 1h;
    Job now = old;
    now.jitter = 0s;
    now.effective_from = midnight + 70s;
    TermStart found;
    found.planned_through = midnight + 58s;
    Revision change;
    change.job = old.id;
    change.effective_from = now.effective_from;
    change.before = old;
    change.after = now;
    found.changes.push_back(change);
    at(75s);
    add(now);
    begin(found);
    connect(alpha, knowing());
    const PlanStep planned = step();
    ASSERT_THAT(planned.runs, SizeIs(1));
    EXPECT_EQ(planned.runs[0].id, fire(old.id, 60s));
    EXPECT_EQ(planned.runs[0].retry_at, start_of(old, 60s));
}

TEST_F(TermJitterTest, AStoppedJobsDelayedFireIsTakenBack)
{
    Job job = job_that_starts(20s, 30s);
    plan(job);
    job.stop = true;
    job.effective_from = midnight + 65s;
    at(65s);
    jobs_.put(job, now_.wall);
    term_->jobs_changed(std::vector{job.id}, {}, now_);
    const PlanStep taken_back = step_at(66s);
    ASSERT_THAT(taken_back.ended, SizeIs(1));
    EXPECT_EQ(taken_back.ended[0].state, RunState::revoked);
    EXPECT_EQ(taken_back.ended[0].reason.cause, Cause::job_stopped);
    step_at(95s);
    EXPECT_THAT(orders_, IsEmpty());
}

TEST_F(TermJitterTest, ADelayedFireCountsForTheLimitOfRunsInAll)
{
    Job job = job_that_starts(20s, 30s);
    job.run_limit = 1;
    plan(job);
    const PlanStep next = step_at(118s);
    EXPECT_THAT(next.runs, IsEmpty()) << "the only run is that of the minute before";
}

TEST_F(TermJitterTest, AFireThatStartsEarlierDoesNotQueueBehindADelayedOne)
{
    // The second is due a minute after the first, and starts before it.
    JobId id = 1;
    const auto offset = [](JobId job, std::chrono::milliseconds fire) {
        return start_offset(job, 120s, midnight + fire);
    };
    while (offset(id, 60s) < 100s || offset(id, 120s) > 10s || offset(id, 120s) < 1s) ++id;
    Job job = spread_job(id, 120s);
    job.overlap = Overlap::queue;
    job.max_concurrent = 1;
    plan(job);
    at(118s);
    step_at(118s);
    step_at(131s);
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.id, fire(id, 120s));
}

TEST_F(TermJitterTest, WhatAPersonAsksForStartsAtOnce)
{
    const Job job = job_that_starts(20s, 30s);
    add(job);
    begin();
    connect(alpha, knowing());
    ASSERT_TRUE(term_->run_now(job.id, "ann", now_));
    step();
    ASSERT_THAT(orders_, SizeIs(1));
    EXPECT_EQ(orders_[0].second.start_at, orders_[0].second.id.scheduled_at);
}

TEST_F(TermJitterTest, APersonMayEndAFireThatWaits)
{
    const Job job = job_that_starts(20s, 30s);
    plan(job);
    term_->cancel(fire(job.id, 60s), Reason{Cause::on_request, "by ann"}, now_);
    const PlanStep ended = step_at(61s);
    ASSERT_THAT(ended.ended, SizeIs(1));
    EXPECT_EQ(ended.ended[0].state, RunState::killed);
    step_at(95s);
    EXPECT_THAT(orders_, IsEmpty());
}

}  // namespace
}  // namespace peercron
