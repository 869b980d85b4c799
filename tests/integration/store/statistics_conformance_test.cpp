#include "integration/store/store_fixture.hpp"
#include "store/ended_fires.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::node_1;
using testing::node_2;
using testing::planned;
using testing::report;
using ::testing::SizeIs;
using testing::step;
using testing::t0;

/// What is kept of the ledger in short: the same in both stores.
class StatisticsTest : public testing::StoreFixture {
protected:
    StatisticsTest() { store_->begin_term(1, node_1); }

    JobId add(std::string name)
    {
        Job job;
        job.cron_set = "0 * * * * *";
        job.command = "true";
        job.name = std::move(name);
        return store_->add_job(job, t0).id;
    }

    void plan(std::vector<PlannedRun> runs) { store_->commit(step(1, t0 + 1h, std::move(runs))); }

    static RunReport ended(const RunId& id, RunState state, std::chrono::milliseconds use_time = 1s)
    {
        RunReport run = report(id, state);
        run.started_at = id.scheduled_at + 4ms;
        run.ended_at = *run.started_at + use_time;
        run.use_time = use_time;
        return run;
    }
    void record(std::vector<RunReport> reports) { store_->record(reports); }

    JobInsight insight(JobId job) { return store_->find_insights({&job, 1}).front(); }

    static JobInsight nothing_of(JobId job)
    {
        JobInsight insight;
        insight.job = job;
        return insight;
    }

    static PlannedRun skipped(JobId job, WallTime at, Cause cause)
    {
        PlannedRun run = planned(job, at, "");
        run.state = RunState::skipped;
        run.reason = {cause, "because"};
        return run;
    }

    std::vector<JobId> listed(JobState state)
    {
        JobFilter filter;
        filter.state = state;
        std::vector<JobId> ids;
        for (const Job& job : store_->job_page(filter, {0, 100}, {})) ids.push_back(job.id);
        EXPECT_EQ(store_->count_jobs(filter).rows, std::ssize(ids));
        return ids;
    }

    std::vector<JobId> sorted(JobOrder order, bool descending, const Slice& slice = {0, 100})
    {
        JobFilter filter;
        filter.order = order;
        filter.descending = descending;
        std::vector<JobId> ids;
        for (const Job& job : store_->job_page(filter, slice, {})) ids.push_back(job.id);
        return ids;
    }

    RunTally tally(const NodeName& node)
    {
        RunTally sum;
        const auto begin = std::chrono::floor<std::chrono::seconds>(t0);
        for (const TallyRow& row : store_->find_tallies(begin, begin + 10min)) {
            if (row.run_server == node) sum.merge(row.tally);
        }
        return sum;
    }
};

TEST_P(StatisticsTest, AreThoseOfTheRowsThatBecameFinal)
{
    const JobId job = add("a");
    plan({planned(job, t0), planned(job, t0 + 1min), planned(job, t0 + 2min)});
    EXPECT_EQ(insight(job), nothing_of(job));
    record({report({job, t0, 1}, RunState::running)});
    EXPECT_EQ(insight(job).running, 1);
    record({ended({job, t0, 1}, RunState::success, 5s)});
    record({ended({job, t0 + 1min, 1}, RunState::failed),
            report({job, t0 + 2min, 1}, RunState::running)});

    const JobInsight found = insight(job);
    EXPECT_EQ(found.running, 1);
    EXPECT_EQ(found.statistics.runs(), 2);
    EXPECT_EQ(found.statistics.last_outcome(), Outcome::failed);
    EXPECT_EQ(found.statistics.failures_in_row(), 1);
    EXPECT_THAT(found.statistics.ticks(), ElementsAre(RunTick{t0, Outcome::success, 5s, 1},
                                                      RunTick{t0 + 1min, Outcome::failed, 1s, 1}));
    EXPECT_EQ(found.statistics.lateness().quantile(0.5), 4);
    EXPECT_THAT(store_->usual_times(), SizeIs(1));
    EXPECT_EQ(tally(node_1).of(Outcome::success), 1);
    EXPECT_EQ(tally(node_1).of(Outcome::failed), 1);
}

