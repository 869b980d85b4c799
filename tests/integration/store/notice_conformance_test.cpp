#include "integration/store/store_fixture.hpp"
#include "model/notice_defaults.hpp"
#include "store/notice_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

// What the part of every store that is about notices promises (store/notice_store.hpp).

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::node_1;
using testing::planned;
using testing::report;
using ::testing::SizeIs;
using testing::step;
using testing::t0;

class NoticeStoreTest : public testing::StoreFixture {
protected:
    NoticeStoreTest() { store_->begin_term(1, node_1); }

    NoticeStore& notices() { return store_->notices(); }

    Job add_job(std::vector<std::string> notify)
    {
        Job job;
        job.cron_set = "* * * * *";
        job.command = "true";
        job.notify = std::move(notify);
        return store_->add_job(job, t0);
    }

    NoticeChannel add_channel(const std::string& name)
    {
        NoticeChannel channel;
        channel.name = name;
        channel.kind = "webhook";
        channel.settings = {{"url", "https://example.com/'a\\b\""}, {"secret", "ü"}};
        return notices().add_channel(channel);
    }

    void run(const RunId& id, RunState state, std::string output = {})
    {
        store_->commit(step(1, id.scheduled_at, {planned(id.job, id.scheduled_at)}));
        store_->record(std::vector{report(id, state, std::move(output))});
    }

    /// Looks at all ends, and forgets them.
    std::vector<LogRow> take_ends()
    {
        std::vector<LogRow> rows;
        Seen seen;
        for (const UnseenEnd& end : notices().unseen_ends(100)) {
            seen.ends.push_back(end.id);
            if (end.row) rows.push_back(*end.row);
        }
        notices().store_seen(1, seen);
        return rows;
    }

    static OutgoingNotice notice(const std::string& id, std::vector<std::int64_t> channels)
    {
        return {id, 12, R"({"text": "it's \"quoted\" \\ 😀"})", std::move(channels)};
    }

    void send(std::vector<OutgoingNotice> outgoing, WallTime at = t0)
    {
        Seen seen;
        seen.notices = std::move(outgoing);
        seen.at = at;
        notices().store_seen(1, seen);
    }
};

TEST_P(NoticeStoreTest, KeepsEveryMemberOfAChannel)
{
    NoticeChannel channel = add_channel("ops");
    EXPECT_GT(channel.id, 0);
    channel.tags = {"db", "nächtlich"};
    channel.every_job = true;
    channel.stop = true;
    EXPECT_TRUE(notices().update_channel(channel));
    const NoticeChannel other = add_channel("a");
    EXPECT_THAT(notices().channels(), ElementsAre(other, channel));
    EXPECT_THROW(add_channel("ops"), NameTaken);
    NoticeChannel renamed = other;
    renamed.name = "ops";
    EXPECT_THROW(notices().update_channel(renamed), NameTaken);
    EXPECT_TRUE(notices().delete_channel(channel.id));
    EXPECT_FALSE(notices().delete_channel(channel.id));
    EXPECT_FALSE(notices().update_channel(channel));
    EXPECT_THAT(notices().channels(), ElementsAre(other));
}

TEST_P(NoticeStoreTest, NotesTheEndsOfRunsOfJobsThatWantNotices)
{
    const Job told = add_job({"ops"});
    const Job silent = add_job({});
    const Job none = add_job({"none"});
    for (const JobId job : {told.id, silent.id, none.id}) run({job, t0, 1}, RunState::failed);
    const auto rows = take_ends();
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].run.id, (RunId{told.id, t0, 1}));
    EXPECT_EQ(rows[0].run.state, RunState::failed);
    EXPECT_THAT(take_ends(), IsEmpty());
    for (int again = 0; again < 2; ++again) {
        store_->record(std::vector{report({told.id, t0, 1}, RunState::failed)});
    }
    EXPECT_THAT(take_ends(), IsEmpty()) << "it had ended before";
    store_->record(std::vector{report({told.id, t0 + 1min, 1}, RunState::running)});
    EXPECT_THAT(take_ends(), IsEmpty()) << "it has not ended";
    store_->record(std::vector{report({told.id, t0 + 1min, 1}, RunState::success)});
    EXPECT_THAT(take_ends(), SizeIs(1)) << "the store had heard of it from its node alone";
}

