#include "integration/store/store_fixture.hpp"
#include "job_samples.hpp"
#include "model/job_fields.hpp"
#include "model/output_to_come.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <set>
#include <thread>

// What every store promises (store/store.hpp), whatever is behind it.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::count_log;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::log_rows;
using testing::node_1;
using testing::node_2;
using testing::planned;
using testing::report;
using ::testing::SizeIs;
using testing::step;
using testing::t0;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

class StoreTest : public testing::StoreFixture {};

Job draft(std::string command)
{
    Job job;
    job.cron_set = "*/5 * * * * *";
    job.command = std::move(command);
    return job;
}

/// The only row of a fire, in any state.
LogRow row(Store& store, const RunId& id)
{
    std::vector<LogRow> found;
    for (const auto state : {std::optional<RunState>(), std::optional(RunState::planned)}) {
        LogFilter filter;
        filter.cron_id = id.job;
        filter.state = state;
        std::ranges::copy_if(log_rows(store, filter, {0, 1000}), std::back_inserter(found),
                             [&](const LogRow& log) { return log.run.id == id; });
    }
    EXPECT_EQ(found.size(), 1U) << to_string(id);
    return found.empty() ? LogRow{} : found.front();
}

std::vector<JobId> ids(const std::vector<Job>& jobs)
{
    std::vector<JobId> found;
    for (const Job& job : jobs) found.push_back(job.id);
    return found;
}

// Jobs.

TEST_P(StoreTest, AnswersAPing)
{
    EXPECT_NO_THROW(store_->ping());
}

TEST_P(StoreTest, KeepsEveryMemberOfAJob)
{
    Job job = draft("php -v");
    job.cron_set = "0 0 9 * * MON-FRI";
    job.remark = "the remark";
    job.stop = true;
    job.is_mutex = true;
    job.start_time = 1'763'683'200;
    job.end_time = 4'102'444'800;  // 2100
    job.time_zone = "Europe/Berlin";
    job.timeout = 90s;
    job.name = "the name";
    job.run_limit = 12;
    job.misfire_window = 90s;
    job.delivery = Delivery::at_least_once;
    job.misfire_policy = Misfire::run_latest;
    job.overlap = Overlap::queue;
    job.max_concurrent = 3;

    const Job added = store_->add_job(job, t0 + 7ms);

    job.id = added.id;
    job.effective_from = t0 + 7ms;
    EXPECT_GT(added.id, 0);
    EXPECT_EQ(added, job);
    EXPECT_EQ(store_->find_job(added.id), job);
}

TEST_P(StoreTest, TakesAnyTextOfAJobAsItIs)
{
    for (const std::string text :
         {"echo \"it's\" `date` \\n \\' -- ; %s %d", "'; DROP TABLE cron; -- ",
          "\\'; DELETE FROM log; --", "echo 😀 ünïcode 定时任务", "x' OR '1'='1", "a\nb\tc\rd\x01",
          " spaces at both ends "}) {
        Job job = draft(text);
        job.remark = text;
        const Job added = store_->add_job(job, t0);
        const auto found = store_->find_job(added.id);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->command, text);
        EXPECT_EQ(found->remark, text);

        JobPatch patch;
        patch.set(&Job::command, text + text);
        EXPECT_EQ(store_->update_job(added.id, patch, t0)->command, text + text);
    }
    EXPECT_EQ(store_->job_counts().total, 7);
}

TEST_P(StoreTest, KeepsANulInACommand)
{
    const std::string text("a\0b", 3);
    EXPECT_EQ(store_->find_job(store_->add_job(draft(text), t0).id)->command, text);
}

TEST_P(StoreTest, TakesTextsUpToTheirLimitsAndRefusesLongerOnes)
{
    Job job = draft(std::string(65'535, 'x'));
    std::string emoji;
    for (std::size_t i = 0; i < 1024; ++i) emoji += "😀";
    job.remark = emoji;
    job.cron_set = std::string(255, '*');
    job.time_zone = std::string(64, 'Z');
    const Job added = store_->add_job(job, t0);
    EXPECT_EQ(store_->find_job(added.id), added);

    EXPECT_THROW(store_->add_job(draft(job.command + 'x'), t0), StoreError);
    JobPatch patch;
    patch.set(&Job::remark, emoji + "x");
    EXPECT_THROW(store_->update_job(added.id, patch, t0), StoreError);
    EXPECT_EQ(store_->find_job(added.id), added);
    EXPECT_EQ(store_->job_counts().total, 1);
}

TEST_P(StoreTest, ChangesOnlyWhatAPatchGives)
{
    Job job = draft("true");
    job.remark = "stays";
    const Job added = store_->add_job(job, t0);
    JobPatch patch;
    patch.set(&Job::stop, true);
    patch.set(&Job::timeout, 5s);

    const auto changed = store_->update_job(added.id, patch, t0 + 1min);

    Job expected = added;
    expected.stop = true;
    expected.timeout = 5s;
    expected.effective_from = t0 + 1min;
    EXPECT_EQ(changed, expected);
    EXPECT_EQ(store_->find_job(added.id), expected);
}

TEST_P(StoreTest, KeepsEveryFieldOfANewJob)
{
    Job job = testing::sample_job();
    const Job added = store_->add_job(job, t0);
    job.id = added.id;
    job.effective_from = t0;
    EXPECT_EQ(added, job);
    EXPECT_EQ(store_->find_job(added.id), job);
    const RevisionPage history = store_->find_revisions({.job = added.id});
    ASSERT_THAT(history.revisions, SizeIs(1));
    EXPECT_EQ(differences(*history.revisions[0].after, job), FieldSet());
}

TEST_P(StoreTest, ChangesEachFieldByItself)
{
    const Job first = store_->add_job(testing::sample_job(), t0);
    Job expected = first;
    const Job second = testing::sample_job(1);
    auto now = t0;
    for (std::size_t i = 0; i < job_fields.size(); ++i) {
        SCOPED_TRACE(job_fields[i].name);
        now += 1s;
        const JobPatch patch = patch_of(second, FieldSet().set(i));
        expected = apply(expected, patch);
        expected.effective_from = now;
        EXPECT_EQ(store_->update_job(first.id, patch, now), expected);
        EXPECT_EQ(store_->find_job(first.id), expected);
    }
    JobPatch back = patch_of(Job(), FieldSet().set());
    back.set(&Job::command, "true");
    expected = apply(expected, back);
    expected.effective_from = now + 1s;
    EXPECT_EQ(store_->update_job(first.id, back, now + 1s), expected);
    EXPECT_EQ(store_->find_job(first.id), expected);
}

TEST_P(StoreTest, ChangesCountInTheOrderInWhichTheyAreMade)
{
    const Job added = store_->add_job(draft("true"), t0);
    JobPatch patch;
    patch.set(&Job::command, "false");
    // By a node whose clock is behind, or that stood still with the request.
    const auto changed = store_->update_job(added.id, patch, t0 - 300ms);
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->effective_from, t0 + 1ms);
    EXPECT_EQ(store_->find_job(added.id)->effective_from, t0 + 1ms);
    store_->delete_job(added.id, t0 - 100ms);
    std::vector<WallTime> moments;
    for (const Revision& revision : store_->find_revisions({.job = added.id}).revisions) {
        moments.push_back(revision.effective_from);
    }
    EXPECT_THAT(moments, ElementsAre(t0 + 2ms, t0 + 1ms, t0)) << "the newest first";
}

TEST_P(StoreTest, SaysWhenThereIsNoSuchJob)
{
    EXPECT_EQ(store_->find_job(4711), std::nullopt);
    EXPECT_EQ(store_->update_job(4711, {}, t0), std::nullopt);
    EXPECT_EQ(store_->delete_job(4711, t0), std::nullopt);
}

TEST_P(StoreTest, ChangesManyJobsAtOnce)
{
    std::vector<Job> jobs;
    for (int i = 0; i < 3; ++i) {
        Job job = draft("echo " + std::to_string(i));
        job.remark = "stays";
        jobs.push_back(store_->add_job(job, t0));
    }
    const Job last = store_->add_job(draft("changed by a clock that is ahead"), t0 + 2s);
    JobPatch patch;
    patch.set(&Job::stop, true);
    const std::vector<JobId> some{last.id, 4711, jobs[2].id, jobs[0].id, jobs[2].id};

    const auto changed = store_->update_jobs(some, patch, t0 + 1s);

    for (Job* job : {&jobs[0], &jobs[2]}) {
        job->stop = true;
        job->effective_from = t0 + 1s;
    }
    Job late = last;
    late.stop = true;
    late.effective_from = t0 + 2s + 1ms;
    EXPECT_THAT(changed, ElementsAre(jobs[0], jobs[2], late)) << "by id, each of them once";
    EXPECT_THAT(store_->jobs_after(0, 10), ElementsAre(jobs[0], jobs[1], jobs[2], late));
    EXPECT_THAT(store_->update_jobs({}, patch, t0 + 2s), IsEmpty());
    EXPECT_THAT(store_->update_jobs(std::vector<JobId>{4711}, patch, t0 + 2s), IsEmpty());
}

TEST_P(StoreTest, ADispatcherHearsOfAllThatWereChangedAtOnce)
{
    std::vector<JobId> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(store_->add_job(draft("true"), t0).id);
    const JobCursor before = store_->changes_since({}).next;
    JobPatch patch;
    patch.set(&Job::stop, true);
    store_->update_jobs(ids, patch, t0 + 1s);
    std::vector<JobId> stopped;
    for (const Job& job : store_->changes_since(before).changed) {
        if (job.stop) stopped.push_back(job.id);
    }
    EXPECT_THAT(stopped, UnorderedElementsAreArray(ids));
}

TEST_P(StoreTest, OfManyThatAreChangedAtOnceAllAreOrNone)
{
    const Job first = store_->add_job(draft("a"), t0);
    const Job second = store_->add_job(draft("b"), t0);
    JobPatch patch;
    patch.set(&Job::name, "nightly");
    const std::vector<JobId> both{first.id, second.id};
    EXPECT_THROW(store_->update_jobs(both, patch, t0 + 1s), NameTaken);
    EXPECT_THAT(store_->jobs_after(0, 10), ElementsAre(first, second));
    for (const JobId id : both) EXPECT_EQ(store_->find_revisions({.job = id}).total, 1);
}

TEST_P(StoreTest, ANameBelongsToOneJob)
{
    Job job = draft("true");
    job.name = "nightly";
    const Job first = store_->add_job(job, t0);
    EXPECT_THROW(store_->add_job(job, t0), NameTaken);
    EXPECT_EQ(store_->job_counts().total, 1);

    job.name = "Nightly";  // compared byte by byte
    const Job second = store_->add_job(job, t0);
    JobPatch patch;
    patch.set(&Job::name, "nightly");
    EXPECT_THROW(store_->update_job(second.id, patch, t0), NameTaken);
    EXPECT_EQ(store_->find_job_by_name("Nightly"), second);
    EXPECT_EQ(store_->find_job_by_name("nightly"), first);
    EXPECT_EQ(store_->find_job_by_name(""), std::nullopt) << "no name is not a name";

    const auto renamed = store_->update_job(first.id, patch, t0);
    ASSERT_TRUE(renamed);
    EXPECT_EQ(renamed->name, first.name) << "its own name";
    store_->delete_job(first.id, t0);
    EXPECT_TRUE(store_->update_job(second.id, patch, t0)) << "free again";
}

TEST_P(StoreTest, AnyNumberOfJobsHaveNoName)
{
    store_->add_job(draft("true"), t0);
    EXPECT_NO_THROW(store_->add_job(draft("true"), t0));
}

TEST_P(StoreTest, FindsJobsByTheirWholeNameAndByAPartOfIt)
{
    Job job = draft("true");
    job.name = "backup-täglich";
    const Job added = store_->add_job(job, t0);
    store_->add_job(draft("false"), t0);
    JobFilter filter;
    filter.name = "backup-täglich";
    EXPECT_THAT(store_->job_page(filter, {}, {}), ElementsAre(added));
    EXPECT_EQ(store_->count_jobs(filter).rows, 1);
    filter.name = "backup";
    EXPECT_THAT(store_->job_page(filter, {}, {}), IsEmpty());
    EXPECT_EQ(store_->count_jobs(filter).rows, 0);
    filter = {};
    filter.search = "up-tä";
    EXPECT_THAT(store_->job_page(filter, {}, {}), ElementsAre(added));
}

TEST_P(StoreTest, CountsJobsAndThoseThatAreStopped)
{
    Job job = draft("true");
    store_->add_job(job, t0);
    job.stop = true;
    store_->add_job(job, t0);
    EXPECT_EQ(store_->job_counts().total, 2);
    EXPECT_EQ(store_->job_counts().stopped, 1);
}

TEST_P(StoreTest, DeletesManyJobsAtOnce)
{
    std::vector<JobId> some;
    for (int i = 0; i < 3; ++i) some.push_back(store_->add_job(draft("true"), t0).id);
    const JobId kept = some.back();
    some.back() = 4711;
    EXPECT_EQ(store_->delete_jobs(some, t0), 2);
    EXPECT_THAT(store_->job_ids(), ElementsAre(kept));
    EXPECT_EQ(store_->delete_jobs({}, t0), 0);
}

// The counters of a job.

TEST_P(StoreTest, CountsARunOnceHoweverOftenItIsReported)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 3s, {planned(job, t0), planned(job, t0 + 1s)}));
    EXPECT_EQ(store_->find_job(job)->counters, JobCounters());

    RunReport first = report({job, t0, 1}, RunState::success);
    first.started_at = t0 + 5ms;
    store_->record(std::vector{report({job, t0, 1}, RunState::running)});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 0) << "it has not ended";
    store_->record(std::vector{first});
    store_->record(std::vector{first});
    EXPECT_EQ(store_->find_job(job)->counters, (JobCounters{1, t0 + 5ms}));

    const RunReport second = report({job, t0 + 1s, 1}, RunState::failed);
    store_->record(std::vector{first, second, second});
    EXPECT_EQ(store_->find_job(job)->counters, (JobCounters{2, t0 + 1s}));
}

TEST_P(StoreTest, ARunThatNobodyPlannedHereCountsToo)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    store_->record(std::vector{report({job, t0, 1}, RunState::success)});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
}

