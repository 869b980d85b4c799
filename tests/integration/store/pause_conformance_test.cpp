#include "integration/store/store_fixture.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the part of every store that is about pauses promises (store/pause_store.hpp), and what
// becomes of the rows that they make.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::node_1;
using testing::planned;
using ::testing::SizeIs;
using testing::step;
using testing::t0;
using ::testing::UnorderedElementsAre;

class PauseStoreTest : public testing::StoreFixture {
protected:
    PauseStoreTest() { store_->begin_term(1, node_1); }

    PauseStore& pauses() { return store_->pauses(); }

    static Pause pause(WallTime from, std::optional<WallTime> until)
    {
        Pause pause;
        pause.begins_at = from;
        pause.until = until;
        pause.reason = "it's \"quoted\" \\ 😀";
        pause.made_by = "ops";
        return pause;
    }

    /// The row of a gap of skipped fires, one each second from t0 on.
    static PlannedRun gap(JobId job, std::int64_t fires)
    {
        PlannedRun row = planned(job, t0);
        row.state = RunState::skipped;
        row.run_server.clear();
        row.reason = parse_reason("paused: db upgrade (ops)");
        row.fires = fires;
        if (fires > 1) row.gap_end = t0 + (fires - 1) * 1s;
        return row;
    }
};

TEST_P(PauseStoreTest, KeepsEveryMemberOfAPause)
{
    Pause of_tag = pause(t0, t0 + 1h);
    of_tag.tag = "nächtlich";
    Pause of_job = pause(t0 + 1s, std::nullopt);
    of_job.job = 12;
    of_tag = pauses().add_pause(of_tag);
    of_job = pauses().add_pause(of_job);
    EXPECT_GT(of_tag.id, 0);
    EXPECT_THAT(pauses().pauses_after(t0), ElementsAre(of_tag, of_job));
    EXPECT_THAT(pauses().pauses_after(t0 + 1h), ElementsAre(of_job));
    EXPECT_THAT(pauses().pauses_after(t0 + 1h - 1ms), SizeIs(2));
}

TEST_P(PauseStoreTest, APersonEndsThoseOfAScopeThatAreNotOver)
{
    const Pause over = pauses().add_pause(pause(t0 - 1h, t0));
    const Pause all = pauses().add_pause(pause(t0, std::nullopt));
    Pause of_job = pause(t0, t0 + 1h);
    of_job.job = 12;
    of_job = pauses().add_pause(of_job);
    Pause of_tag = pause(t0 + 1h, t0 + 2h);
    of_tag.tag = "db";
    of_tag = pauses().add_pause(of_tag);

    const std::vector<Pause> ended = pauses().end_pauses({}, t0 + 5s, "ann");
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].id, all.id);
    EXPECT_EQ(ended[0].ended_at, t0 + 5s);
    EXPECT_EQ(ended[0].ended_by, "ann");
    EXPECT_THAT(pauses().end_pauses({}, t0 + 6s, "ann"), IsEmpty());
    EXPECT_THAT(pauses().end_pauses({{}, 12, ""}, t0 + 6s, "ann"), SizeIs(1));
    // One that is still to come never does.
    EXPECT_THAT(pauses().end_pauses({of_tag.id, 0, ""}, t0 + 6s, "ann"), SizeIs(1));
    EXPECT_THAT(pauses().pauses_after(t0 + 6s), IsEmpty());
    EXPECT_THAT(pauses().pauses_after(WallTime()), SizeIs(4));
    EXPECT_EQ(pauses().pauses_after(WallTime()).front(), over);
}

TEST_P(PauseStoreTest, WhatIsStillToBePlannedIsInNoOlderPause)
{
    pauses().add_pause(pause(t0 - 1h, t0));
    EXPECT_THAT(pauses().pauses_of_plan(), SizeIs(1));
    store_->commit(step(1, t0 + 9min, {}));
    EXPECT_THAT(pauses().pauses_of_plan(), SizeIs(1));
    store_->commit(step(1, t0 + 11min, {}));
    EXPECT_THAT(pauses().pauses_of_plan(), IsEmpty());
}

TEST_P(PauseStoreTest, ARowOfSkippedFiresGoesOn)
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    job.notify = {"ops"};
    const JobId id = store_->add_job(job, t0 - 1h).id;
    for (const std::int64_t fires : {1, 1, 3, 3, 2, 5}) {
        store_->commit(step(1, t0 + 10s, {gap(id, fires)}));
    }
    const auto row = store_->find_log_row(RunId{id, t0, 1});
    ASSERT_TRUE(row);
    EXPECT_EQ(row->fires, 5);
    EXPECT_EQ(row->gap_end, t0 + 4s);
    EXPECT_EQ(row->run.state, RunState::skipped);
    EXPECT_EQ(to_string(row->run.reason), "paused: db upgrade (ops)");
    // Each counts once, whatever was committed twice.
    const auto tallies = store_->find_tallies(std::chrono::sys_seconds(),
                                              std::chrono::floor<std::chrono::seconds>(t0) + 1h);
    std::int64_t skipped = 0;
    for (const TallyRow& tally : tallies) skipped += tally.tally.of(Outcome::skipped);
    EXPECT_EQ(skipped, 5);
}