TEST_P(NoticeStoreTest, NotesTheEndsOfAllJobsOnceAChannelIsForThem)
{
    const Job job = add_job({});
    NoticeChannel channel = add_channel("ops");
    channel.tags = {"db"};
    notices().update_channel(channel);
    run({job.id, t0, 1}, RunState::success);
    EXPECT_THAT(take_ends(), SizeIs(1));
    channel.tags = {};
    notices().update_channel(channel);
    run({job.id, t0 + 1min, 1}, RunState::success);
    EXPECT_THAT(take_ends(), IsEmpty());
    channel.every_job = true;
    notices().update_channel(channel);
    run({job.id, t0 + 2min, 1}, RunState::success);
    EXPECT_THAT(take_ends(), SizeIs(1));
}

TEST_P(NoticeStoreTest, NotesTheEndsOfJobsWithTagsForWhichTheConfigurationMayNameAChannel)
{
    Job draft = add_job({});
    draft.id = 0;
    draft.tags = {"db"};
    const Job tagged = store_->add_job(draft, t0);
    run({tagged.id, t0, 1}, RunState::success);
    EXPECT_THAT(take_ends(), IsEmpty()) << "there is no channel";
    add_channel("ops");
    run({tagged.id, t0 + 1min, 1}, RunState::success);
    EXPECT_THAT(take_ends(), SizeIs(1));
}

TEST_P(NoticeStoreTest, NotesWhatTheDispatcherSkipsAndWhatItTakesForLost)
{
    const Job job = add_job({"ops"});
    PlannedRun skipped = planned(job.id, t0, "");
    skipped.state = RunState::skipped;
    skipped.reason.cause = Cause::misfire;
    skipped.fires = 3;
    skipped.gap_end = t0 + 2min;
    PlanStep first = step(1, t0 + 3min, {skipped, planned(job.id, t0 + 3min)});
    store_->commit(first);
    auto rows = take_ends();
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].run.reason.cause, Cause::misfire);
    EXPECT_EQ(rows[0].fires, 3);
    PlanStep second = step(1, t0 + 4min, {});
    second.ended = {report({job.id, t0 + 3min, 1}, RunState::lost)};
    store_->commit(second);
    EXPECT_THAT(take_ends(), SizeIs(1));
    store_->record(std::vector{report({job.id, t0 + 3min, 1}, RunState::success)});
    rows = take_ends();
    ASSERT_THAT(rows, SizeIs(1)) << "what really happened";
    EXPECT_EQ(rows[0].run.state, RunState::success);
}

TEST_P(NoticeStoreTest, ShowsTheEndOfALongOutput)
{
    const Job job = add_job({"ops"});
    run({job.id, t0, 1}, RunState::failed, std::string(100'000, 'x') + "the end ü");
    const auto rows = take_ends();
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_LE(rows[0].run.output.size(), 8000U);
    EXPECT_TRUE(rows[0].run.output.ends_with("xxxthe end ü"));
}

TEST_P(NoticeStoreTest, AnEndWhoseRowIsGoneIsSeenWithoutIt)
{
    const Job job = add_job({"ops"});
    run({job.id, t0, 1}, RunState::failed);
    store_->delete_expired(1s, t0 + 24h, 100);
    const auto ends = notices().unseen_ends(100);
    ASSERT_THAT(ends, SizeIs(1));
    EXPECT_FALSE(ends[0].row);
    EXPECT_THAT(take_ends(), IsEmpty());
    EXPECT_THAT(notices().unseen_ends(100), IsEmpty());
}

TEST_P(NoticeStoreTest, NobodyIsToldOfARehearsal)
{
    Job draft;
    draft.cron_set = "* * * * *";
    draft.command = "true";
    draft.notify = {"ops"};
    draft.slow_after = 60s;
    const JobId job = store_->add_job(draft, t0).id;
    const auto rehearse = [&](WallTime at) {
        PlannedRun run = planned(job, at);
        run.requested_by = "alice (rehearsal)";
        return run;
    };
    PlannedRun not_run = rehearse(t0 + 2ms);
    not_run.state = RunState::skipped;
    not_run.reason.cause = Cause::no_node;
    store_->commit(step(1, t0 + 1h, {rehearse(t0 + 1ms), not_run, rehearse(t0 + 3ms)}));
    RunReport early = report({job, t0 + 4ms, 1}, RunState::failed);
    early.rehearsal = true;
    RunReport running = report({job, t0 + 3ms, 1}, RunState::running);
    running.started_at = t0 + 3ms;
    store_->record(std::vector{report({job, t0 + 1ms, 1}, RunState::failed), early, running});
    EXPECT_THAT(take_ends(), IsEmpty());
    EXPECT_THAT(notices().slow_runs({}, t0 + 1h, 100), IsEmpty());
}

TEST_P(NoticeStoreTest, KeepsWhatIsKnownOfAJob)
{
    Seen seen;
    seen.watches = {{1, R"({"a": "it's"})", t0}, {2, "b", std::nullopt}, {3, "c", t0 + 1h}};
    notices().store_seen(1, seen);
    const std::vector<JobId> jobs{1, 2, 4};
    EXPECT_THAT(notices().watches(jobs),
                ::testing::UnorderedElementsAre(seen.watches[0], seen.watches[1]));
    EXPECT_THAT(notices().due_watches(t0, 100), ElementsAre(seen.watches[0]));
    EXPECT_THAT(notices().due_watches(t0 - 1ms, 100), IsEmpty());
    Seen changed;
    changed.watches = {{1, "new", std::nullopt}};
    changed.forgotten = {2};
    notices().store_seen(1, changed);
    EXPECT_THAT(notices().watches(jobs), ElementsAre(changed.watches[0]));
}

TEST_P(NoticeStoreTest, TimeTellsNothingOfAJobWithEndsThatNobodyHasSeen)
{
    Job draft;
    draft.cron_set = "* * * * *";
    draft.command = "true";
    draft.notify = {"ops"};
    draft.expect_every = 60s;
    const JobId due = store_->add_job(draft, t0).id;
    const JobId unwatched = store_->add_job(draft, t0).id;
    Seen seen;
    seen.watches = {{due, "", t0}};
    notices().store_seen(1, seen);
    for (const JobId job : {due, unwatched}) run({job, t0, 1}, RunState::success);
    EXPECT_THAT(notices().due_watches(t0, 100), IsEmpty());
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), IsEmpty());
    take_ends();
    EXPECT_THAT(notices().due_watches(t0, 100), SizeIs(1));
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), ElementsAre(unwatched));
}