TEST_P(StoreTest, SkippedRevokedAndRepeatedFiresDoNotCount)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 3s, {planned(job, t0), planned(job, t0 + 1s)}));
    store_->record(std::vector{report({job, t0, 1}, RunState::skipped),
                               report({job, t0 + 1s, 1}, RunState::revoked),
                               report({job, t0 + 1s, 2}, RunState::success)});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 0);
}

TEST_P(StoreTest, ALostRunCountsOnceAlsoWhenTheTruthComesLater)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(job, t0)}));
    PlanStep lost = step(1, t0, {});
    lost.ended.push_back(report({job, t0, 1}, RunState::lost));
    store_->commit(lost);
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
    store_->record(std::vector{report({job, t0, 1}, RunState::success)});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
}

TEST_P(StoreTest, ARunThatWasTakenForLostAndNeverStartedDoesNotCount)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    const RunId run{job, t0 + 1s, 1};
    const std::vector<RunReport> others{report({job, t0 + 2s, 1}, RunState::success),
                                        report(run, RunState::lost)};
    store_->record(others);
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 2);
    const RunReport truth = report(run, RunState::skipped);
    store_->record({&truth, 1});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
    store_->record({&truth, 1});
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
}

TEST_P(StoreTest, CountersAreNoChangeOfAJobAndGoWithIt)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    const JobCursor cursor = store_->changes_since({}).next;
    store_->record(std::vector{report({job, t0, 1}, RunState::success)});
    for (const Job& changed : store_->changes_since(cursor).changed) {
        EXPECT_EQ(changed.effective_from, t0);
    }
    store_->delete_job(job, t0);
    EXPECT_EQ(store_->find_job(job), std::nullopt);
}

TEST_P(StoreTest, ARunThatEndsAfterItsJobWasDeletedLeavesNoCounterBehind)
{
    const JobId kept = store_->add_job(draft("true"), t0).id;
    const JobId gone = store_->add_job(draft("true"), t0).id;
    store_->begin_term(1, node_1);
    store_->commit(
        step(1, t0 + 3s, {planned(kept, t0), planned(gone, t0), planned(gone, t0 + 1s)}));
    store_->record(std::vector{report({gone, t0, 1}, RunState::success)});
    store_->delete_job(gone, t0);

    store_->record(std::vector{report({gone, t0 + 1s, 1}, RunState::success),
                               report({kept, t0, 1}, RunState::success)});

    // A job that comes back under its number, as by hand, begins with nothing.
    database_->execute(fmt::format("UPDATE cron SET id = {} WHERE id = {}", gone, kept));
    EXPECT_EQ(store_->find_job(gone)->counters, JobCounters());
    database_->execute(fmt::format("UPDATE cron SET id = {} WHERE id = {}", kept, gone));
    EXPECT_EQ(store_->find_job(kept)->counters.run_num, 1);
}

TEST_P(StoreTest, ATermBeginsWithTheNumbersOfTheJobsThatHaveALimit)
{
    Job limited = draft("true");
    limited.run_limit = 3;
    const JobId one = store_->add_job(limited, t0).id;
    const JobId other = store_->add_job(draft("true"), t0).id;
    store_->record(std::vector{report({one, t0, 1}, RunState::success),
                               report({other, t0, 1}, RunState::success)});
    const auto numbers = store_->begin_term(1, node_1).run_numbers;
    EXPECT_THAT(numbers, ElementsAre(std::pair(one, std::int64_t{1})));
}

TEST_P(StoreTest, DeletesAJobOnceAndKeepsItsLedgerRows)
{
    const Job job = store_->add_job(draft("true"), t0);
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(job.id, t0)}));

    EXPECT_EQ(store_->delete_job(job.id, t0), job);
    EXPECT_EQ(store_->delete_job(job.id, t0), std::nullopt);
    EXPECT_EQ(store_->find_job(job.id), std::nullopt);
    EXPECT_EQ(row(*store_, {job.id, t0, 1}).run.state, RunState::planned);
}

TEST_P(StoreTest, FindsOneLedgerRowByIdAndByRun)
{
    store_->begin_term(1, node_1);
    PlannedRun by_hand = planned(1, t0 + 7ms);
    by_hand.requested_by = "ops at 10.0.0.5";
    store_->commit(step(1, t0, {by_hand}));

    const auto found = store_->find_log_row(RunId{1, t0 + 7ms, 1});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->requested_by, "ops at 10.0.0.5");
    EXPECT_EQ(found->run.state, RunState::planned);
    EXPECT_EQ(store_->find_log_row(found->id)->run, found->run);
    EXPECT_FALSE(store_->find_log_row(RunId{1, t0, 1}));
    EXPECT_FALSE(store_->find_log_row(std::int64_t{4711}));

    store_->record(std::vector{report({1, t0 + 7ms, 1}, RunState::success, "out")});
    EXPECT_EQ(store_->find_log_row(found->id)->requested_by, "ops at 10.0.0.5");
}

TEST_P(StoreTest, KnowsTheNewestEpoch)
{
    EXPECT_EQ(store_->newest_epoch(), 0U);
    store_->begin_term(41, node_1);
    EXPECT_EQ(store_->newest_epoch(), 41U);
}

TEST_P(StoreTest, NeverGivesTheIdOfADeletedJobAgain)
{
    const Job first = store_->add_job(draft("true"), t0);
    store_->delete_job(first.id, t0);
    EXPECT_GT(store_->add_job(draft("true"), t0).id, first.id);
}

TEST_P(StoreTest, PagesThroughJobsById)
{
    std::vector<JobId> all;
    for (int i = 0; i < 7; ++i) all.push_back(store_->add_job(draft("true"), t0).id);

    EXPECT_THAT(ids(store_->job_page({}, {2, 3}, {})), ElementsAre(all[2], all[3], all[4]));
    EXPECT_THAT(store_->job_page({}, {7, 3}, {}), IsEmpty());
    EXPECT_EQ(store_->count_jobs({}).rows, 7);
    EXPECT_THAT(ids(store_->jobs_after(all[3], 2)), ElementsAre(all[4], all[5]));
    EXPECT_THAT(store_->jobs_after(all[6], 2), IsEmpty());
    EXPECT_EQ(store_->job_ids(), all);
}

TEST_P(StoreTest, FindsAFarPageOfJobsByTheBlocksOfTheirIds)
{
    store_->add_job(draft("true"), t0);
    for (int doubled = 0; doubled < 13; ++doubled) {
        database_->execute(
            "INSERT INTO cron (cron_set, command) SELECT cron_set, command FROM cron");
    }
    database_->execute("DELETE FROM cron WHERE id % 7 = 0");
    ListCount counted = store_->count_jobs({});
    EXPECT_EQ(counted.rows, std::ssize(store_->job_ids()));
    const auto blocks = std::make_shared<const IdBlocks>(std::move(counted.blocks));
    EXPECT_GT(blocks->blocks.size(), 5U);

    const auto page_at = [&](std::size_t offset, std::shared_ptr<const IdBlocks> known) {
        return ids(store_->job_page({}, {offset, 20}, {std::move(known), nullptr}));
    };
    const JobId added = store_->add_job(draft("true"), t0).id;
    const auto last = static_cast<std::size_t>(counted.rows);
    for (const std::size_t offset : {std::size_t{2'000}, std::size_t{4'567}, last - 3, last + 1}) {
        EXPECT_EQ(page_at(offset, blocks), page_at(offset, nullptr)) << offset;
    }
    EXPECT_THAT(page_at(last, blocks), ElementsAre(added));
}

TEST_P(StoreTest, FindsJobsByManyIdsAndLeavesOutThoseThatAreMissing)
{
    std::vector<JobId> asked;
    for (JobId id = 1'000'000; id < 1'025'000; ++id) asked.push_back(id);
    const JobId one = store_->add_job(draft("true"), t0).id;
    const JobId other = store_->add_job(draft("true"), t0).id;
    asked.insert(asked.begin() + 5, one);
    asked.push_back(other);

    EXPECT_THAT(ids(store_->find_jobs_by_id(asked)), UnorderedElementsAre(one, other));
    EXPECT_THAT(store_->find_jobs_by_id({}), IsEmpty());
}

TEST_P(StoreTest, SearchesCommandAndRemarkLiterally)
{
    Job remarked = draft("true");
    remarked.remark = "nightly backup";
    const JobId by_remark = store_->add_job(remarked, t0).id;
    const JobId by_command = store_->add_job(draft("/usr/bin/backup.sh"), t0).id;
    const JobId percent = store_->add_job(draft("date +100%"), t0).id;
    const JobId underscore = store_->add_job(draft("a_b"), t0).id;
    const JobId plain = store_->add_job(draft("axb"), t0).id;
    const JobId backslash = store_->add_job(draft("a\\b|c"), t0).id;
    const JobId quote = store_->add_job(draft("it's"), t0).id;

    const auto search = [&](const std::string& text) {
        JobFilter filter;
        filter.search = text;
        const std::vector<Job> found = store_->job_page(filter, {}, {});
        EXPECT_EQ(store_->count_jobs(filter).rows, std::ssize(found)) << text;
        return ids(found);
    };
    EXPECT_THAT(search("backup"), ElementsAre(by_remark, by_command));
    EXPECT_THAT(search("%"), ElementsAre(percent));
    EXPECT_THAT(search("a_b"), ElementsAre(underscore));
    EXPECT_THAT(search("axb"), ElementsAre(plain));
    EXPECT_THAT(search("\\"), ElementsAre(backslash));
    EXPECT_THAT(search("b|c"), ElementsAre(backslash));
    EXPECT_THAT(search("t's"), ElementsAre(quote));
    EXPECT_THAT(search("' OR '1'='1"), IsEmpty());
    EXPECT_THAT(search("') UNION SELECT 1 -- "), IsEmpty());
}

// Following the jobs.

TEST_P(StoreTest, TellsAReaderEverythingFirstAndThenWhatChanged)
{
    const Job one = store_->add_job(draft("one"), t0);
    const Job two = store_->add_job(draft("two"), t0);

    const JobChanges first = store_->changes_since({});
    EXPECT_THAT(first.changed, UnorderedElementsAre(one, two));
    EXPECT_EQ(first.count, 2);
    EXPECT_EQ(first.id_sum, one.id + two.id);

    const Job three = store_->add_job(draft("three"), t0);
    JobPatch patch;
    patch.set(&Job::command, "changed");
    const auto changed = store_->update_job(one.id, patch, t0 + 1s);
    const JobChanges second = store_->changes_since(first.next);
    EXPECT_THAT(second.changed, ::testing::IsSupersetOf({*changed, three}));
    EXPECT_EQ(second.count, 3);
    EXPECT_EQ(second.id_sum, one.id + two.id + three.id);
}

TEST_P(StoreTest, LetsAReaderSeeThatJobsWereDeleted)
{
    const Job one = store_->add_job(draft("one"), t0);
    const Job two = store_->add_job(draft("two"), t0);
    const JobChanges first = store_->changes_since({});
    store_->delete_job(one.id, t0);

    const JobChanges second = store_->changes_since(first.next);
    EXPECT_EQ(second.count, 1);
    EXPECT_EQ(second.id_sum, two.id);
    EXPECT_THAT(store_->job_ids(), ElementsAre(two.id));
}

TEST_P(StoreTest, TellsAReaderOfAnEmptyTable)
{
    const JobChanges changes = store_->changes_since({});
    EXPECT_THAT(changes.changed, IsEmpty());
    EXPECT_EQ(changes.count, 0);
    EXPECT_EQ(changes.id_sum, 0);
    EXPECT_FALSE(changes.next.changed_at.empty());
}

// The history of the jobs.

std::vector<Revision> history(Store& store, JobId job)
{
    return store.find_revisions({.job = job}).revisions;
}

TEST_P(StoreTest, EveryChangeOfAJobHasARevision)
{
    const Author ann{"ann 世界", "10.0.0.7"};
    const Job added = store_->add_job(draft("a 'quoted' \\ \"command\""), Edit(t0, ann));
    JobPatch patch;
    patch.set(&Job::command, "b");
    patch.set(&Job::misfire_window, std::optional(until_next));
    const Job changed = store_->update_job(added.id, patch, Edit(t0 + 5ms, {"bob", "::1"})).value();
    store_->delete_job(added.id, t0 + 9ms);

    const std::vector<Revision> found = history(*store_, added.id);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[2].by, ann);
    EXPECT_EQ(found[2].effective_from, t0);
    EXPECT_EQ(found[2].before, std::nullopt);
    EXPECT_EQ(found[2].after, definition_of(added));
    EXPECT_EQ(found[1].by, (Author{"bob", "::1"}));
    EXPECT_EQ(found[1].effective_from, t0 + 5ms);
    EXPECT_EQ(found[1].before, definition_of(added));
    EXPECT_EQ(found[1].after, definition_of(changed));
    EXPECT_EQ(found[0].before, definition_of(changed));
    EXPECT_EQ(found[0].after, std::nullopt);
    EXPECT_GT(found[0].id, found[1].id);
    EXPECT_GT(found[1].id, found[2].id);
}

TEST_P(StoreTest, ARevisionKeepsEveryMemberOfADefinition)
{
    Job job = draft("php -v");
    job.remark = "the remark";
    job.stop = true;
    job.is_mutex = true;
    job.start_time = 1'763'683'200;
    job.end_time = 4'102'444'800;
    job.time_zone = "Europe/Berlin";
    job.timeout = 90s;
    job.name = "the name";
    job.run_limit = 12;
    job.misfire_window = until_next;
    job.delivery = Delivery::at_least_once;
    job.misfire_policy = Misfire::run_latest;
    job.overlap = Overlap::queue;
    job.max_concurrent = 3;
    const Job added = store_->add_job(job, t0);
    job.id = added.id;
    EXPECT_EQ(history(*store_, added.id).at(0).after, job);
}

TEST_P(StoreTest, AChangeThatFailsHasNoRevision)
{
    Job named = draft("a");
    named.name = "taken";
    store_->add_job(named, t0);
    const Job other = store_->add_job(draft("b"), t0);
    JobPatch patch;
    patch.set(&Job::name, "taken");
    EXPECT_THROW(store_->update_job(other.id, patch, t0), NameTaken);
    EXPECT_THROW(store_->add_job(named, t0), NameTaken);
    EXPECT_EQ(store_->update_job(4711, patch, t0), std::nullopt);
    EXPECT_EQ(store_->delete_job(4711, t0), std::nullopt);
    EXPECT_EQ(history(*store_, other.id).size(), 1U);
    EXPECT_THAT(history(*store_, 4711), IsEmpty());
    EXPECT_THAT(history(*store_, other.id + 1), IsEmpty());
}