TEST_P(StatisticsTest, AFireIsLateByTheTimeSinceItWasDueAndThatOfABackfillIsNot)
{
    const JobId job = add("a");
    PlannedRun waited = planned(job, t0);
    waited.retry_at = t0 + 3ms;
    PlannedRun filled = planned(job, t0 + 1min);
    filled.requested_by = "backfill 7 by ann";
    plan({waited, filled});
    record({ended(waited.id, RunState::success), ended(filled.id, RunState::success)});

    EXPECT_EQ(insight(job).statistics.lateness().count(), 1);
    EXPECT_EQ(insight(job).statistics.lateness().quantile(0.5), 1);
    EXPECT_EQ(tally(node_1).lateness.count(), 1);
    EntryQuery query;
    query.jobs = {job};
    query.to = t0 + 1h;
    const auto entries = store_->find_entries(query);
    ASSERT_THAT(entries, SizeIs(2));
    EXPECT_FALSE(entries[0].of_backfill);
    EXPECT_TRUE(entries[1].of_backfill);
}

TEST_P(StatisticsTest, ARehearsalCountsNowhere)
{
    const JobId job = add("a");
    PlannedRun rehearsal = planned(job, t0 + 1ms);
    rehearsal.requested_by = "alice (rehearsal)";
    PlannedRun not_run = skipped(job, t0 + 2ms, Cause::no_node);
    not_run.requested_by = "alice (rehearsal)";
    plan({rehearsal, not_run, planned(job, t0)});
    record({ended({job, t0 + 1ms, 1}, RunState::failed)});
    // Its node may be quicker than the step.
    RunReport early = ended({job, t0 + 3ms, 1}, RunState::failed);
    early.rehearsal = true;
    record({early});
    PlannedRun late = planned(job, t0 + 3ms);
    late.requested_by = "alice (rehearsal)";
    plan({late});

    EXPECT_EQ(insight(job), nothing_of(job));
    EXPECT_EQ(store_->find_job(job)->counters, JobCounters{});
    EXPECT_EQ(tally(node_1), RunTally());
    EXPECT_EQ(tally(""), RunTally());
    EXPECT_THAT(listed(JobState::fresh), ElementsAre(job));
    LogFilter missed;
    missed.missed = true;
    EXPECT_THAT(testing::log_rows(*store_, missed), IsEmpty());
    for (const auto after : {1ms, 2ms, 3ms}) {
        EXPECT_TRUE(store_->find_log_row(RunId{job, t0 + after, 1})->run.rehearsal);
    }
    EXPECT_FALSE(store_->find_log_row(RunId{job, t0, 1})->run.rehearsal);
    EntryQuery query;
    query.jobs = {job};
    query.from = t0;
    query.to = t0 + 1h;
    std::vector<bool> found;
    for (const LedgerEntry& entry : store_->find_entries(query)) found.push_back(entry.rehearsal);
    EXPECT_THAT(found, ElementsAre(false, true, true, true));
    database_->execute("UPDATE cron_counter SET statistics = NULL");
    EXPECT_EQ(insight(job).statistics, JobStatistics()) << "nor where they are made again";
    record({ended({job, t0, 1}, RunState::success)});
    EXPECT_EQ(insight(job).statistics.runs(), 1);
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
}