TEST_P(NoticeStoreTest, FindsTheJobsThatExpectASuccessAndThatNobodyWatches)
{
    const Job job = add_job({"ops"});
    const auto expect = [&](auto member, auto value) {
        JobPatch patch;
        patch.set(member, value);
        store_->update_job(job.id, patch, t0);
    };
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), IsEmpty());
    expect(&Job::expect_every, 60s);
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), ElementsAre(job.id));
    expect(&Job::expect_every, 0s);
    expect(&Job::expect_by, "04:00");
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), ElementsAre(job.id));
    Seen seen;
    seen.watches = {{job.id, "", std::nullopt}};
    notices().store_seen(1, seen);
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), ElementsAre(job.id))
        << "nobody looks at it in time";
    seen.watches = {{job.id, "", t0}};
    notices().store_seen(1, seen);
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 100), IsEmpty());
}

TEST_P(NoticeStoreTest, FindsJobsThatNobodyWatchesPageByPage)
{
    Job draft;
    draft.cron_set = "* * * * *";
    draft.command = "true";
    draft.notify = {"ops"};
    draft.expect_every = 60s;
    std::vector<JobId> jobs;
    for (int i = 0; i < 5; ++i) jobs.push_back(store_->add_job(draft, t0).id);
    EXPECT_THAT(notices().unwatched_jobs({}, 0, 2), ElementsAre(jobs[0], jobs[1]));
    Seen seen;
    seen.watches = {{jobs[2], "", t0}};
    notices().store_seen(1, seen);
    EXPECT_THAT(notices().unwatched_jobs({}, jobs[1], 2), ElementsAre(jobs[3], jobs[4]));
    EXPECT_THAT(notices().unwatched_jobs({}, jobs[4], 2), IsEmpty());
}