TEST_P(StoreTest, AHistoryIsReadInPages)
{
    const JobId id = store_->add_job(draft("0"), t0).id;
    for (int i = 1; i < 5; ++i) {
        JobPatch patch;
        patch.set(&Job::command, std::to_string(i));
        store_->update_job(id, patch, t0 + i * 1s);
    }
    store_->add_job(draft("another"), t0);
    const RevisionPage page = store_->find_revisions({.job = id, .offset = 1, .limit = 2});
    EXPECT_EQ(page.total, 5);
    ASSERT_EQ(page.revisions.size(), 2U);
    EXPECT_EQ(page.revisions[0].after->command, "3");
    EXPECT_EQ(page.revisions[1].after->command, "2");
}

TEST_P(StoreTest, DeletedJobsAreFoundByTheirNames)
{
    const auto add = [this](const std::string& name) {
        Job job = draft("of " + name);
        job.name = name;
        return store_->add_job(job, t0).id;
    };
    const auto deleted = [this](const std::string& name) {
        std::vector<JobId> ids;
        for (const Revision& revision : store_->find_revisions({.deleted_name = name}).revisions) {
            EXPECT_EQ(revision.after, std::nullopt);
            EXPECT_EQ(revision.before.value().name, name);
            ids.push_back(revision.job);
        }
        return ids;
    };
    const std::string odd = "a \"quoted\" \\ %name_ É 世界";
    const JobId first = add("backup");
    store_->delete_job(first, t0 + 1s);
    const JobId second = add("backup");
    EXPECT_THAT(deleted("backup"), ElementsAre(first)) << "the other one is there";
    store_->delete_job(second, t0 + 2s);
    const JobId named_oddly = add(odd);
    store_->delete_job(named_oddly, t0 + 3s);
    store_->delete_job(add("backup2"), t0 + 4s);
    EXPECT_THAT(deleted("backup"), ElementsAre(second, first)) << "the newest first";
    EXPECT_THAT(deleted(odd), ElementsAre(named_oddly));
    EXPECT_THAT(deleted("Backup"), IsEmpty());
    EXPECT_THAT(deleted("back"), IsEmpty());
    EXPECT_THAT(deleted("back%"), IsEmpty());
    const RevisionPage page =
        store_->find_revisions({.deleted_name = "backup", .offset = 1, .limit = 1});
    EXPECT_EQ(page.total, 2);
    ASSERT_EQ(page.revisions.size(), 1U);
    EXPECT_EQ(page.revisions[0].job, first);
}

TEST_P(StoreTest, ManyThatAreChangedAtOnceHaveARevisionEach)
{
    const Author ann{"ann", "10.0.0.7", "the disk is full"};
    const std::vector<Job> jobs{store_->add_job(draft("a"), t0), store_->add_job(draft("b"), t0)};
    const std::vector<JobId> ids{jobs[0].id, jobs[1].id};
    database_->execute("UPDATE cron SET command = 'by hand' WHERE id = " + std::to_string(ids[1]));
    JobPatch patch;
    patch.set(&Job::stop, true);

    const auto changed = store_->update_jobs(ids, patch, Edit(t0 + 1h, ann));

    ASSERT_THAT(changed, SizeIs(2));
    EXPECT_EQ(changed[1].command, "by hand");
    EXPECT_THAT(history(*store_, ids[0]), SizeIs(2));
    EXPECT_THAT(history(*store_, ids[1]), SizeIs(3)) << "what was changed by hand before as well";
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Revision last = history(*store_, ids[i]).at(0);
        EXPECT_EQ(last.by, ann);
        EXPECT_EQ(last.effective_from, changed[i].effective_from);
        EXPECT_FALSE(last.before.value().stop);
        EXPECT_EQ(last.after, definition_of(changed[i]));
    }
}

TEST_P(StoreTest, ManyThatAreDeletedAtOnceHaveRevisionsToo)
{
    const std::vector<JobId> jobs{store_->add_job(draft("a"), t0).id,
                                  store_->add_job(draft("b"), t0).id};
    EXPECT_EQ(store_->delete_jobs(jobs, Edit(t0 + 1s, {"ann", ""})), 2);
    for (const JobId job : jobs) {
        const Revision last = history(*store_, job).at(0);
        EXPECT_EQ(last.after, std::nullopt);
        EXPECT_EQ(last.by.who, "ann");
        EXPECT_EQ(last.effective_from, t0 + 1s);
    }
}

TEST_P(StoreTest, ManyThatAreDeletedAtOnceHaveWhatWasChangedByHandBefore)
{
    const JobId job = store_->add_job(draft("a"), t0).id;
    database_->execute("UPDATE cron SET command = 'by hand' WHERE id = " + std::to_string(job));
    EXPECT_EQ(store_->delete_jobs(std::vector<JobId>{job, job, 4711}, Edit(t0 + 1h, {"ann", ""})),
              1);
    const std::vector<Revision> found = history(*store_, job);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[1].by, Author());
    EXPECT_EQ(found[1].after->command, "by hand");
    EXPECT_EQ(found[0].before, found[1].after);
    EXPECT_EQ(found[0].by.who, "ann");
}

TEST_P(StoreTest, ThousandsAddedByHandAreNotedEachOnce)
{
    database_->execute("INSERT INTO cron (cron_set, command) VALUES ('@daily', 'by hand')");
    constexpr std::size_t jobs = 2048;
    for (std::size_t count = 1; count < jobs; count *= 2) {
        database_->execute(
            "INSERT INTO cron (cron_set, command) SELECT cron_set, command FROM cron");
    }
    const std::vector<JobId> known = store_->known_jobs();
    ASSERT_EQ(known.size(), jobs);
    EXPECT_EQ(store_->note_changes(known, t0), jobs);
    EXPECT_EQ(store_->note_changes(known, t0), 0U);
    for (const JobId job : {known.front(), known[known.size() / 2], known.back()}) {
        EXPECT_EQ(history(*store_, job).size(), 1U);
    }
}

TEST_P(StoreTest, ChangesInTheDatabaseItselfAreNoted)
{
    const Job changed = store_->add_job(draft("a"), t0);
    const Job deleted = store_->add_job(draft("b"), t0);
    const Job same = store_->add_job(draft("c"), t0);
    database_->execute("UPDATE cron SET command = 'by hand' WHERE id = " +
                       std::to_string(changed.id));
    database_->execute("DELETE FROM cron WHERE id = " + std::to_string(deleted.id));
    database_->execute("INSERT INTO cron (cron_set, command) VALUES ('@daily', 'new by hand')");
    const std::vector<JobId> known = store_->known_jobs();
    const JobId added = same.id + 1;
    EXPECT_THAT(known, UnorderedElementsAre(changed.id, deleted.id, same.id, added));

    EXPECT_EQ(store_->note_changes(known, t0 + 1h), 3U);
    EXPECT_EQ(store_->note_changes(known, t0 + 2h), 0U);

    const Revision change = history(*store_, changed.id).at(0);
    EXPECT_EQ(change.by, Author());
    EXPECT_EQ(change.before, definition_of(changed));
    EXPECT_EQ(change.after->command, "by hand");
    EXPECT_EQ(change.effective_from, store_->find_job(changed.id)->effective_from);
    const Revision deletion = history(*store_, deleted.id).at(0);
    EXPECT_EQ(deletion.before, definition_of(deleted));
    EXPECT_EQ(deletion.after, std::nullopt);
    EXPECT_EQ(deletion.effective_from, t0 + 1h);
    const Revision addition = history(*store_, added).at(0);
    EXPECT_EQ(addition.before, std::nullopt);
    EXPECT_EQ(addition.after->command, "new by hand");
    EXPECT_EQ(history(*store_, same.id).size(), 1U);
    EXPECT_THAT(store_->known_jobs(), UnorderedElementsAre(changed.id, same.id, added));
}

TEST_P(StoreTest, AChangeByHandThatNobodySawIsNotedByTheNextChange)
{
    const Job job = store_->add_job(draft("a"), t0);
    database_->execute("UPDATE cron SET command = 'by hand' WHERE id = " + std::to_string(job.id));
    JobPatch patch;
    patch.set(&Job::remark, "r");
    store_->update_job(job.id, patch, Edit(t0 + 1h, {"ann", ""}));

    const std::vector<Revision> found = history(*store_, job.id);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[1].by, Author());
    EXPECT_EQ(found[1].after->command, "by hand");
    EXPECT_EQ(found[0].before, found[1].after);
    EXPECT_EQ(found[0].by.who, "ann");
}

// Terms.

// The past, for an audit.

std::vector<JobId> jobs_of(const std::vector<JobPast>& pasts)
{
    std::vector<JobId> found;
    for (const JobPast& past : pasts) found.push_back(past.job);
    return found;
}

TEST_P(StoreTest, SaysWhichTimeTheLedgerCovers)
{
    EXPECT_EQ(store_->ledger_extent().first, std::nullopt);
    EXPECT_EQ(store_->ledger_extent().planned_through, std::nullopt);
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 1500ms, {planned(2, t0 + 1s), planned(1, t0)}));
    EXPECT_EQ(store_->ledger_extent().first, t0);
    EXPECT_EQ(store_->ledger_extent().planned_through, t0 + 1500ms);
}

TEST_P(StoreTest, DeletesWhatIsOldAndFinalTheOldestFirst)
{
    const WallTime now = t0 + std::chrono::days(10);
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 4s,
                        {planned(1, t0), planned(1, t0 + 1s), planned(1, t0 + 2s),
                         planned(2, t0 + 2s), planned(1, t0 + 3s), planned(1, t0 + 4s)}));
    // The run at t0 goes on, after all that time.
    std::vector<RunReport> ends{report({2, t0 + 2s, 1}, RunState::failed)};
    for (const auto after : {1s, 2s, 3s, 4s}) {
        ends.push_back(report({1, t0 + after, 1}, RunState::success));
    }
    store_->record(ends);

    const auto keep = std::chrono::days(10) - 4s;  // up to t0 + 4s, and not that one
    const auto left = [this] {
        std::vector<WallTime> times;
        LogFilter all;
        all.after_id = 0;
        for (const LogRow& row : log_rows(*store_, all)) {
            times.push_back(row.run.id.scheduled_at);
        }
        std::ranges::sort(times);
        return times;
    };
    EXPECT_EQ(store_->delete_expired(keep, now, 2), 2U);
    EXPECT_EQ(left().size(), 4U);
    EXPECT_EQ(store_->delete_expired(keep, now, 2), 2U);
    EXPECT_EQ(store_->delete_expired(keep, now, 2), 0U);
    EXPECT_THAT(left(), ElementsAre(t0, t0 + 4s));
    EXPECT_EQ(store_->ledger_extent().first, t0 + 4s)
        << "the open row before that does not make the ledger whole";
    // Whoever has a clock that is behind deletes nothing, and takes nothing back.
    EXPECT_EQ(store_->delete_expired(keep, t0, 2), 0U);
    EXPECT_EQ(store_->ledger_extent().first, t0 + 4s);
}

TEST_P(StoreTest, APastBeginsWithTheVersionThatCountedThen)
{
    Job job = draft("secret");
    job.name = "the name";
    job.remark = "the remark";
    job.time_zone = "Europe/Berlin";
    job.run_limit = 7;
    job.timeout = 9s;
    const JobId id = store_->add_job(job, Edit(t0, {"ann", "10.0.0.7"})).id;
    for (int i = 1; i <= 3; ++i) {
        JobPatch patch;
        patch.set(&Job::cron_set, fmt::format("@every {}s", i));
        store_->update_job(id, patch, t0 + i * 10s);
    }
    store_->delete_job(id, t0 + 40s);
    const auto effective = [&](WallTime from) {
        const std::vector<JobPast> pasts = store_->find_pasts({.from = from});
        std::vector<std::int64_t> seconds;
        EXPECT_EQ(pasts.size(), 1U);
        for (const Revision& revision : pasts.at(0).revisions) {
            seconds.push_back((revision.effective_from - t0) / 1s);
        }
        return seconds;
    };
    EXPECT_THAT(effective(t0 - 1s), ElementsAre(0, 10, 20, 30, 40));
    // A fire at the moment of the change is of the version before it.
    EXPECT_THAT(effective(t0 + 20s), ElementsAre(10, 20, 30, 40));
    EXPECT_THAT(effective(t0 + 20s + 1ms), ElementsAre(20, 30, 40));
    EXPECT_THAT(effective(t0 + 100s), ElementsAre(40));

    const JobPast past = store_->find_pasts({.from = t0}).at(0);
    EXPECT_EQ(past.job, id);
    EXPECT_TRUE(past.whole);
    EXPECT_EQ(past.run_num, std::nullopt);
    Job slim = job;
    slim.id = id;
    slim.name = slim.command = slim.remark = "";
    EXPECT_EQ(past.revisions.at(0).after, slim);
    EXPECT_EQ(past.revisions.at(0).by.who, "ann");
    EXPECT_EQ(past.revisions.at(4).after, std::nullopt);
}

TEST_P(StoreTest, PastsComeInPagesByIdAndOfJobsWithoutAHistoryToo)
{
    const JobId first = store_->add_job(draft("a"), t0).id;
    const JobId second = store_->add_job(draft("b"), t0).id;
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(4711, t0), planned(4712, t0), planned(second, t0)}));
    store_->record(std::vector{report({second, t0, 1}, RunState::success)});
    EXPECT_THAT(jobs_of(store_->find_pasts({})), ElementsAre(first, second, 4711, 4712));
    EXPECT_THAT(jobs_of(store_->find_pasts({.limit = 3})), ElementsAre(first, second, 4711));
    EXPECT_THAT(jobs_of(store_->find_pasts({.after = 4711})), ElementsAre(4712));
    EXPECT_THAT(store_->find_pasts({.after = 4712}), IsEmpty());
    EXPECT_THAT(jobs_of(store_->find_pasts({.only = second})), ElementsAre(second));
    EXPECT_THAT(store_->find_pasts({.only = 9999}), IsEmpty());
    const std::vector<JobPast> pasts = store_->find_pasts({.from = t0});
    EXPECT_EQ(pasts.at(0).run_num, 0);
    EXPECT_EQ(pasts.at(1).run_num, 1);
    EXPECT_EQ(pasts.at(2).run_num, std::nullopt);
    EXPECT_THAT(pasts.at(2).revisions, IsEmpty());
}