TEST_P(StatisticsTest, FiresThatMeetTheGoalOfTheirJobAreCounted)
{
    const JobId job = add("a");
    const JobId other = add("other");
    JobPatch goal;
    goal.set(&Job::late_goal, 50ms);
    store_->update_job(job, goal, t0);
    PlannedRun gap = skipped(job, t0 + 3min, Cause::misfire);
    gap.fires = 2;
    gap.gap_end = t0 + 4min;
    plan({planned(job, t0), planned(job, t0 + 1min), planned(job, t0 + 2min), gap,
          planned(other, t0)});
    RunReport late = ended({job, t0 + 1min, 1}, RunState::success);
    late.started_at = late.id.scheduled_at + 51ms;
    record(
        {ended({job, t0, 1}, RunState::success), late, ended({other, t0, 1}, RunState::success)});
    EXPECT_EQ(insight(job).goal.all(), (GoalCount{4, 1}));
    EXPECT_EQ(insight(job).goal.goal(), 50ms);
    EXPECT_EQ(insight(other).goal, GoalRecord());

    goal.set(&Job::late_goal, 100ms);
    store_->update_job(job, goal, t0 + 1s);
    record({ended({job, t0 + 2min, 1}, RunState::failed)});
    EXPECT_EQ(insight(job).goal.all(), (GoalCount{1, 1})) << "another goal";
    goal.set(&Job::late_goal, 0ms);
    store_->update_job(job, goal, t0 + 2s);
    plan({skipped(job, t0 + 5min, Cause::misfire)});
    EXPECT_EQ(insight(job).goal, GoalRecord());
}

TEST_P(StatisticsTest, WhatAJobInheritsCountsForItsStatistics)
{
    NoticeDefaults inherited;
    inherited.slow_after = 20s;
    inherited.tags = {{.tag = "db", .late_goal = 50ms}};
    store_ = database_->open(inherited);
    const JobId own = add("own");
    const JobId plain = add("plain");
    const JobId daemon = add("daemon");
    JobPatch patch;
    patch.set(&Job::tags, std::vector<std::string>{"night ly", "db"});
    for (const JobId job : {own, daemon}) store_->update_job(job, patch, t0);
    JobPatch to_daemon;
    to_daemon.set(&Job::kind, JobKind::daemon);
    store_->update_job(daemon, to_daemon, t0);
    patch = JobPatch();
    patch.set(&Job::slow_after, 10s);
    store_->update_job(own, patch, t0);
    const auto run = [&](WallTime at, std::chrono::milliseconds use_time) {
        std::vector<PlannedRun> runs;
        std::vector<RunReport> ends;
        for (const JobId job : {own, plain, daemon}) {
            runs.push_back(planned(job, at));
            ends.push_back(ended({job, at, 1}, RunState::success, use_time));
        }
        plan(runs);
        record(ends);
    };
    run(t0, 11s);
    EXPECT_EQ(insight(own).goal.goal(), 50ms) << "of its tag";
    EXPECT_EQ(insight(own).goal.all(), (GoalCount{1, 1}));
    EXPECT_EQ(insight(plain).goal, GoalRecord()) << "it has no such tag";
    EXPECT_EQ(insight(daemon).goal, GoalRecord());
    EXPECT_EQ(to_string(insight(own).oddities), "slow") << "by its own word";
    EXPECT_EQ(to_string(insight(plain).oddities), "");
    run(t0 + 1min, 21s);
    EXPECT_EQ(to_string(insight(plain).oddities), "slow") << "by that of all jobs";
    EXPECT_EQ(insight(own).goal.all(), (GoalCount{2, 2}));
    EXPECT_EQ(to_string(insight(daemon).oddities), "");
    plan({skipped(own, t0 + 2min, Cause::misfire)});
    EXPECT_EQ(insight(own).goal.all(), (GoalCount{3, 2})) << "of a step, too";
}