/// For whatever jobs, tags and all jobs say: what the statement says, expectation_of() says.
TEST_P(NoticeStoreTest, FindsTheJobsOfWhichTheirTagsExpectASuccess)
{
    using Words = std::pair<std::chrono::seconds, std::string>;
    const std::vector<Words> words{{0s, ""}, {0s, "none"}, {0s, "04:00"}, {1h, ""}, {1h, "none"}};
    std::vector<Job> jobs;
    for (const Words& of_job : words) {
        for (const std::vector<std::string>& tags : std::vector<std::vector<std::string>>{
                 {}, {"d'b"}, {"db2", "night"}, {"night", "d'b"}}) {
            Job draft;
            draft.cron_set = "* * * * *";
            draft.command = "true";
            draft.notify = {"ops"};
            draft.tags = tags;
            std::tie(draft.expect_every, draft.expect_by) = of_job;
            jobs.push_back(store_->add_job(draft, t0));
            draft.cron_set = "";  // only people start it
            jobs.push_back(store_->add_job(draft, t0));
            draft.run_after = {"extract"};
            jobs.push_back(store_->add_job(draft, t0));
        }
    }
    Job daemon;
    daemon.kind = JobKind::daemon;
    daemon.command = "worker";
    daemon.notify = {"ops"};
    daemon.tags = {"night", "d'b"};
    jobs.push_back(store_->add_job(daemon, t0));
    for (const Words& of_db : words) {
        for (const Words& of_night : words) {
            for (const Words& of_all : words) {
                NoticeDefaults defaults;
                defaults.tags = {
                    {.tag = "d'b", .expect_every = of_db.first, .expect_by = of_db.second},
                    {.tag = "night", .expect_every = of_night.first, .expect_by = of_night.second}};
                std::tie(defaults.expect_every, defaults.expect_by) = of_all;
                std::vector<JobId> expected;
                for (const Job& job : jobs) {
                    if (!expectation_of(defaults, job).is_none()) expected.push_back(job.id);
                }
                EXPECT_THAT(notices().unwatched_jobs(defaults, 0, 100),
                            ::testing::UnorderedElementsAreArray(expected));
            }
        }
    }
}

/// As above, for run_limits().
TEST_P(NoticeStoreTest, FindsTheRunsThatTakeLongerThanTheirTagsAllow)
{
    std::vector<Job> jobs;
    std::vector<RunReport> runs;
    for (const std::chrono::seconds of_job : {0s, 60s}) {
        for (const std::vector<std::string>& tags :
             std::vector<std::vector<std::string>>{{}, {"db"}, {"night"}, {"night", "db"}}) {
            for (const JobKind kind : {JobKind::command, JobKind::daemon}) {
                if (kind == JobKind::daemon && of_job > 0s) continue;
                Job draft;
                draft.kind = kind;
                draft.cron_set = kind == JobKind::daemon ? "" : "* * * * *";
                draft.command = "true";
                draft.notify = {"ops"};
                draft.tags = tags;
                draft.slow_after = of_job;
                jobs.push_back(store_->add_job(draft, t0));
                runs.push_back(report({jobs.back().id, t0, 1}, RunState::running));
                runs.back().started_at = t0;
            }
        }
    }
    store_->record(runs);
    for (const std::chrono::seconds of_db : {0s, 30s}) {
        for (const std::chrono::seconds of_night : {0s, 90s}) {
            for (const std::chrono::seconds of_all : {0s, 120s}) {
                NoticeDefaults defaults;
                defaults.slow_after = of_all;
                defaults.tags = {{.tag = "db", .slow_after = of_db},
                                 {.tag = "night", .slow_after = of_night}};
                for (const std::chrono::seconds time : {30s, 31s, 61s, 91s, 121s}) {
                    std::vector<JobId> expected;
                    for (const Job& job : jobs) {
                        const std::chrono::seconds limit = run_limits(defaults, job).slow_after;
                        if (limit > 0s && time > limit) expected.push_back(job.id);
                    }
                    std::vector<JobId> found;
                    for (const LogRow& row : notices().slow_runs(defaults, t0 + time, 100)) {
                        found.push_back(row.run.id.job);
                    }
                    EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
                }
            }
        }
    }
}

TEST_P(NoticeStoreTest, FindsTheRunsThatTakeLong)
{
    Job draft;
    draft.cron_set = "* * * * *";
    draft.command = "true";
    draft.notify = {"ops"};
    draft.slow_after = 60s;
    const JobId slow = store_->add_job(draft, t0).id;
    draft.slow_after = 0s;
    const JobId any = store_->add_job(draft, t0).id;
    for (const JobId job : {slow, any}) {
        RunReport running = report({job, t0, 1}, RunState::running);
        running.started_at = t0 + 1s;
        store_->record(std::vector{running});
    }
    EXPECT_THAT(notices().slow_runs({}, t0 + 61s, 100), IsEmpty());
    const auto found = notices().slow_runs({}, t0 + 61s + 1ms, 100);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].run.id, (RunId{slow, t0, 1}));
    store_->record(std::vector{report({slow, t0, 1}, RunState::success)});
    EXPECT_THAT(notices().slow_runs({}, t0 + 24h, 100), IsEmpty());
}