TEST_P(StoreTest, APageOfPastsIsShorterWhenJobsWereChangedOften)
{
    std::vector<JobId> jobs;
    for (int i = 0; i < 3; ++i) {
        jobs.push_back(store_->add_job(draft("a"), t0).id);
        for (int k = 1; k < 4; ++k) {
            JobPatch patch;
            patch.set(&Job::stop, k % 2 == 1);
            store_->update_job(jobs.back(), patch, t0 + k * 1s);
        }
    }
    const auto read = [&](JobId after, std::size_t most) {
        return store_->find_pasts({.after = after, .from = t0, .most_revisions = most});
    };
    EXPECT_EQ(jobs_of(read(0, 13)), jobs);
    EXPECT_THAT(jobs_of(read(0, 9)), ElementsAre(jobs[0], jobs[1]));
    EXPECT_THAT(jobs_of(read(0, 6)), ElementsAre(jobs[0]));
    EXPECT_EQ(read(jobs[0], 6).at(0).revisions.size(), 4U);
    EXPECT_TRUE(read(jobs[0], 6).at(0).whole);
    const std::vector<JobPast> cut = read(jobs[1], 3);
    EXPECT_THAT(jobs_of(cut), ElementsAre(jobs[2]));
    EXPECT_FALSE(cut.at(0).whole);
}

TEST_P(StoreTest, EntriesComeByJobTimeAndAttempt)
{
    store_->begin_term(1, node_1);
    std::vector<PlannedRun> runs{planned(3, t0 + 1s), planned(1, t0),      planned(2, t0 + 2s),
                                 planned(1, t0 + 1s), planned(1, t0 + 9s), planned(2, t0 + 1s)};
    runs[0].requested_by = "ann";
    PlannedRun again = planned(1, t0);
    again.id.attempt = 2;
    runs.push_back(again);
    PlannedRun gap = planned(2, t0 + 5s);
    gap.state = RunState::skipped;
    gap.reason = parse_reason("misfire: 7 fires were missed");
    gap.fires = 3;
    gap.gap_end = t0 + 8s;
    runs.push_back(gap);
    store_->commit(step(1, t0 + 10s, runs));
    RunReport ended = report({1, t0, 2}, RunState::failed);
    ended.started_at = t0 + 7ms;
    store_->record(std::vector{ended});

    const auto read = [&](const EntryQuery& query) {
        std::vector<std::string> found;
        for (const LedgerEntry& entry : store_->find_entries(query)) {
            found.push_back(fmt::format("{}@{}#{}", entry.id.job, (entry.id.scheduled_at - t0) / 1s,
                                        entry.id.attempt));
        }
        return found;
    };
    EntryQuery query{.jobs = {1, 2, 3}, .from = t0, .to = t0 + 9s, .after = {}, .limit = 100};
    EXPECT_THAT(read(query),
                ElementsAre("1@0#1", "1@0#2", "1@1#1", "2@1#1", "2@2#1", "2@5#1", "3@1#1"));
    query.limit = 2;
    std::vector<std::string> all;
    for (;;) {
        const std::vector<LedgerEntry> page = store_->find_entries(query);
        if (page.empty()) break;
        std::ranges::copy(read(query), std::back_inserter(all));
        query.after = page.back().id;
    }
    EXPECT_THAT(all, ElementsAre("1@0#1", "1@0#2", "1@1#1", "2@1#1", "2@2#1", "2@5#1", "3@1#1"));
    EXPECT_THAT(read({.jobs = {1, 3}, .from = t0 + 1ms, .to = t0 + 10s, .after = {}, .limit = 9}),
                ElementsAre("1@1#1", "1@9#1", "3@1#1"));
    EXPECT_THAT(read({.jobs = {}, .from = t0, .to = t0 + 9s, .after = {}, .limit = 9}), IsEmpty());

    const std::vector<LedgerEntry> some = store_->find_entries(
        {.jobs = {1, 2, 3}, .from = t0, .to = t0 + 9s, .after = {}, .limit = 100});
    EXPECT_EQ(some.at(0).state, RunState::planned);
    EXPECT_EQ(some.at(0).dispatched_at, t0 - 2s);
    EXPECT_FALSE(some.at(0).requested);
    EXPECT_EQ(some.at(0).gap_end, std::nullopt);
    EXPECT_EQ(some.at(1).started_at, t0 + 7ms);
    EXPECT_EQ(to_string(some.at(5).reason), "misfire: 7 fires were missed");
    EXPECT_EQ(some.at(5).fires, 3);
    EXPECT_EQ(some.at(5).gap_end, t0 + 8s);
    EXPECT_TRUE(some.at(6).requested);
}

TEST_P(StoreTest, FindsTheNewestPlannedRowBeforeAMoment)
{
    store_->begin_term(1, node_1);
    std::vector<PlannedRun> runs{planned(1, t0), planned(1, t0 + 1s), planned(1, t0 + 2s),
                                 planned(2, t0 + 3s)};
    runs[2].requested_by = "ann";
    store_->commit(step(1, t0 + 10s, runs));
    EXPECT_EQ(store_->newest_entry_before(1, t0), std::nullopt);
    EXPECT_EQ(store_->newest_entry_before(1, t0 + 1s).value().id.scheduled_at, t0);
    EXPECT_EQ(store_->newest_entry_before(1, t0 + 9s).value().id.scheduled_at, t0 + 1s);
    PlanStep revoke = step(1, t0 + 10s, {});
    revoke.ended = {report({1, t0 + 1s, 1}, RunState::revoked)};
    store_->commit(revoke);
    EXPECT_EQ(store_->newest_entry_before(1, t0 + 9s).value().id.scheduled_at, t0);
}

TEST_P(StoreTest, KnowsThatNothingWasEverPlanned)
{
    const TermStart start = store_->begin_term(1, node_1);
    EXPECT_EQ(start.planned_through, std::nullopt);
    EXPECT_THAT(start.open_runs, IsEmpty());
    EXPECT_THAT(start.ended_lately, IsEmpty());
}

TEST_P(StoreTest, HandsTheNextDispatcherWhatIsOpenAndHowFarThePlanIs)
{
    store_->begin_term(7, node_1);
    PlannedRun gap = planned(3, t0 + 1500ms);
    gap.state = RunState::skipped;
    gap.reason = parse_reason("misfire: nobody dispatched");
    gap.run_server.clear();
    gap.fires = 60;
    gap.gap_end = t0 + 1min;
    PlannedRun again = planned(2, t0 + 1s, node_2);
    again.id.attempt = 2;
    store_->commit(step(7, t0 + 2s, {planned(1, t0 + 1s), planned(2, t0 + 1s), again, gap}));
    const RunReport done = report({2, t0 + 1s, 1}, RunState::success);
    const RunReport running = report({1, t0 + 1s, 1}, RunState::running);
    store_->record(std::vector{done, running});

    const TermStart start = store_->begin_term(8, node_2);

    EXPECT_EQ(start.planned_through, t0 + 2s);
    ASSERT_EQ(start.open_runs.size(), 2U);
    EXPECT_EQ(start.open_runs[0].planned.id, (RunId{1, t0 + 1s, 1}));
    EXPECT_EQ(start.open_runs[0].planned.state, RunState::running);
    EXPECT_EQ(start.open_runs[0].planned.run_server, node_1);
    EXPECT_EQ(start.open_runs[1].planned.id, (RunId{2, t0 + 1s, 2}));
    EXPECT_EQ(start.open_runs[1].planned.state, RunState::planned);
    EXPECT_EQ(start.open_runs[1].planned.run_server, node_2);
    EXPECT_EQ(start.open_runs[1].planned.dispatched_at, t0 - 1s);
    EXPECT_EQ(start.open_runs[1].epoch, 7U);
    EXPECT_THAT(start.ended_lately, UnorderedElementsAre(RunId{2, t0 + 1s, 1}, gap.id));
}

TEST_P(StoreTest, NamesTheRunsThatEndedLately)
{
    store_->begin_term(1, node_1);
    const WallTime through = t0 + 1min;
    const std::vector<PlannedRun> runs{planned(1, through - 10s), planned(1, through - 9999ms),
                                       planned(1, through),       planned(1, through + 1s),
                                       planned(1, through + 2s),  planned(1, through + 3s)};
    store_->commit(step(1, through, runs));
    std::vector<RunReport> reports;
    for (std::size_t i = 0; i < 4; ++i) reports.push_back(report(runs[i].id, RunState::failed));
    reports.push_back(report(runs[4].id, RunState::revoked));
    store_->record(reports);

    EXPECT_THAT(store_->begin_term(1, node_1).ended_lately,
                UnorderedElementsAre(runs[1].id, runs[2].id, runs[3].id));
}

TEST_P(StoreTest, KnowsWhichStepItHasLastAndTakesThoseOfAnEarlierTerm)
{
    EXPECT_EQ(store_->begin_term(7, node_1).last_step, StepId());
    PlanStep first = step(7, t0, {planned(1, t0)});
    first.number = 12;
    store_->commit(first);
    EXPECT_EQ(store_->begin_term(8, node_2).last_step, (StepId{7, 12}));

    PlanStep left = step(7, t0 + 1s, {planned(1, t0 + 1s)});
    left.number = 13;
    EXPECT_THROW(store_->commit(left), Deposed);
    store_->commit_as(8, left);
    const TermStart start = store_->begin_term(8, node_2);
    EXPECT_EQ(start.last_step, (StepId{7, 13}));
    EXPECT_EQ(start.planned_through, t0 + 1s);
    ASSERT_EQ(start.open_runs.size(), 2U);
    EXPECT_EQ(start.open_runs[1].epoch, 7U);
    EXPECT_THROW(store_->commit_as(7, left), Deposed);
}

TEST_P(StoreTest, SaysOfAnOpenRunWhetherItHasANextAttempt)
{
    store_->begin_term(1, node_1);
    PlannedRun second = planned(1, t0);
    second.id.attempt = 2;
    store_->commit(step(1, t0, {planned(1, t0), second, planned(2, t0)}));
    const TermStart start = store_->begin_term(1, node_1);
    ASSERT_EQ(start.open_runs.size(), 3U);
    std::map<RunId, bool> superseded;
    for (const OpenRun& run : start.open_runs) superseded[run.planned.id] = run.superseded;
    EXPECT_EQ(superseded, (std::map<RunId, bool>{
                              {{1, t0, 1}, true}, {{1, t0, 2}, false}, {{2, t0, 1}, false}}));
}

TEST_P(StoreTest, ATermBeginsWithTheChangesAfterThePlansEnd)
{
    const Job before = store_->add_job(draft("one"), t0 - 1h);
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {}));
    JobPatch patch;
    patch.set(&Job::command, "two");
    store_->update_job(before.id, patch, t0);
    patch.set(&Job::command, "three");
    store_->update_job(before.id, patch, t0 + 1ms);
    const TermStart start = store_->begin_term(1, node_1);
    ASSERT_EQ(start.changes.size(), 1U);
    EXPECT_EQ(start.changes[0].before.value().command, "two");
    EXPECT_EQ(start.changes[0].effective_from, t0 + 1ms);
}

TEST_P(StoreTest, ATermBeginsWithTheChangesSinceTheOldestRunThatHasNotStartedWasDue)
{
    const Job before = store_->add_job(draft("one"), t0 - 1h);
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(before.id, t0 - 2s), planned(2, t0 - 1min)}));
    store_->record(std::vector<RunReport>{report({2, t0 - 1min, 1}, RunState::running)});
    JobPatch patch;
    patch.set(&Job::command, "two");
    store_->update_job(before.id, patch, t0 - 2001ms);
    patch.set(&Job::command, "three");
    store_->update_job(before.id, patch, t0 - 2s);
    const TermStart start = store_->begin_term(1, node_1);
    ASSERT_EQ(start.changes.size(), 1U);
    EXPECT_EQ(start.changes[0].before.value().command, "two");
}

TEST_P(StoreTest, FindsWhatHasToRunAgain)
{
    Job wanted = draft("true");
    wanted.delivery = Delivery::at_least_once;
    const JobId job = store_->add_job(wanted, t0 - 1h).id;
    wanted.stop = true;
    const JobId stopped = store_->add_job(wanted, t0 - 1h).id;
    const JobId once = store_->add_job(draft("true"), t0 - 1h).id;
    RunReport by_node = report({job, t0 + 2s, 1}, RunState::killed);
    by_node.reason = {Cause::node_stopped, "still running"};
    RunReport by_person = report({job, t0 + 3s, 1}, RunState::killed);
    by_person.reason = parse_reason("on-request: by alice");
    const std::vector<RunReport> ends{report({job, t0 - 1s, 1}, RunState::lost),
                                      report({job, t0, 1}, RunState::lost),
                                      report({job, t0 + 1s, 1}, RunState::fenced),
                                      by_node,
                                      by_person,
                                      report({job, t0 + 4s, 1}, RunState::failed),
                                      report({job, t0 + 5s, 1}, RunState::lost),
                                      report({job, t0 + 5s, 2}, RunState::lost),
                                      report({stopped, t0, 1}, RunState::lost),
                                      report({once, t0, 1}, RunState::lost)};
    store_->record(ends);
    EXPECT_THAT(store_->runs_to_repeat(t0),
                UnorderedElementsAre(RunId{job, t0, 1}, RunId{job, t0 + 1s, 1},
                                     RunId{job, t0 + 2s, 1}, RunId{job, t0 + 5s, 2}));
}