TEST_P(StatisticsTest, UnusualRunsSaySoAndAreFound)
{
    const JobId job = add("a");
    const JobId other = add("other");
    JobPatch slow;
    slow.set(&Job::slow_after, 10s);
    store_->update_job(other, slow, t0);
    std::vector<PlannedRun> all;
    std::vector<RunReport> usual;
    for (int i = 0; i < 25; ++i) {
        all.push_back(planned(job, t0 + i * 1min));
        if (i >= 20) continue;
        usual.push_back(ended({job, t0 + i * 1min, 1}, RunState::success, 10s));
        usual.back().output_bytes = 10'000;
    }
    all.push_back(planned(other, t0));
    plan(all);
    record(usual);
    EXPECT_TRUE(insight(job).oddities.none());

    record({ended({job, t0 + 20min, 1}, RunState::success, 100s)});  // without a word
    EXPECT_EQ(to_string(insight(job).oddities), "slow,silent");
    RunReport loud = ended({job, t0 + 21min, 1}, RunState::failed, 10s);
    loud.output_bytes = 100'000;
    RunReport plain = ended({job, t0 + 22min, 1}, RunState::success, 11s);
    plain.output_bytes = 10'000;
    record({loud, plain, ended({other, t0, 1}, RunState::success, 11s)});
    EXPECT_TRUE(insight(job).oddities.none()) << "the newest one was as usual";

    const auto found = [&](std::optional<Oddity> oddity, std::optional<JobId> of_job = {}) {
        LogFilter filter;
        filter.unusual = true;
        filter.oddity = oddity;
        filter.cron_id = of_job;
        std::vector<std::string> words;
        for (const LogRow& row : testing::log_rows(*store_, filter)) {
            words.push_back(to_string(row.oddities));
        }
        EXPECT_EQ(testing::count_log(*store_, filter).rows, std::ssize(words));
        return words;
    };
    EXPECT_THAT(found({}, job), ElementsAre("more-output", "slow,silent"));
    EXPECT_THAT(found({}), SizeIs(3));
    EXPECT_THAT(found(Oddity::slow), SizeIs(2));
    EXPECT_THAT(found(Oddity::more_output), ElementsAre("more-output"));
    EXPECT_THAT(found(Oddity::fast), IsEmpty());
    LogFilter failed;
    failed.unusual = true;
    failed.state = RunState::failed;
    failed.from = t0;
    EXPECT_THAT(testing::log_rows(*store_, failed), SizeIs(1));
    EXPECT_EQ(to_string(store_->find_log_row(RunId{job, t0 + 21min, 1})->oddities), "more-output");
    EXPECT_TRUE(store_->find_log_row(RunId{job, t0, 1})->oddities.none());
    store_->delete_expired(1s, t0 + 24h, 1000);
    EXPECT_THAT(found({}), IsEmpty());
}

TEST_P(StatisticsTest, AReportThatComesAgainCountsOnce)
{
    const JobId job = add("a");
    plan({planned(job, t0)});
    const std::vector<RunReport> reports{ended({job, t0, 1}, RunState::success)};
    for (int i = 0; i < 3; ++i) record(reports);
    EXPECT_EQ(insight(job).statistics.runs(), 1);
    EXPECT_EQ(tally(node_1).of(Outcome::success), 1);
    // Of a row that the step, which is late, still lacks.
    record({ended({job, t0 + 1min, 1}, RunState::success)});
    plan({planned(job, t0 + 1min)});
    record({ended({job, t0 + 1min, 1}, RunState::success)});
    EXPECT_EQ(insight(job).statistics.runs(), 2);
}

TEST_P(StatisticsTest, SkippedAndMissedFiresOfAStepCountOnce)
{
    const JobId job = add("a");
    PlannedRun gap = skipped(job, t0 + 2min, Cause::misfire);
    gap.fires = 3;
    gap.gap_end = t0 + 4min;
    const PlanStep twice = step(1, t0 + 1h, {skipped(job, t0, Cause::mutex), gap});
    store_->commit(twice);
    store_->commit(twice);
    const JobInsight found = insight(job);
    EXPECT_EQ(found.statistics.runs(), 0);
    EXPECT_EQ(found.statistics.last_outcome(), Outcome::missed);
    EXPECT_THAT(found.statistics.ticks(), SizeIs(2));
    EXPECT_EQ(tally("").of(Outcome::skipped), 1);
    EXPECT_EQ(tally("").of(Outcome::missed), 3);
    EXPECT_EQ(store_->find_job(job)->counters, JobCounters{}) << "none of them has run";
}