TEST_P(NoticeStoreTest, FindsTheRunsThatTakeLongerThanUsual)
{
    Job draft;
    draft.cron_set = "* * * * *";
    draft.command = "true";
    draft.notify = {"ops"};
    draft.notify_on = {"slow"};
    const JobId usual = store_->add_job(draft, t0).id;
    draft.notify_on = {"failing"};
    const JobId uninterested = store_->add_job(draft, t0).id;
    for (const JobId job : {usual, uninterested}) {
        RunReport past = report({job, t0, 1}, RunState::success);
        past.started_at = t0;
        past.ended_at = t0 + 10s;
        past.use_time = 10s;
        store_->record(std::vector{past});
        RunReport running = report({job, t0 + 1min, 1}, RunState::running);
        running.started_at = t0 + 1min;
        store_->record(std::vector{running});
    }
    EXPECT_THAT(notices().slow_runs({}, t0 + 1min + 27s, 100), IsEmpty());
    const auto found = notices().slow_runs({}, t0 + 1min + 33s, 100);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].run.id, (RunId{usual, t0 + 1min, 1}));
    Seen seen;
    seen.watches = {{usual, R"({"slow":{"since":1}})", std::nullopt}};
    notices().store_seen(1, seen);
    EXPECT_THAT(notices().slow_runs({}, t0 + 1h, 100), IsEmpty()) << "it was told";
}

TEST_P(NoticeStoreTest, FindsTheDaemonsThatAreUpAgain)
{
    Job draft;
    draft.kind = JobKind::daemon;
    draft.command = "worker";
    draft.healthy_after = 30s;
    const JobId daemon = store_->add_job(draft, t0).id;
    const JobId well = store_->add_job(draft, t0).id;
    draft.kind = JobKind::command;
    const JobId command = store_->add_job(draft, t0).id;
    Seen seen;
    seen.watches = {{daemon, R"({"failing":{"since":1}})", std::nullopt},
                    {well, R"({"late":{"reason":"\"failing\": 1"}})", std::nullopt},
                    {command, R"({"failing":{"since":1}})", std::nullopt}};
    notices().store_seen(1, seen);
    for (const JobId job : {daemon, well, command}) {
        RunReport running = report({job, t0, 1}, RunState::running);
        running.started_at = t0 + 1s;
        store_->record(std::vector{running});
    }
    EXPECT_THAT(notices().healthy_daemons(t0 + 31s, 100), IsEmpty());
    const auto found = notices().healthy_daemons(t0 + 31s + 1ms, 100);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].run.id, (RunId{daemon, t0, 1}));
    EXPECT_EQ(found[0].run.started_at, t0 + 1s);
    seen.watches = {{daemon, R"({"missed":{"since":1}})", std::nullopt}};
    notices().store_seen(1, seen);
    EXPECT_THAT(notices().healthy_daemons(t0 + 1h, 100), SizeIs(1));
    store_->record(std::vector{report({daemon, t0, 1}, RunState::success)});
    EXPECT_THAT(notices().healthy_daemons(t0 + 1h, 100), IsEmpty());
}

TEST_P(NoticeStoreTest, AMessageIsInTheOutboxOfEachChannelOnce)
{
    const NoticeChannel one = add_channel("one");
    const NoticeChannel two = add_channel("two");
    send({notice("failing-12-1", {one.id, two.id, 999})});
    send({notice("failing-12-1", {one.id}), notice("recovered-12-2", {one.id})}, t0 + 1s);
    const auto due = notices().due_deliveries(one.id, t0 + 1s, 100);
    ASSERT_THAT(due, SizeIs(2));
    EXPECT_EQ(due[0].notice, "failing-12-1");
    EXPECT_EQ(due[0].body, notice("", {}).body);
    EXPECT_EQ(due[0].job, 12);
    EXPECT_EQ(due[0].created_at, t0);
    EXPECT_EQ(due[0].due_at, t0);
    EXPECT_EQ(due[0].state, NoticeDelivery::State::waiting);
    EXPECT_EQ(due[1].notice, "recovered-12-2");
    EXPECT_THAT(notices().due_deliveries(one.id, t0, 100), SizeIs(1));
    EXPECT_THAT(notices().due_deliveries(two.id, t0 + 1s, 100), SizeIs(1));
    EXPECT_THAT(notices().deliveries(999, 100), IsEmpty()) << "there is no such channel";
    EXPECT_EQ(notices().count_waiting(), 3);
    notices().delete_channel(one.id);
    EXPECT_EQ(notices().count_waiting(), 1);
}