TEST_P(StoreTest, TellsWhatWaitsToBeTriedAgainApartFromWhatIsOpen)
{
    store_->begin_term(1, node_1);
    RunReport failed = report({1, t0, 1}, RunState::failed);
    failed.ended_at = t0 + 1500ms;
    PlannedRun waits = planned(1, t0, "");
    waits.id.attempt = 2;
    waits.retry_at = t0 + 11500ms;
    waits.requested_by = "ann";
    PlannedRun orphan = planned(2, t0, "");  // the row of its failure is too old to be there
    orphan.id.attempt = 3;
    orphan.retry_at = t0 + 20s;
    PlannedRun unplaced = planned(3, t0, "");
    store_->commit(step(1, t0 + 5s, {planned(1, t0), waits, orphan, unplaced}));
    store_->record(std::vector<RunReport>{failed});

    const TermStart found = store_->begin_term(1, node_1);
    ASSERT_EQ(found.open_runs.size(), 1U);
    EXPECT_EQ(found.open_runs[0].planned.id, unplaced.id);
    EXPECT_EQ(found.open_runs[0].planned.retry_at, std::nullopt);
    const WallTime dispatched = std::chrono::floor<std::chrono::seconds>(orphan.dispatched_at);
    EXPECT_THAT(found.waiting,
                UnorderedElementsAre(WaitingRun{waits.id, t0 + 11500ms, t0 + 1500ms, "ann"},
                                     WaitingRun{orphan.id, t0 + 20s, dispatched, ""}));
    EXPECT_EQ(row(*store_, waits.id).retry_at, t0 + 11500ms);
}

TEST_P(StoreTest, ARetryThatIsHandedOutIsOpen)
{
    store_->begin_term(1, node_1);
    PlannedRun waits = planned(1, t0, "");
    waits.id.attempt = 2;
    waits.retry_at = t0 + 11500ms;
    store_->commit(step(1, t0 + 5s, {planned(1, t0), waits}));
    PlanStep later = step(1, t0 + 10s, {});
    PlannedRun postponed = planned(1, t0, "");
    postponed.id.attempt = 2;
    postponed.retry_at = t0 + 12s;
    later.moved = {postponed};
    store_->commit(later);
    ASSERT_EQ(store_->begin_term(1, node_1).waiting.size(), 1U);
    EXPECT_EQ(store_->begin_term(1, node_1).waiting[0].retry_at, t0 + 12s);

    PlannedRun handed_out = planned(1, t0, node_2);
    handed_out.id.attempt = 2;
    later.moved = {handed_out};
    store_->commit(later);
    const TermStart found = store_->begin_term(1, node_1);
    EXPECT_THAT(found.waiting, IsEmpty());
    ASSERT_EQ(found.open_runs.size(), 2U);
    EXPECT_EQ(found.open_runs[1].planned.run_server, node_2);
    EXPECT_EQ(found.open_runs[1].planned.retry_at, t0 + 12s);
    EXPECT_TRUE(found.open_runs[1].failed_at);
    EXPECT_EQ(row(*store_, waits.id).retry_at, t0 + 12s);
}

TEST_P(StoreTest, FindsWhatFailedAndWasNotTriedAgain)
{
    Job wanted = draft("true");
    wanted.retries = 2;
    const JobId job = store_->add_job(wanted, t0 - 1h).id;
    wanted.stop = true;
    const JobId stopped = store_->add_job(wanted, t0 - 1h).id;
    const JobId never = store_->add_job(draft("true"), t0 - 1h).id;
    const auto end = [](const RunId& id, RunState state) {
        RunReport ended = report(id, state);
        ended.ended_at = id.scheduled_at + 700ms;
        ended.exit_code = 75;
        return ended;
    };
    const std::vector<RunReport> ends{
        end({job, t0 - 1s, 1}, RunState::failed),  end({job, t0, 1}, RunState::failed),
        end({job, t0 + 1s, 1}, RunState::timeout), end({job, t0 + 2s, 1}, RunState::success),
        end({job, t0 + 3s, 1}, RunState::lost),    end({job, t0 + 4s, 1}, RunState::failed),
        end({job, t0 + 4s, 2}, RunState::failed),  end({job, t0 + 5s, 3}, RunState::failed),
        end({stopped, t0, 1}, RunState::failed),   end({never, t0, 1}, RunState::failed)};
    store_->record(ends);
    const auto failed = [](const RunId& id, RunState state) {
        return FailedRun{id, state, 75, id.scheduled_at + 700ms, ""};
    };
    EXPECT_THAT(store_->runs_to_retry(t0),
                UnorderedElementsAre(failed({job, t0, 1}, RunState::failed),
                                     failed({job, t0 + 1s, 1}, RunState::timeout),
                                     failed({job, t0 + 4s, 2}, RunState::failed)));
    EXPECT_EQ(store_->find_newest_attempt({job, t0 + 4s, 1})->run.id, (RunId{job, t0 + 4s, 2}));
    EXPECT_EQ(store_->find_newest_attempt({job, t0 + 9s, 1}), std::nullopt);

    std::vector<RunReport> later;
    for (int i = 0; i < 20; ++i)
        later.push_back(end({job, t0 + 1h + i * 1s, 1}, RunState::success));
    store_->record(later);
    EXPECT_THAT(store_->runs_to_retry(t0), IsEmpty()) << "many fires came since";
}

TEST_P(StoreTest, EachPartOfAFireHasARowOfItsOwn)
{
    Job wanted = draft("true");
    wanted.retries = 2;
    wanted.delivery = Delivery::at_least_once;
    const JobId job = store_->add_job(wanted, t0 - 1h).id;
    const auto part = [job](std::int32_t number, std::int32_t attempt = 1) {
        return RunId{job, t0, attempt, number, 3};
    };
    const auto plan = [&](const RunId& id, NodeName node = node_1) {
        PlannedRun run = planned(job, t0, std::move(node));
        run.id = id;
        return run;
    };
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 1s, {plan(part(0)), plan(part(1)), plan(part(2))}));

    RunReport failed = report(part(1), RunState::failed, "of part 1");
    failed.ended_at = t0 + 2s;
    RunReport lost = report(part(2), RunState::lost);
    lost.ended_at = t0 + 2s;
    store_->record(std::vector<RunReport>{failed, lost});
    EXPECT_EQ(row(*store_, part(0)).run.state, RunState::planned);
    EXPECT_EQ(row(*store_, part(1)).run.output, "of part 1");
    EXPECT_EQ(store_->find_log_row(part(2))->run.state, RunState::lost);
    EXPECT_EQ(store_->find_log_row(part(2))->run.id.parts, 3);
    EXPECT_EQ(store_->find_log_row(part(3)), std::nullopt);

    ASSERT_THAT(store_->runs_to_retry(t0), SizeIs(1));
    EXPECT_EQ(store_->runs_to_retry(t0)[0].id, part(1));
    EXPECT_EQ(store_->runs_to_retry(t0)[0].id.parts, 3);
    EXPECT_THAT(store_->runs_to_repeat(t0), ElementsAre(part(2)));

    // The next attempt of one part is not that of another.
    PlannedRun retry = plan(part(1, 2), "");
    retry.retry_at = t0 + 10s;
    PlanStep later = step(1, t0 + 3s, {retry});
    later.moved = {plan(part(0), node_2)};
    store_->commit(later);
    const TermStart found = store_->begin_term(1, node_1);
    ASSERT_THAT(found.open_runs, SizeIs(1));
    EXPECT_EQ(found.open_runs[0].planned.id, part(0));
    EXPECT_EQ(found.open_runs[0].planned.id.parts, 3);
    EXPECT_EQ(found.open_runs[0].planned.run_server, node_2);
    EXPECT_FALSE(found.open_runs[0].superseded);
    ASSERT_THAT(found.waiting, SizeIs(1));
    EXPECT_EQ(found.waiting[0].id, part(1, 2));
    EXPECT_EQ(found.waiting[0].failed_at, t0 + 2s);
    EXPECT_THAT(found.ended_lately, UnorderedElementsAre(part(1), part(2)));
    EXPECT_THAT(store_->runs_to_retry(t0), IsEmpty());
    EXPECT_THAT(store_->runs_to_repeat(t0), ElementsAre(part(2)));
    EXPECT_EQ(store_->find_newest_attempt(part(0))->run.id, part(0));
    EXPECT_EQ(store_->find_newest_attempt(part(1))->run.id, part(1, 2));

    // A page may end between two parts.
    EntryQuery query;
    query.jobs = {job};
    query.from = t0;
    query.to = t0 + 1s;
    query.limit = 1;
    std::vector<RunId> read;
    for (auto page = store_->find_entries(query); !page.empty();
         page = store_->find_entries(query)) {
        read.push_back(page[0].id);
        EXPECT_EQ(page[0].id.parts, 3);
        query.after = page[0].id;
    }
    EXPECT_THAT(read, ElementsAre(part(0), part(1), part(2), part(1, 2)));
}

TEST_P(StoreTest, ARowSaysToWhichNodeItsPartBelongs)
{
    Job wanted = draft("true");
    wanted.retries = 2;
    wanted.delivery = Delivery::at_least_once;
    const JobId job = store_->add_job(wanted, t0 - 1h).id;
    const auto plan = [&](std::int32_t number, const NodeName& own, NodeName at,
                          std::int32_t attempt = 1) {
        PlannedRun run = planned(job, t0, std::move(at));
        run.id = {job, t0, attempt, number, 4, own};
        return run;
    };
    const PlannedRun open = plan(0, node_1, node_1);
    const PlannedRun fails = plan(1, node_2, node_2);
    const PlannedRun lost = plan(2, node_2, node_2);
    const PlannedRun early = plan(3, node_1, node_1);
    store_->begin_term(1, node_1);
    // Its node may tell how it ended before the step is stored.
    RunReport told = report({job, t0, 1, 3, 4}, RunState::success);
    told.ended_at = t0 + 1s;
    store_->record(std::vector<RunReport>{told});
    store_->commit(step(1, t0 + 1s, {open, fails, lost, early}));
    EXPECT_EQ(store_->find_log_row(early.id)->run.id.node, node_1);

    RunReport failure = report(fails.id, RunState::failed);
    failure.ended_at = t0 + 2s;
    RunReport loss = report(lost.id, RunState::lost);
    loss.ended_at = t0 + 2s;
    store_->record(std::vector<RunReport>{failure, loss});
    ASSERT_THAT(store_->runs_to_retry(t0), SizeIs(1));
    EXPECT_EQ(store_->runs_to_retry(t0)[0].id.node, node_2);
    ASSERT_THAT(store_->runs_to_repeat(t0), SizeIs(1));
    EXPECT_EQ(store_->runs_to_repeat(t0)[0].node, node_2);

    // A part that waits for its node, and a retry.
    PlannedRun retry = plan(1, node_2, "", 2);
    retry.retry_at = t0 + 10s;
    PlanStep later = step(1, t0 + 3s, {retry});
    later.moved = {plan(0, node_1, "")};
    store_->commit(later);
    TermStart found = store_->begin_term(1, node_1);
    ASSERT_THAT(found.open_runs, SizeIs(1));
    EXPECT_EQ(found.open_runs[0].planned.id.node, node_1);
    EXPECT_EQ(found.open_runs[0].planned.run_server, "");
    ASSERT_THAT(found.waiting, SizeIs(1));
    EXPECT_EQ(found.waiting[0].id.node, node_2);
    EXPECT_EQ(store_->find_newest_attempt(fails.id)->run.id.node, node_2);

    // Its fire is cut again, …
    later = step(1, t0 + 4s, {});
    later.moved = {plan(0, node_2, node_2)};
    store_->commit(later);
    EXPECT_EQ(store_->begin_term(1, node_1).open_runs[0].planned.id.node, node_2);
    // … or was taken back before.
    RunReport revoked = report(open.id, RunState::revoked);
    revoked.ended_at = t0 + 5s;
    later = step(1, t0 + 5s, {});
    later.ended = {revoked};
    store_->commit(later);
    store_->commit(step(1, t0 + 6s, {open}));
    EXPECT_EQ(store_->find_log_row(open.id)->run.id.node, node_1);
}

TEST_P(StoreTest, FindsTheNewestStartsOfDaemons)
{
    const auto end = [](const RunId& id, RunState state, Cause cause = Cause::none) {
        RunReport ended = report(id, state);
        ended.reason.cause = cause;
        ended.started_at = id.scheduled_at + 100ms;
        ended.ended_at = id.scheduled_at + 700ms;
        return ended;
    };
    store_->record(std::vector<RunReport>{
        end({1, t0, 1}, RunState::failed), end({1, t0 + 1s, 1}, RunState::killed, Cause::window),
        end({1, t0 + 2s, 1}, RunState::revoked), end({2, t0 + 3s, 1}, RunState::success),
        end({3, t0 + 3s, 1}, RunState::success)});
    store_->begin_term(1, node_1);
    PlannedRun by_hand = planned(1, t0 + 5s);
    by_hand.requested_by = "ops";
    store_->commit(step(1, t0 + 6s, {by_hand}));
    const std::vector<JobId> jobs{1, 2};
    const std::vector<DaemonStart> starts = store_->daemon_starts(jobs);
    const std::string node = report({1, t0, 1}, RunState::failed).run_server;
    EXPECT_THAT(
        starts,
        ElementsAre(
            DaemonStart{
                {1, t0, 1}, RunState::failed, Cause::none, false, t0 + 100ms, t0 + 700ms, node},
            DaemonStart{{1, t0 + 1s, 1},
                        RunState::killed,
                        Cause::window,
                        false,
                        t0 + 1100ms,
                        t0 + 1700ms,
                        node},
            DaemonStart{
                {1, t0 + 5s, 1}, RunState::planned, Cause::none, true, {}, {}, by_hand.run_server},
            DaemonStart{{2, t0 + 3s, 1},
                        RunState::success,
                        Cause::none,
                        false,
                        t0 + 3100ms,
                        t0 + 3700ms,
                        node}));

    std::vector<RunReport> many;
    for (int i = 0; i < 150; ++i) many.push_back(end({3, t0 + 1h + i * 1s, 1}, RunState::failed));
    store_->record(many);
    const std::vector<JobId> third{3};
    const std::vector<DaemonStart> newest = store_->daemon_starts(third);
    ASSERT_EQ(newest.size(), most_daemon_starts);
    EXPECT_EQ(newest.back().id, (RunId{3, t0 + 1h + 149s, 1}));
    EXPECT_EQ(newest.front().id, (RunId{3, t0 + 1h + 49s, 1}));
    EXPECT_THAT(store_->daemon_starts({}), IsEmpty());
}