TEST_P(StatisticsTest, ALostRunThatEndedAfterAllIsTheRunItWas)
{
    const JobId job = add("a");
    plan({planned(job, t0)});
    PlanStep lost = step(1, t0 + 1h, {});
    lost.ended = {report({job, t0, 1}, RunState::lost)};
    store_->commit(lost);
    EXPECT_EQ(insight(job).statistics.last_outcome(), Outcome::lost);
    EXPECT_THAT(listed(JobState::missed), ElementsAre(job));
    record({ended({job, t0, 1}, RunState::success)});
    EXPECT_EQ(insight(job).statistics.last_outcome(), Outcome::success);
    EXPECT_EQ(insight(job).statistics.runs(), 1);
    EXPECT_EQ(tally(node_1).of(Outcome::lost), 0);
    EXPECT_EQ(tally(node_1).of(Outcome::success), 1);
    EXPECT_THAT(listed(JobState::missed), IsEmpty());
}

TEST_P(StatisticsTest, ADeletedJobLeavesNone)
{
    const JobId job = add("a");
    plan({planned(job, t0), planned(job, t0 + 1min)});
    record({ended({job, t0, 1}, RunState::success)});
    store_->delete_job(job, t0);
    record({ended({job, t0 + 1min, 1}, RunState::success)});
    EXPECT_EQ(insight(job), nothing_of(job));
    EXPECT_THAT(store_->usual_times(), IsEmpty());
    EXPECT_EQ(tally(node_1).of(Outcome::success), 2) << "runs were what they were";
}

TEST_P(StatisticsTest, WhatWasNotKeptIsMadeFromTheLedger)
{
    const JobId job = add("a");
    plan({planned(job, t0), planned(job, t0 + 1min), planned(job, t0 + 2min)});
    record({ended({job, t0, 1}, RunState::success), ended({job, t0 + 1min, 1}, RunState::failed)});
    const JobInsight kept = insight(job);
    database_->execute("UPDATE cron_counter SET statistics = NULL");
    EXPECT_EQ(insight(job), kept);
    record({ended({job, t0 + 2min, 1}, RunState::success)});
    EXPECT_EQ(insight(job).statistics.runs(), 3);
    EXPECT_THAT(insight(job).statistics.ticks(), SizeIs(3));
}

TEST_P(StatisticsTest, AStepMakesThoseOfSomeJobsAlone)
{
    constexpr int rows = rows_of_statistics;
    constexpr std::size_t made_at_once = rows_of_statistics_at_once / rows_of_statistics;
    std::vector<JobId> jobs;
    while (jobs.size() <= made_at_once) jobs.push_back(add("job " + std::to_string(jobs.size())));
    const auto end_runs_of_each = [&](int from, int to) {
        PlanStep ends = step(1, t0 + 1h, {});
        for (const JobId job : jobs) {
            for (int i = from; i < to; ++i) {
                ends.ended.push_back(ended({job, t0 + i * 1s, 1}, RunState::lost));
            }
        }
        store_->commit(ends);
    };
    const auto known = [&] { return static_cast<std::size_t>(store_->count_states().missed); };
    end_runs_of_each(0, 1);
    end_runs_of_each(1, rows);
    EXPECT_EQ(known(), jobs.size());
    database_->execute("UPDATE cron_counter SET statistics = NULL, last_state = NULL");

    end_runs_of_each(rows, rows + 1);
    EXPECT_EQ(known(), made_at_once);
    for (const JobId job : jobs) {
        EXPECT_EQ(store_->find_job(job)->counters.run_num, rows + 1) << "whether its turn has come";
    }
    end_runs_of_each(rows + 1, rows + 2);
    EXPECT_EQ(known(), jobs.size());
    EXPECT_EQ(insight(jobs.back()).statistics.ticks().back().at, t0 + (rows + 1) * 1s);
}