TEST_P(NoticeStoreTest, WhatCameOfAMessageIsStored)
{
    const NoticeChannel channel = add_channel("ops");
    send({notice("a", {channel.id}), notice("b", {channel.id})});
    auto due = notices().due_deliveries(channel.id, t0, 100);
    due[0].state = NoticeDelivery::State::sent;
    due[0].attempts = 1;
    due[0].ended_at = t0 + 1s;
    due[0].answer = "HTTP/1.1 200 it's";
    due[1].attempts = 3;
    due[1].due_at = t0 + 40s;
    due[1].answer = "connection refused";
    notices().update_deliveries(due);
    EXPECT_THAT(notices().due_deliveries(channel.id, t0 + 39s, 100), IsEmpty());
    EXPECT_THAT(notices().due_deliveries(channel.id, t0 + 40s, 100), ElementsAre(due[1]));
    EXPECT_THAT(notices().deliveries(channel.id, 100), ElementsAre(due[1], due[0]));
    EXPECT_THAT(notices().deliveries(channel.id, 1), ElementsAre(due[1]));
}

TEST_P(NoticeStoreTest, OldMessagesAreDeletedButTheNewestAndThoseThatWait)
{
    const NoticeChannel channel = add_channel("ops");
    std::vector<OutgoingNotice> some;
    for (int i = 0; i < 6; ++i) some.push_back(notice(std::to_string(i), {channel.id}));
    send(some);
    auto all = notices().due_deliveries(channel.id, t0, 100);
    ASSERT_THAT(all, SizeIs(6));
    for (NoticeDelivery& delivery : all) {
        if (delivery.notice == "1") continue;
        delivery.state = NoticeDelivery::State::sent;
        delivery.ended_at = t0;
    }
    notices().update_deliveries(all);
    EXPECT_EQ(notices().clean_up(t0, 2, 100), 0U) << "not old";
    EXPECT_EQ(notices().clean_up(t0 + 1s, 2, 1), 1U);
    EXPECT_EQ(notices().clean_up(t0 + 1s, 2, 100), 2U);
    std::vector<std::string> left;
    for (const NoticeDelivery& delivery : notices().deliveries(channel.id, 100)) {
        left.push_back(delivery.notice);
    }
    EXPECT_THAT(left, ElementsAre("5", "4", "1"));
}

TEST_P(NoticeStoreTest, WhatIsKnownOfAJobThatIsGoneIsDeleted)
{
    const Job job = add_job({"ops"});
    Seen seen;
    seen.watches = {{job.id, "a", std::nullopt}, {job.id + 1, "b", std::nullopt}};
    notices().store_seen(1, seen);
    notices().clean_up(t0, 100, 100);
    const std::vector<JobId> both{job.id, job.id + 1};
    EXPECT_THAT(notices().watches(both), ElementsAre(seen.watches[0]));
    // Rows of the cluster and of nodes are of no job, and stay.
    seen.watches = {{-7, "node", std::nullopt}, {0, "cluster", std::nullopt}};
    notices().store_seen(1, seen);
    notices().clean_up(t0, 100, 100);
    const std::vector<JobId> others{-7, 0};
    EXPECT_THAT(notices().watches(others), SizeIs(2));
}

TEST_P(NoticeStoreTest, AnOlderDispatcherStoresNothingAnyMore)
{
    const NoticeChannel channel = add_channel("ops");
    Seen seen;
    seen.notices = {notice("a", {channel.id})};
    notices().store_seen(7, seen);
    notices().store_seen(7, {});
    seen.notices = {notice("b", {channel.id})};
    seen.watches = {{1, "x", std::nullopt}};
    EXPECT_THROW(notices().store_seen(6, seen), Deposed);
    EXPECT_EQ(notices().count_waiting(), 1);
    EXPECT_THAT(notices().watches(std::vector<JobId>{1}), IsEmpty());
    EXPECT_THROW(notices().begin_looking(6), Deposed);
    notices().begin_looking(7);
    notices().begin_looking(8);
    EXPECT_THROW(notices().store_seen(7, {}), Deposed);
}

INSTANTIATE_TEST_SUITE_P(Conformance, NoticeStoreTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