TEST_P(StoreTest, SaysWhichFiresOfParentsHaveNoRowOfTheirChild)
{
    store_->begin_term(1, node_1);
    PlannedRun by_hand = planned(1, t0 + 30s);
    by_hand.requested_by = "ops (without its chain)";
    PlannedRun gap = planned(1, t0 + 40s);
    gap.state = RunState::skipped;
    gap.reason.cause = Cause::misfire;
    gap.run_server.clear();
    gap.fires = 5;
    gap.gap_end = t0 + 44s;
    PlannedRun again = planned(1, t0 + 10s);
    again.id.attempt = 2;
    store_->commit(step(1, t0 + 60s,
                        {planned(1, t0), planned(2, t0), planned(1, t0 + 10s), again,
                         planned(1, t0 + 20s), by_hand, gap, planned(3, t0 + 10s)}));
    RunReport failed = report({1, t0 + 10s, 1}, RunState::failed);
    failed.exit_code = 3;
    failed.ended_at = t0 + 12s;
    store_->record(std::vector<RunReport>{failed, report({1, t0 + 20s, 1}, RunState::revoked)});
    const ChainEdge edge{1, 2};
    const ChainEdge other{1, 3};
    const std::vector<ChainEdge> edges{edge, other};
    const std::vector<ChainRow> rows = store_->chain_rows(edges, t0 + 1s);
    ASSERT_EQ(rows.size(), 6U);
    EXPECT_EQ(
        rows[0],
        (ChainRow{edge, {1, t0 + 10s, 1}, RunState::failed, Cause::none, 3, t0 + 12s, "", 1, {}}));
    EXPECT_EQ(rows[1].id, again.id);
    EXPECT_EQ(rows[1].state, RunState::planned);
    EXPECT_EQ(rows[2].requested_by, by_hand.requested_by);
    EXPECT_EQ(rows[3].cause, Cause::misfire);
    EXPECT_EQ(rows[3].fires, 5);
    EXPECT_EQ(rows[3].gap_end, t0 + 44s);
    EXPECT_EQ(rows[4].edge, other);
    EXPECT_EQ(rows[4].id, by_hand.id) << "of ten seconds after, job 3 has a row";
    EXPECT_THAT(store_->chain_rows(std::vector<ChainEdge>{edge}, t0), SizeIs(4))
        << "of the first one the child has a row";
    EXPECT_THAT(store_->chain_rows({}, t0), IsEmpty());
}

TEST_P(StoreTest, ARowSaysWhatItWaitsForUntilItGoesOn)
{
    store_->begin_term(1, node_1);
    PlannedRun waits = planned(1, t0);
    waits.run_server.clear();
    waits.reason = {Cause::required, "waits for extract"};
    store_->commit(step(1, t0, {waits}));
    const auto open = [this] { return store_->begin_term(1, node_1).open_runs.at(0).planned; };
    EXPECT_EQ(open().reason, waits.reason);
    EXPECT_EQ(store_->job_rows_before(1, t0 + 1ms, 10).at(0).run.reason, waits.reason);

    PlanStep later = step(1, t0 + 1s, {});
    PlannedRun otherwise = waits;
    otherwise.reason.detail = "waits for load";
    later.moved = {otherwise};
    store_->commit(later);
    EXPECT_EQ(open().reason, otherwise.reason);
    PlanStep let_go = step(1, t0 + 2s, {});
    PlannedRun at_node = planned(1, t0);
    at_node.retry_at = t0 + 1500ms;
    let_go.moved = {at_node};
    store_->commit(let_go);
    EXPECT_TRUE(open().reason.empty());
    EXPECT_EQ(open().run_server, at_node.run_server);
    EXPECT_EQ(open().retry_at, at_node.retry_at);
}

TEST_P(StoreTest, RefusesATermThatIsOlderThanTheOneItHas)
{
    store_->begin_term(9, node_1);
    try {
        store_->begin_term(8, node_2);
        FAIL() << "an older term began";
    } catch (const Deposed& deposed) {
        EXPECT_EQ(deposed.newest(), 9U);
        EXPECT_THAT(deposed.what(), ::testing::HasSubstr(node_1));
    }
    EXPECT_THROW(store_->begin_term(9, node_2), Deposed) << "an epoch is one dispatcher's";
    EXPECT_NO_THROW(store_->begin_term(9, node_1)) << "may be called again";
    EXPECT_NO_THROW(store_->begin_term(9'223'372'036'854'775'807U, node_2));
}

TEST_P(StoreTest, CommitsNothingOfADeposedDispatcher)
{
    const auto other = database_->open();
    store_->begin_term(1, node_1);
    other->begin_term(2, node_2);

    try {
        store_->commit(step(1, t0 + 5s, {planned(1, t0)}));
        FAIL() << "a deposed dispatcher committed";
    } catch (const Deposed& deposed) {
        EXPECT_EQ(deposed.newest(), 2U);
    }
    const TermStart start = other->begin_term(2, node_2);
    EXPECT_EQ(start.planned_through, std::nullopt);
    EXPECT_THAT(start.open_runs, IsEmpty());
    EXPECT_NO_THROW(other->commit(step(2, t0, {planned(1, t0)}))) << "it left no lock behind";
}

TEST_P(StoreTest, LetsExactlyOneOfRacingDispatchersOwnEachFire)
{
    // Both believe that they dispatch, with epochs that leapfrog. Whatever the interleaving, each
    // fire has one row, and its epoch is that of the dispatcher whose commit succeeded.
    constexpr int rounds = 40;
    std::array<std::vector<RunId>, 2> committed;
    std::array<std::exception_ptr, 2> failures;
    const auto dispatch = [&](std::size_t self) {
        try {
            const auto store = database_->open();
            for (int round = 0; round < rounds; ++round) {
                const Epoch epoch = 10 + static_cast<Epoch>(round) * 2 + self;
                try {
                    store->begin_term(epoch, self == 0 ? node_1 : node_2);
                    const RunId id{static_cast<JobId>(epoch), t0, 1};
                    store->commit(step(epoch, t0 + std::chrono::seconds(round),
                                       {planned(id.job, t0), planned(1, t0 + round * 1s)}));
                    committed[self].push_back(id);
                } catch (const Deposed&) {
                    continue;
                }
            }
        } catch (...) {
            failures[self] = std::current_exception();
        }
    };
    std::thread first(dispatch, 0);
    std::thread second(dispatch, 1);
    first.join();
    second.join();
    for (const auto& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }

    std::set<RunId> in_store;
    const TermStart start = store_->begin_term(1000, node_1);
    for (const OpenRun& open : start.open_runs) {
        EXPECT_TRUE(in_store.insert(open.planned.id).second) << "doubled";
        if (open.planned.id.job > 1) {
            EXPECT_EQ(open.epoch, static_cast<Epoch>(open.planned.id.job));
        }
    }
    std::set<RunId> claimed;
    for (const auto& runs : committed) claimed.insert(runs.begin(), runs.end());
    std::erase_if(in_store, [](const RunId& id) { return id.job == 1; });
    EXPECT_EQ(in_store, claimed);
}

// Steps.

TEST_P(StoreTest, NeverMovesThePlanBackwards)
{
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 10s, {}));
    store_->commit(step(1, t0 + 5s, {}));
    EXPECT_EQ(store_->begin_term(1, node_1).planned_through, t0 + 10s);
    store_->commit(step(1, t0 + 10001ms, {}));
    EXPECT_EQ(store_->begin_term(1, node_1).planned_through, t0 + 10001ms);
}

/// What asks a store to set the plan back, by a clock that stands at `own`.
StepBack step_back_order(WallTime own, std::size_t limit = 100)
{
    StepBack order;
    order.own_clock = [own] { return own; };
    order.margin = 4s;
    order.sets_plan = true;
    order.limit = limit;
    return order;
}

/// The second that has begun, by the database's clock as by this one: both are of this machine.
WallTime true_second()
{
    return std::chrono::floor<std::chrono::seconds>(SystemClock().now());
}

TEST_P(StoreTest, SetsThePlanBackAndKeepsRunsThatWereDueByAClockThatWasAhead)
{
    const WallTime now = true_second();
    const JobId job = store_->add_job(draft("true"), now - 1min).id;
    store_->begin_term(3, node_1);
    const WallTime ahead = now + 24h;
    PlannedRun gap = planned(job, now - 100s);
    gap.state = RunState::skipped;
    gap.fires = 1'000;
    gap.gap_end = ahead - 1s;
    std::vector<PlannedRun> runs{gap, planned(job, now - 5s)};
    for (int i = 0; i < 5; ++i) runs.push_back(planned(job, ahead + i * 1s));
    const PlanStep before = step(3, ahead + 4s, runs);
    store_->commit(before);
    RunReport success = report({job, ahead, 1}, RunState::success, "said");
    success.started_at = ahead + 1ms;
    success.ended_at = ahead + 2ms;
    const std::vector<RunReport> ends{report({job, now - 5s, 1}, RunState::success), success,
                                      report({job, ahead + 1s, 1}, RunState::failed),
                                      report({job, ahead + 2s, 1}, RunState::running)};
    store_->record(ends);
    PlanStep revoking = step(3, ahead + 4s, {});
    revoking.ended.push_back(report({job, ahead + 4s, 1}, RunState::revoked));
    store_->commit(revoking);

    StepBack order = step_back_order(now, 1);
    EXPECT_THROW(store_->step_back(2, order), Deposed);
    const SteppedBack first = store_->step_back(3, order);
    EXPECT_THAT(first.moved, ElementsAre(RunId{job, ahead, 1}));
    ASSERT_TRUE(first.step);
    const WallTime at = first.step->at;
    EXPECT_GE(at, now);
    EXPECT_LT(at, now + 1min);
    EXPECT_EQ(first.step->from, ahead + 4s);
    order.begun = first.step;
    EXPECT_THAT(store_->step_back(3, order).moved, ElementsAre(RunId{job, ahead + 1s, 1}));
    const SteppedBack nothing = store_->step_back(3, order);
    EXPECT_THAT(nothing.moved, IsEmpty());
    EXPECT_FALSE(nothing.step);

    const TermStart found = store_->begin_term(4, node_1);
    EXPECT_EQ(found.planned_through, at);
    EXPECT_THAT(found.open_runs, SizeIs(2)) << "what runs, and what was not started";
    EXPECT_EQ(row(*store_, {job, now - 5s, 1}).requested_by, "");
    EXPECT_EQ(row(*store_, {job, ahead + 4s, 1}).run.state, RunState::revoked);
    const LogRow shorter = row(*store_, gap.id);
    EXPECT_EQ(shorter.gap_end, at);
    EXPECT_EQ(shorter.fires, 2);
    std::vector<LogRow> moved;
    LogFilter of_job;
    of_job.cron_id = job;
    for (const LogRow& each : log_rows(*store_, of_job)) {
        if (each.requested_by == clock_was_ahead) moved.push_back(each);
    }
    ASSERT_THAT(moved, SizeIs(2));
    std::ranges::sort(moved, {}, [](const LogRow& each) { return each.run.id.scheduled_at; });
    EXPECT_EQ(moved[0].run.state, RunState::success);
    EXPECT_EQ(moved[0].run.output, "said");
    EXPECT_EQ(moved[1].run.state, RunState::failed);
    const WallTime ran = moved[0].run.id.scheduled_at;
    EXPECT_LT(ran, at);
    EXPECT_GT(ran, at - 10s);
    EXPECT_EQ(moved[0].time, to_unix_seconds(ran));
    EXPECT_LT(*moved[0].run.started_at, at);
    EXPECT_EQ(*moved[0].run.ended_at - *moved[0].run.started_at, 1ms);

    // The true fire of that moment finds no row.
    store_->commit(step(4, at + 2s, {planned(job, ahead)}));
    EXPECT_EQ(row(*store_, {job, ahead, 1}).run.state, RunState::planned);

    const ClockStep noted{at, ahead + 4s, 2};
    EXPECT_THAT(store_->ledger_extent().clock_steps, ElementsAre(noted));
}

TEST_P(StoreTest, APlanThatIsRightIsNotSetBackHoweverLateThatIsAsked)
{
    const WallTime now = true_second();
    const JobId job = store_->add_job(draft("true"), now - 1min).id;
    store_->begin_term(3, node_1);
    std::vector<PlannedRun> runs;
    std::vector<RunReport> ends;
    for (int i = -10; i < 0; ++i) {
        runs.push_back(planned(job, now + i * 1s));
        ends.push_back(report(runs.back().id, RunState::success));
    }
    store_->commit(step(3, now + 2s, runs));
    store_->record(ends);
    const SteppedBack done = store_->step_back(3, step_back_order(now));
    EXPECT_FALSE(done.step);
    EXPECT_THAT(done.moved, IsEmpty());
    EXPECT_EQ(store_->begin_term(3, node_1).planned_through, now + 2s);
    for (const RunReport& end : ends) EXPECT_EQ(row(*store_, end.id).requested_by, "");
    EXPECT_THAT(store_->ledger_extent().clock_steps, IsEmpty());

    // The caller's clock was set back, and the database's was not.
    if (!store_->clock()) return;
    EXPECT_FALSE(store_->step_back(3, step_back_order(now - 1h)).step);
    EXPECT_EQ(store_->begin_term(3, node_1).planned_through, now + 2s);
}

TEST_P(StoreTest, AJobCountsFromNowThoughItWasChangedByAClockThatIsAhead)
{
    const WallTime now = true_second();
    const Edit ahead(now + 1h);
    const Job added = store_->add_job(draft("true"), ahead);
    JobPatch patch;
    patch.set(&Job::command, std::string("false"));
    const std::optional<Job> changed = store_->update_job(added.id, patch, ahead);
    ASSERT_TRUE(changed);
    if (!store_->clock()) {
        EXPECT_EQ(added.effective_from, now + 1h) << "there is no other clock";
        // Until the plan is set back.
        store_->begin_term(1, node_1);
        store_->commit(step(1, now + 1h, {}));
        ASSERT_TRUE(store_->step_back(1, step_back_order(now)).step);
    }
    const Job found = *store_->find_job(added.id);
    EXPECT_GE(found.effective_from, now);
    EXPECT_LT(found.effective_from, now + 1min);
    for (const Revision& revision : store_->find_revisions({.job = added.id}).revisions) {
        EXPECT_LT(revision.effective_from, now + 1min);
    }
}