TEST_P(StatisticsTest, JobsAreFoundByState)
{
    const JobId good = add("good");
    const JobId bad = add("bad");
    const JobId missed = add("missed");
    const JobId fresh = add("fresh");
    const JobId stopped = add("stopped");
    JobPatch stop;
    stop.set(&Job::stop, true);
    plan({planned(good, t0), planned(bad, t0), planned(stopped, t0),
          skipped(missed, t0, Cause::no_node), planned(fresh, t0)});
    record({ended({good, t0, 1}, RunState::success), ended({bad, t0, 1}, RunState::timeout),
            ended({stopped, t0, 1}, RunState::failed), report({fresh, t0, 1}, RunState::running)});
    store_->update_job(stopped, stop, t0 + 1s);

    EXPECT_THAT(listed(JobState::ok), ElementsAre(good));
    EXPECT_THAT(listed(JobState::failing), ElementsAre(bad));
    EXPECT_THAT(listed(JobState::missed), ElementsAre(missed));
    EXPECT_THAT(listed(JobState::fresh), ElementsAre(fresh));
    EXPECT_THAT(listed(JobState::stopped), ElementsAre(stopped));
    EXPECT_THAT(listed(JobState::running), ElementsAre(fresh));
    EXPECT_THAT(listed(JobState::enabled), ElementsAre(good, bad, missed, fresh));
    EXPECT_EQ(store_->count_states(), (StateCounts{5, 1, 1, 1, 1, 1, 1}));
    EXPECT_THAT(sorted(JobOrder::state, false), ElementsAre(bad, missed, good, fresh, stopped));
    EXPECT_THAT(sorted(JobOrder::name, false), ElementsAre(bad, fresh, good, missed, stopped));
    EXPECT_THAT(sorted(JobOrder::name, true), ElementsAre(stopped, missed, good, fresh, bad));
    EXPECT_THAT(sorted(JobOrder::id, true), ElementsAre(stopped, fresh, missed, bad, good));
    EXPECT_THAT(sorted(JobOrder::name, false, {1, 2}), ElementsAre(fresh, good));
}

TEST_P(StatisticsTest, ADaemonThatIsUpIsWellHoweverItEndedBefore)
{
    Job job;
    job.kind = JobKind::daemon;
    job.command = "worker";
    job.name = "worker";
    const JobId daemon = store_->add_job(job, t0).id;
    plan({planned(daemon, t0), planned(daemon, t0 + 5s)});
    record({ended({daemon, t0, 1}, RunState::failed)});
    EXPECT_THAT(listed(JobState::failing), ElementsAre(daemon));
    EXPECT_EQ(store_->count_states().failing, 1);

    record({report({daemon, t0 + 5s, 1}, RunState::running)});
    EXPECT_THAT(listed(JobState::failing), ElementsAre());
    EXPECT_THAT(listed(JobState::ok), ElementsAre(daemon));
    EXPECT_EQ(store_->count_states().failing, 0);
    EXPECT_EQ(store_->count_states().ok, 1);
    record({ended({daemon, t0 + 5s, 1}, RunState::lost)});
    EXPECT_THAT(listed(JobState::missed), ElementsAre(daemon));
}

TEST_P(StatisticsTest, JobsWithoutAFigureComeLast)
{
    const JobId fresh = add("fresh");
    const JobId slow = add("slow");
    const JobId quick = add("quick");
    plan({planned(slow, t0), planned(quick, t0)});
    record({ended({slow, t0, 1}, RunState::success, 100s),
            ended({quick, t0, 1}, RunState::success, 1s)});
    EXPECT_THAT(sorted(JobOrder::usual_time, false), ElementsAre(quick, slow, fresh));
    EXPECT_THAT(sorted(JobOrder::usual_time, true), ElementsAre(slow, quick, fresh));
    EXPECT_THAT(sorted(JobOrder::last_run_at, true), ElementsAre(slow, quick, fresh));
    EXPECT_THAT(sorted(JobOrder::late_p99, false), ElementsAre(slow, quick, fresh));
}