TEST_P(PauseStoreTest, ANewTermFindsTheRowsThatReachToTheEndOfThePlan)
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    std::vector<JobId> ids;
    for (int i = 0; i < 4; ++i) {
        if (i == 2) job.tags = {"db"};
        ids.push_back(store_->add_job(job, t0 - 1h).id);
    }
    // From t0 to t0 + 95 s, and of the second job another one behind it.
    PlannedRun later = gap(ids[1], 3);
    later.id.scheduled_at = t0 + 97s;
    later.gap_end = t0 + 99s;
    std::vector<PlannedRun> runs{later, planned(ids[0], t0 + 40s + 1ms)};
    runs[1].requested_by = "ops";
    for (const JobId id : ids) runs.push_back(gap(id, 96));
    store_->commit(step(1, t0 + 100s, runs));
    const auto found = [&] { return store_->begin_term(2, node_1).skipped_lately; };
    const WallTime since = t0 + 90s;
    const auto reaches = [&](std::size_t i) { return SkippedSpan{ids[i], since, t0 + 95s}; };
    const SkippedSpan behind{ids[1], t0 + 97s, t0 + 99s};
    EXPECT_THAT(found(), UnorderedElementsAre(behind)) << "no job was paused";

    Pause of_job = pause(t0, t0 + 91s);
    of_job.job = ids[0];
    pauses().add_pause(of_job);
    EXPECT_THAT(found(), UnorderedElementsAre(behind, reaches(0)));
    Pause of_tag = pause(t0, t0 + 91s);
    of_tag.tag = "db";
    pauses().add_pause(of_tag);
    EXPECT_THAT(found(), UnorderedElementsAre(behind, reaches(0), reaches(2), reaches(3)));
    pauses().add_pause(pause(t0, std::nullopt));
    EXPECT_THAT(found(),
                UnorderedElementsAre(behind, reaches(0), reaches(1), reaches(2), reaches(3)));
    store_->commit(step(2, t0 + 106s, {}));
    EXPECT_THAT(found(), UnorderedElementsAre(behind));
}

/// Whatever was changed, and by whom: the calendars may be gone, for which it was skipped.
TEST_P(PauseStoreTest, ANewTermFindsSuchRowsOfJobsThatWereChangedSinceThen)
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    std::vector<JobId> ids;
    for (int i = 0; i < 4; ++i) {
        if (i == 3) job.calendar = {"workdays"};
        ids.push_back(store_->add_job(job, t0 - 1h).id);
    }
    std::vector<PlannedRun> runs;
    for (const JobId id : ids) runs.push_back(gap(id, 96));
    store_->commit(step(1, t0 + 100s, runs));
    const auto found = [&] { return store_->begin_term(2, node_1).skipped_lately; };
    const auto reaches = [&](std::size_t i) { return SkippedSpan{ids[i], t0 + 90s, t0 + 95s}; };
    EXPECT_THAT(found(), ElementsAre(reaches(3))) << "its calendar may be changed at any moment";

    JobPatch patch;
    patch.set(&Job::remark, "changed");
    store_->update_job(ids[0], patch, t0 + 90s);
    store_->update_job(ids[1], patch, t0 + 90s + 1ms);
    database_->execute("UPDATE cron SET command = 'by hand' WHERE id = " + std::to_string(ids[2]));
    EXPECT_THAT(found(), UnorderedElementsAre(reaches(1), reaches(2), reaches(3)));
}

TEST_P(PauseStoreTest, WhatHasRunDoesNotBecomeARowOfSkippedFires)
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    const JobId id = store_->add_job(job, t0 - 1h).id;
    store_->commit(step(1, t0, {planned(id, t0)}));
    store_->commit(step(1, t0 + 10s, {gap(id, 5)}));
    const auto row = store_->find_log_row(RunId{id, t0, 1});
    ASSERT_TRUE(row);
    EXPECT_EQ(row->run.state, RunState::planned);
    EXPECT_EQ(row->fires, 1);
    EXPECT_EQ(row->gap_end, std::nullopt);
}

TEST_P(PauseStoreTest, NobodyIsToldOfFiresThatAPersonHasPaused)
{
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    job.notify = {"ops"};
    const JobId id = store_->add_job(job, t0 - 1h).id;
    store_->commit(step(1, t0 + 10s, {gap(id, 5)}));
    EXPECT_THAT(store_->notices().unseen_ends(10), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Conformance, PauseStoreTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