TEST_P(StoreTest, CommitsAStepOfThousandsOfRunsWhole)
{
    store_->begin_term(1, node_1);
    std::vector<PlannedRun> runs;
    for (JobId job = 1; job <= 12'000; ++job) runs.push_back(planned(job, t0 + 1ms));
    const PlanStep whole = step(1, t0 + 1s, runs);
    store_->commit(whole);
    store_->commit(whole);

    LogFilter filter;
    filter.state = RunState::planned;
    EXPECT_EQ(count_log(*store_, filter).rows, 12'000);
}

TEST_P(StoreTest, ChangesNothingWhenAStepIsCommittedAgain)
{
    store_->begin_term(1, node_1);
    const RunId id{1, t0, 1};
    const PlanStep first = step(1, t0, {planned(1, t0)});
    store_->commit(first);
    store_->record(std::vector{report(id, RunState::success, "out")});
    store_->commit(first);

    EXPECT_EQ(row(*store_, id).run.state, RunState::success);
    EXPECT_EQ(row(*store_, id).run.output, "out");
}

TEST_P(StoreTest, ShowsTheWholeRowOfAPlannedRun)
{
    store_->begin_term(12, node_1);
    PlannedRun gap = planned(5, t0 + 1234ms, node_2);
    gap.state = RunState::skipped;
    gap.reason = parse_reason("misfire: 7 fires");
    gap.fires = 7;
    gap.gap_end = t0 + 9s;
    store_->commit(step(12, t0, {gap}));

    const LogRow log = row(*store_, gap.id);
    EXPECT_GT(log.id, 0);
    EXPECT_EQ(log.time, 1'763'683'201);
    EXPECT_EQ(log.dispatch_time, 1'763'683'199);
    EXPECT_EQ(log.fires, 7);
    EXPECT_EQ(log.gap_end, t0 + 9s);
    EXPECT_EQ(log.run.id, gap.id);
    EXPECT_EQ(log.run.state, RunState::skipped);
    EXPECT_EQ(log.run.reason, gap.reason);
    EXPECT_EQ(log.run.run_server, node_2);
    EXPECT_EQ(log.run.dispatch_server, node_1);
    EXPECT_EQ(log.run.epoch, 12U);
    EXPECT_EQ(log.run.started_at, std::nullopt);
    EXPECT_EQ(log.run.exit_code, std::nullopt);
    EXPECT_EQ(log.run.output, "");
}

TEST_P(StoreTest, OpensARevokedRowAgain)
{
    store_->begin_term(1, node_1);
    const RunId id{1, t0, 1};
    store_->commit(step(1, t0, {planned(1, t0)}));
    PlanStep revoke = step(1, t0, {});
    revoke.ended = {report(id, RunState::revoked)};
    revoke.ended[0].reason = parse_reason("job-changed");
    revoke.ended[0].ended_at = t0;
    store_->commit(revoke);
    ASSERT_EQ(row(*store_, id).run.state, RunState::revoked);
    ASSERT_EQ(row(*store_, id).run.reason.cause, Cause::job_changed);

    store_->begin_term(2, node_2);
    PlanStep reopen = step(2, t0, {planned(1, t0, node_2)});
    reopen.dispatch_server = node_2;
    store_->commit(reopen);

    const RunReport run = row(*store_, id).run;
    EXPECT_EQ(run.state, RunState::planned);
    EXPECT_EQ(to_string(run.reason), "");
    EXPECT_EQ(run.run_server, node_2);
    EXPECT_EQ(run.dispatch_server, node_2);
    EXPECT_EQ(run.epoch, 2U);
    EXPECT_EQ(run.ended_at, std::nullopt);
}

TEST_P(StoreTest, ARunThatIsPlannedAgainMayEndBeforeTheStoreHasThat)
{
    for (const RunState end : {RunState::success, RunState::skipped}) {
        const RunId id{store_->add_job(draft("true"), t0).id, t0, 1};
        store_->begin_term(1, node_1);
        store_->commit(step(1, t0, {planned(id.job, t0)}));
        PlanStep revoke = step(1, t0, {});
        revoke.ended = {report(id, RunState::revoked)};
        store_->commit(revoke);
        store_->record(std::vector{report(id, RunState::running)});
        EXPECT_EQ(row(*store_, id).run.state, RunState::revoked) << "it is not known to have ended";

        RunReport ended = report(id, end);
        if (end == RunState::success) ended.started_at = t0 + 3ms;
        ended.ended_at = t0 + 5ms;
        EXPECT_THAT(store_->record(std::vector{ended}), IsEmpty()) << "it is the only one that ran";
        EXPECT_EQ(row(*store_, id).run, ended);
        const std::int64_t runs = end == RunState::success ? 1 : 0;
        EXPECT_EQ(store_->find_job(id.job)->counters.run_num, runs);

        const PlanStep again = step(1, t0, {planned(id.job, t0)});
        store_->commit(revoke);
        store_->commit(again);
        store_->record(std::vector{ended});
        EXPECT_EQ(row(*store_, id).run, ended) << to_string(end);
        EXPECT_EQ(store_->find_job(id.job)->counters.run_num, runs);
    }
}

TEST_P(StoreTest, OpensARunAgainThatTheSameStepRevokes)
{
    store_->begin_term(1, node_1);
    const RunId id{1, t0, 1};
    store_->commit(step(1, t0, {planned(1, t0)}));
    PlanStep both = step(1, t0, {planned(1, t0, node_2)});
    both.ended = {report(id, RunState::revoked)};
    store_->commit(both);
    store_->commit(both);
    EXPECT_EQ(row(*store_, id).run.state, RunState::planned);
    EXPECT_EQ(row(*store_, id).run.run_server, node_2);
}

TEST_P(StoreTest, EndsOnlyRowsThatAreOpen)
{
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(1, t0), planned(2, t0), planned(3, t0), planned(4, t0)}));
    RunReport started = report({2, t0, 1}, RunState::running);
    started.started_at = t0 + 3ms;
    store_->record(std::vector{started, report({3, t0, 1}, RunState::failed),
                               report({4, t0, 1}, RunState::lost)});
    PlanStep end = step(1, t0, {});
    for (JobId job = 1; job <= 5; ++job) {
        RunReport lost = report({job, t0, 1}, RunState::lost);
        lost.run_server.clear();
        lost.reason = parse_reason("node-died");
        lost.ended_at = t0 + 1s;
        end.ended.push_back(lost);
    }
    end.ended[3].state = RunState::skipped;
    store_->commit(end);

    EXPECT_EQ(row(*store_, {1, t0, 1}).run.state, RunState::lost);
    EXPECT_EQ(to_string(row(*store_, {1, t0, 1}).run.reason), "node-died");
    EXPECT_EQ(row(*store_, {1, t0, 1}).run.run_server, node_1) << "what is not said stays";
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.state, RunState::lost);
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.started_at, t0 + 3ms);
    EXPECT_EQ(row(*store_, {3, t0, 1}).run.state, RunState::failed);
    EXPECT_EQ(row(*store_, {4, t0, 1}).run.state, RunState::lost);
    EXPECT_EQ(to_string(row(*store_, {4, t0, 1}).run.reason), "");
    EXPECT_EQ(row(*store_, {5, t0, 1}).run.state, RunState::lost) << "was not in the store yet";
}

TEST_P(StoreTest, MovesOnlyRowsThatArePlanned)
{
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(1, t0), planned(2, t0), planned(3, t0)}));
    store_->record(
        std::vector{report({2, t0, 1}, RunState::running), report({3, t0, 1}, RunState::success)});
    store_->begin_term(2, node_2);
    PlanStep move = step(2, t0, {});
    move.dispatch_server = node_2;
    for (JobId job = 1; job <= 3; ++job) move.moved.push_back(planned(job, t0, node_2));
    store_->commit(move);

    EXPECT_EQ(row(*store_, {1, t0, 1}).run.run_server, node_2);
    EXPECT_EQ(row(*store_, {1, t0, 1}).run.dispatch_server, node_2);
    EXPECT_EQ(row(*store_, {1, t0, 1}).run.epoch, 2U);
    EXPECT_EQ(row(*store_, {1, t0, 1}).run.state, RunState::planned);
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.run_server, node_1);
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.epoch, 1U);
    EXPECT_EQ(row(*store_, {3, t0, 1}).run.run_server, node_1);
}

TEST_P(StoreTest, CommitsTextsThatAreTooLongWithTheirBeginning)
{
    store_->begin_term(1, node_1);
    PlannedRun run = planned(1, t0);
    run.state = RunState::skipped;
    for (int i = 0; i < 400; ++i) run.reason.detail += "ü";
    store_->commit(step(1, t0, {run}));
    const std::string kept = row(*store_, run.id).run.reason.detail;
    EXPECT_GE(kept.size(), 2U * 200U);
    EXPECT_EQ(kept, run.reason.detail.substr(0, kept.size()));
}

TEST_P(StoreTest, CommitsAStepWithATextThatIsNotUtf8)
{
    store_->begin_term(1, node_1);
    PlanStep odd = step(1, t0, {planned(1, t0), planned(2, t0)});
    odd.runs[0].state = RunState::skipped;
    odd.runs[0].reason = parse_reason("invalid: \xff\xfe");
    odd.ended = {report({3, t0, 1}, RunState::revoked)};
    odd.ended[0].reason = parse_reason("\xc3");
    store_->commit(odd);
    EXPECT_THAT(to_string(row(*store_, {1, t0, 1}).run.reason), ::testing::StartsWith("invalid: "));
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.state, RunState::planned);
    EXPECT_EQ(row(*store_, {3, t0, 1}).run.state, RunState::revoked);
}

// Reports.

TEST_P(StoreTest, KeepsEveryMemberOfAReport)
{
    store_->begin_term(3, node_1);
    const RunId id{42, t0 + 500ms, 2};
    PlannedRun run = planned(42, t0 + 500ms);
    run.id = id;
    store_->commit(step(3, t0, {run}));
    RunReport report;
    report.id = id;
    report.state = RunState::failed;
    report.reason = parse_reason("killed by \"SIGSEGV\"");
    report.run_server = node_2;
    report.dispatch_server = node_1;
    report.epoch = 18'446'744'073'709'551'615U;
    report.started_at = t0 + 501ms;
    report.ended_at = t0 + 2s;
    report.use_time = 1499ms;
    report.term_signal = 11;
    report.exit_code = -1;
    report.http_status = 503;
    report.cpu_time = 12ms;
    report.max_rss = 5'000'000'000;
    report.output = "it's \\ 100% 😀\n\"定时任务\"\x01\t'";
    report.output_bytes = 10'000'000'000;
    store_->record(std::vector{report});

    EXPECT_EQ(row(*store_, id).run, report);
    EXPECT_EQ(row(*store_, id).dispatch_time, 1'763'683'198);
}

TEST_P(StoreTest, FollowsARunFromPlannedToItsEnd)
{
    store_->begin_term(1, node_1);
    const RunId id{1, t0, 1};
    store_->commit(step(1, t0, {planned(1, t0)}));
    RunReport running = report(id, RunState::running);
    running.started_at = t0 + 2ms;
    store_->record(std::vector{running});
    EXPECT_EQ(row(*store_, id).run, running);
    RunReport ended = report(id, RunState::success, "done");
    ended.started_at = t0 + 2ms;
    ended.ended_at = t0 + 5ms;
    ended.exit_code = 0;
    store_->record(std::vector{ended});
    EXPECT_EQ(row(*store_, id).run, ended);
}

// Two accounts of one attempt.

/// What the node says that started it then.
RunReport account(const RunId& id, RunState state, const NodeName& node, WallTime started_at)
{
    RunReport account = report(id, state, "at " + node);
    account.run_server = node;
    account.started_at = started_at;
    if (is_final(state)) account.ended_at = started_at + 1s;
    return account;
}

std::vector<DoubledRun> doubled(Store& store)
{
    DoubledQuery query;
    query.with_output = true;
    return store.find_doubled(query);
}

TEST_P(StoreTest, KeepsTheSecondFinalReportOfAnAttemptWhole)
{
    Job job = draft("true");
    job.name = "backup";
    const RunId id{store_->add_job(job, t0).id, t0, 1};
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(id.job, t0)}));
    const RunReport first = account(id, RunState::success, node_1, t0 + 3ms);
    RunReport second = account(id, RunState::failed, node_2, t0 + 5ms);
    second.reason = parse_reason("why");
    second.exit_code = 3;
    second.use_time = 7ms;
    EXPECT_THAT(store_->record(std::vector{first}), IsEmpty());
    EXPECT_THAT(store_->record(std::vector{first}), IsEmpty()) << "the same again is no other";

    const std::vector<DoubledRun> found = store_->record(std::vector{second});
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].job_name, "backup");
    EXPECT_EQ(found[0].row.run_server, node_1);
    EXPECT_EQ(found[0].row.started_at, t0 + 3ms);
    EXPECT_EQ(found[0].other.report, second);
    EXPECT_THAT(store_->record(std::vector{second}), IsEmpty()) << "it is known";
    EXPECT_THAT(store_->record(std::vector{first}), IsEmpty());

    EXPECT_EQ(row(*store_, id).run, first);
    const std::vector<DoubledRun> kept = doubled(*store_);
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_EQ(kept[0].job_name, "backup");
    EXPECT_EQ(kept[0].row.id, id);
    EXPECT_EQ(kept[0].row.state, RunState::success);
    EXPECT_EQ(kept[0].row.run_server, node_1);
    EXPECT_EQ(kept[0].other.report, second);
    EXPECT_EQ(kept[0].other.log_id, row(*store_, id).id);
    EXPECT_EQ(store_->find_job(id.job)->counters.run_num, 1);
}

TEST_P(StoreTest, TheSameNodeAtAnotherMomentIsAnotherAccountToo)
{
    const RunId id{1, t0, 1};
    store_->record(std::vector{account(id, RunState::success, node_1, t0 + 3ms)});
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::success, node_1, t0 + 4ms)}),
                SizeIs(1));
    EXPECT_EQ(row(*store_, id).run.started_at, t0 + 3ms);
}

TEST_P(StoreTest, AStartElsewhereIsAnotherAccountAndItsEndCompletesIt)
{
    const RunId id{1, t0, 1};
    store_->record(std::vector{account(id, RunState::success, node_1, t0 + 3ms)});
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::running, node_2, t0 + 5ms)}),
                SizeIs(1));
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::failed, node_2, t0 + 5ms)}),
                IsEmpty())
        << "that it ran there is known";
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::running, node_2, t0 + 5ms)}),
                IsEmpty());
    const std::vector<DoubledRun> kept = doubled(*store_);
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_EQ(kept[0].other.report.state, RunState::failed);
}