TEST_P(StatisticsTest, SessionsThatRecordTheSameJobAtOnceLoseNothing)
{
    const JobId job = add("a");
    constexpr int runs = 60;
    std::vector<PlannedRun> all;
    for (int i = 0; i < 2 * runs; ++i) all.push_back(planned(job, t0 + i * 1s));
    plan(all);
    const auto work = [&](int first) {
        const auto session = database_->open();
        for (int i = first; i < 2 * runs; i += 2) {
            const std::vector<RunReport> one{ended({job, t0 + i * 1s, 1}, RunState::success)};
            session->record(one);
        }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    EXPECT_EQ(insight(job).statistics.runs(), 2 * runs);
    EXPECT_EQ(tally(node_1).of(Outcome::success), 2 * runs);
}

TEST_P(StatisticsTest, TheTermsThatBeganAreKnown)
{
    const WallTime before = SystemClock().now() - 1min;
    store_->begin_term(1, node_1);
    store_->begin_term(5, node_2);
    const auto terms = store_->terms_since(before, 10);
    ASSERT_THAT(terms, SizeIs(2));
    EXPECT_EQ(terms[0].epoch, 1U);
    EXPECT_EQ(terms[1].dispatcher, node_2);
    EXPECT_GE(terms[1].at, terms[0].at);
    EXPECT_THAT(store_->terms_since(before, 1), SizeIs(1));
    EXPECT_THAT(store_->terms_since(SystemClock().now() + 1min, 10), IsEmpty());
}

TEST_P(StatisticsTest, TalliesGoWithTheirAge)
{
    const JobId job = add("a");
    plan({planned(job, t0), planned(job, t0 + 20min)});
    record(
        {ended({job, t0, 1}, RunState::success), ended({job, t0 + 20min, 1}, RunState::success)});
    store_->delete_expired(24h, t0 + 24h + 15min, 100);
    const auto begin = std::chrono::floor<std::chrono::seconds>(t0);
    const auto left = store_->find_tallies(begin, begin + 1h);
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left.front().at, begin + 20min);
    EXPECT_EQ(insight(job).statistics.runs(), 2) << "what is kept of a job does not follow age";
}

TEST_P(StatisticsTest, RowsOfAJobComeNewestFirstWithoutTheirOutputs)
{
    const JobId job = add("a");
    plan({planned(job, t0), planned(job, t0 + 1min), planned(job, t0 + 2min)});
    RunReport loud = ended({job, t0, 1}, RunState::success);
    loud.output = "hello";
    loud.output_bytes = 5;
    record({loud});
    const auto rows = store_->job_rows_before(job, t0 + 2min, 10);
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows[0].run.id.scheduled_at, t0 + 1min);
    EXPECT_EQ(rows[1].run.output, "");
    EXPECT_TRUE(rows[1].output_cut);
    EXPECT_THAT(store_->job_rows_before(job, t0 + 2min, 1), SizeIs(1));
}

TEST_P(StatisticsTest, AChangeSaysWhyItWasMade)
{
    const JobId job = add("a");
    JobPatch stop;
    stop.set(&Job::stop, true);
    store_->update_job(job, stop, Edit(t0 + 1s, {"ops", "10.0.0.7", "the disk is full: 磁盘"}));
    RevisionQuery query;
    query.job = job;
    EXPECT_EQ(store_->find_revisions(query).revisions.front().by.why, "the disk is full: 磁盘");
}

INSTANTIATE_TEST_SUITE_P(Conformance, StatisticsTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