TEST_P(StoreTest, WhatARowSaidBeforeAReportFromElsewhereIsKept)
{
    const RunId id{1, t0, 1};
    store_->record(std::vector{account(id, RunState::running, node_1, t0 + 3ms)});
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::success, node_2, t0 + 5ms)}),
                SizeIs(1));
    EXPECT_EQ(row(*store_, id).run.run_server, node_2) << "an open row still ends";
    ASSERT_THAT(doubled(*store_), SizeIs(1));
    EXPECT_EQ(doubled(*store_)[0].other.report.run_server, node_1);

    // A third word of the first node: how it ended there.
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::failed, node_1, t0 + 3ms)}),
                IsEmpty());
    ASSERT_THAT(doubled(*store_), SizeIs(1));
    EXPECT_EQ(doubled(*store_)[0].other.report, account(id, RunState::failed, node_1, t0 + 3ms));
    EXPECT_EQ(row(*store_, id).run, account(id, RunState::success, node_2, t0 + 5ms));
}

TEST_P(StoreTest, TwoThatRunAtTheSameTimeEndAsARowAndOneOtherAccount)
{
    const RunId id{1, t0, 1};
    const RunReport first = account(id, RunState::success, node_1, t0 + 3ms);
    const RunReport second = account(id, RunState::success, node_2, t0 + 5ms);
    EXPECT_THAT(store_->record(std::vector{account(id, RunState::running, node_1, t0 + 3ms),
                                           account(id, RunState::running, node_2, t0 + 5ms)}),
                SizeIs(1))
        << "in one call as well";
    store_->record(std::vector{first});
    store_->record(std::vector{second});
    const std::vector<DoubledRun> kept = doubled(*store_);
    ASSERT_THAT(kept, SizeIs(1)) << "what a row says is not beside it, too";
    EXPECT_EQ(row(*store_, id).run, first);
    EXPECT_EQ(kept[0].other.report, second);
}

TEST_P(StoreTest, ARunOfARowThatSaysItDidNotRunIsKept)
{
    for (const RunState state : {RunState::skipped, RunState::revoked}) {
        const RunId id{1 + static_cast<JobId>(state), t0, 1};
        RunReport by_the_next_dispatcher = report(id, state);
        by_the_next_dispatcher.epoch = 2;
        store_->record(std::vector{by_the_next_dispatcher});
        EXPECT_THAT(store_->record(std::vector{account(id, RunState::success, node_2, t0 + 5ms)}),
                    SizeIs(1))
            << to_string(state);
    }
    const JobId skipped = 1 + static_cast<JobId>(RunState::skipped);
    EXPECT_EQ(row(*store_, {skipped, t0, 1}).run.state, RunState::skipped);
}

TEST_P(StoreTest, TheTruthAboutALostRunIsNoOtherAccount)
{
    store_->record(std::vector{account({1, t0, 1}, RunState::running, node_1, t0 + 3ms)});
    store_->record(std::vector{report({1, t0, 1}, RunState::lost),
                               report({2, t0, 1}, RunState::lost),
                               report({3, t0, 1}, RunState::lost)});
    EXPECT_THAT(store_->record(std::vector{account({1, t0, 1}, RunState::success, node_1, t0 + 3ms),
                                           account({2, t0, 1}, RunState::success, node_2, t0 + 5ms),
                                           report({3, t0, 1}, RunState::skipped)}),
                IsEmpty());
    EXPECT_EQ(row(*store_, {2, t0, 1}).run.state, RunState::success);
    // One that was lost here and had started here did not start elsewhere.
    store_->record(std::vector{account({4, t0, 1}, RunState::running, node_1, t0 + 3ms)});
    store_->record(std::vector{report({4, t0, 1}, RunState::lost)});
    EXPECT_THAT(
        store_->record(std::vector{account({4, t0, 1}, RunState::success, node_2, t0 + 5ms)}),
        SizeIs(1));
    EXPECT_EQ(row(*store_, {4, t0, 1}).run.state, RunState::success);
    EXPECT_EQ(doubled(*store_)[0].other.report.state, RunState::lost);
}

TEST_P(StoreTest, FindsOtherAccountsByJobRowAndTimeInPages)
{
    for (JobId job = 1; job <= 3; ++job) {
        const RunId id{job, t0 + std::chrono::seconds(job), 1};
        store_->record(std::vector{account(id, RunState::success, node_1, t0)});
        store_->record(std::vector{account(id, RunState::success, node_2, t0)});
    }
    const auto jobs = [&](const DoubledQuery& query) {
        std::vector<JobId> found;
        for (const DoubledRun& run : store_->find_doubled(query)) {
            EXPECT_EQ(run.other.report.output, "");
            found.push_back(run.row.id.job);
        }
        return found;
    };
    EXPECT_THAT(jobs({}), ElementsAre(1, 2, 3));
    DoubledQuery query;
    query.job = 2;
    EXPECT_THAT(jobs(query), ElementsAre(2));
    query = {};
    query.log_id = row(*store_, {3, t0 + 3s, 1}).id;
    EXPECT_THAT(jobs(query), ElementsAre(3));
    query = {};
    query.from = t0 + 2s;
    query.to = t0 + 3s;
    EXPECT_THAT(jobs(query), ElementsAre(2));
    query = {};
    query.limit = 1;
    query.after = store_->find_doubled(query)[0].other.id;
    EXPECT_THAT(jobs(query), ElementsAre(2));
}

TEST_P(StoreTest, OtherAccountsAreDeletedWithTheirRows)
{
    store_->begin_term(1, node_1);
    for (const auto after : {1s, 2s}) {
        const RunId id{1, t0 + after, 1};
        store_->record(std::vector{account(id, RunState::success, node_1, t0)});
        store_->record(std::vector{account(id, RunState::success, node_2, t0)});
    }
    EXPECT_EQ(store_->delete_expired(std::chrono::days(1), t0 + std::chrono::days(1) + 2s, 100),
              1U);
    ASSERT_THAT(doubled(*store_), SizeIs(1));
    EXPECT_EQ(doubled(*store_)[0].row.id.scheduled_at, t0 + 2s);
    database_->execute("DELETE FROM log");
    EXPECT_THAT(doubled(*store_), IsEmpty());
}

TEST_P(StoreTest, TakesBothReportsOfARunAtOnce)
{
    const RunId id{1, t0, 1};
    store_->record(
        std::vector{report(id, RunState::running), report(id, RunState::success, "out")});
    EXPECT_EQ(row(*store_, id).run.state, RunState::success);
    EXPECT_EQ(row(*store_, id).run.output, "out");
}

TEST_P(StoreTest, NeverOverwritesAFinalState)
{
    constexpr std::array finals{RunState::success, RunState::failed, RunState::timeout,
                                RunState::killed,  RunState::fenced, RunState::skipped};
    store_->begin_term(1, node_1);
    for (const RunState first : finals) {
        const RunId id{1 + static_cast<JobId>(first), t0, 1};
        store_->commit(step(1, t0, {planned(id.job, t0)}));
        store_->record(std::vector{report(id, first, "first")});
        for (const RunState second : {RunState::running, RunState::success, RunState::lost}) {
            RunReport late = report(id, second, "second");
            late.reason = parse_reason("late");
            late.exit_code = 9;
            late.epoch = 99;
            late.run_server = node_2;
            store_->record(std::vector{late});
            EXPECT_EQ(row(*store_, id).run, report(id, first, "first"))
                << to_string(first) << " then " << to_string(second);
        }
    }
}

TEST_P(StoreTest, AnEndThatAStepSaysGetsItsOutputFromTheNode)
{
    const JobId job = store_->add_job(draft("true"), t0).id;
    const RunId id{job, t0, 1};
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(job, t0)}));
    const RunReport told = report(id, RunState::failed, std::string(output_to_come));
    PlanStep follows = step(1, t0, {});
    follows.ended.push_back(told);
    store_->commit(follows);
    EXPECT_EQ(row(*store_, id).run, told);
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);

    RunReport elsewhere = report(id, RunState::failed, "of another run");
    elsewhere.run_server = node_2;
    store_->record(std::vector{report(id, RunState::running),
                               report(id, RunState::success, "another end"), elsewhere});
    EXPECT_EQ(row(*store_, id).run, told) << "only its node has its output";

    const RunReport whole = report(id, RunState::failed, "out");
    for (const char* const output : {"out", "", "[3 bytes of output dropped]"}) {
        store_->record(std::vector{report(id, RunState::failed, output)});
        EXPECT_EQ(row(*store_, id).run, whole)
            << "and its node says so first, and last: " << output;
        store_->commit(follows);
        EXPECT_EQ(row(*store_, id).run, whole) << "a step may be committed again";
    }
    EXPECT_EQ(store_->find_job(job)->counters.run_num, 1);
}

TEST_P(StoreTest, LetsLostGiveWayToTheTruthButNotToRunning)
{
    const RunId id{1, t0, 1};
    RunReport lost = report(id, RunState::lost);
    lost.reason = parse_reason("node-died");
    store_->record(std::vector{lost});
    store_->record(std::vector{report(id, RunState::running)});
    EXPECT_EQ(row(*store_, id).run, lost);
    const RunReport truth = report(id, RunState::failed, "it went on");
    store_->record(std::vector{truth});
    EXPECT_EQ(row(*store_, id).run, truth);
}

TEST_P(StoreTest, InsertsARowThatWasNeverCommittedAndLetsTheCommitFollow)
{
    store_->begin_term(1, node_1);
    const RunId id{1, t0 + 1s, 1};
    const RunReport ended = report(id, RunState::success, "out");
    store_->record(std::vector{ended});
    EXPECT_EQ(row(*store_, id).run, ended);
    EXPECT_EQ(row(*store_, id).time, 1'763'683'201);

    store_->commit(step(1, t0 + 1s, {planned(1, t0 + 1s)}));
    EXPECT_EQ(row(*store_, id).run, ended);
    EXPECT_EQ(row(*store_, id).dispatch_time, 1'763'683'199);
}

TEST_P(StoreTest, ARowThatItsNodeReportedFirstLearnsWhoAskedForTheRun)
{
    store_->begin_term(1, node_1);
    const RunReport early = report({1, t0, 1}, RunState::success);
    store_->record({&early, 1});
    PlannedRun asked = planned(1, t0);
    asked.requested_by = "alice";
    store_->commit(step(1, t0, {asked}));
    const LogRow found = row(*store_, asked.id);
    EXPECT_EQ(found.requested_by, "alice");
    EXPECT_EQ(found.run.state, RunState::success);
}

TEST_P(StoreTest, RecordsThousandsOfReportsAndLargeOutputs)
{
    std::vector<RunReport> reports;
    for (JobId job = 1; job <= 5000; ++job) {
        reports.push_back(report({job, t0, 1}, RunState::success, "out " + std::to_string(job)));
    }
    for (JobId job : {2, 3, 4000}) {
        reports[static_cast<std::size_t>(job)].output = std::string(1'200'000, '\'');
    }
    store_->record(reports);
    store_->record(reports);

    EXPECT_EQ(count_log(*store_).rows, 5000);
    EXPECT_EQ(row(*store_, reports[4000].id).run.output, reports[4000].output);
    EXPECT_EQ(row(*store_, reports[4999].id).run.output, "out 5000");
}

TEST_P(StoreTest, WritesTheOthersWhenOneReportIsPoison)
{
    std::vector<RunReport> reports;
    for (JobId job = 1; job <= 9; ++job) {
        reports.push_back(report({job, t0, 1}, RunState::success, "fine"));
    }
    reports[4].output = "bad \xff\xfe bytes";
    reports[4].exit_code = 3;
    reports[7].reason = parse_reason(std::string(1000, 'x'));
    store_->record(reports);

    for (const JobId job : {1, 4, 6, 9}) {
        EXPECT_EQ(row(*store_, {job, t0, 1}).run, reports[static_cast<std::size_t>(job - 1)]);
    }
    EXPECT_EQ(row(*store_, {5, t0, 1}).run.state, RunState::success);
    EXPECT_EQ(row(*store_, {5, t0, 1}).run.exit_code, 3);
    EXPECT_THAT(row(*store_, {5, t0, 1}).run.output, ::testing::HasSubstr("bytes"));
    EXPECT_THAT(to_string(row(*store_, {8, t0, 1}).run.reason), ::testing::StartsWith("xxxxxxxx"));
}

TEST_P(StoreTest, TakesReportsFromSeveralNodesAtOnce)
{
    constexpr int nodes = 4;
    constexpr JobId jobs = 100;
    constexpr int rounds = 10;
    store_->begin_term(1, node_1);
    std::vector<std::exception_ptr> failures(nodes + 1);
    std::vector<std::thread> threads;
    const auto guarded = [&](std::size_t self, auto work) {
        return [&failures, self, work] {
            try {
                work();
            } catch (...) {
                failures[self] = std::current_exception();
            }
        };
    };
    const auto plan = [&] {
        const auto store = database_->open();
        for (int round = 0; round < rounds; ++round) {
            std::vector<PlannedRun> runs;
            for (JobId job = jobs; job > 0; --job) runs.push_back(planned(job, t0 + round * 1s));
            store->commit(step(1, t0 + round * 1s, runs));
        }
    };
    threads.emplace_back(guarded(nodes, plan));
    for (std::size_t self = 0; self < nodes; ++self) {
        const auto work = [&, self] {
            const auto store = database_->open();
            for (int round = 0; round < rounds; ++round) {
                std::vector<RunReport> reports;
                for (JobId job = 1; job <= jobs; ++job) {
                    const RunId id{job, t0 + round * 1s, 1};
                    if (static_cast<std::size_t>(job) % nodes == self) {
                        reports.push_back(report(id, RunState::running));
                        reports.push_back(report(id, RunState::success));
                    }
                }
                store->record(reports);
            }
        };
        threads.emplace_back(guarded(self, work));
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }

    LogFilter filter;
    filter.state = RunState::success;
    EXPECT_EQ(count_log(*store_, filter).rows, jobs * rounds);
    EXPECT_THAT(store_->begin_term(1, node_1).open_runs, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Conformance, StoreTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
