#include "integration/store/store_fixture.hpp"
#include "store/backfill_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

// What the part of every store that is about backfills promises (store/backfill_store.hpp).

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

class BackfillStoreTest : public testing::StoreFixture {
protected:
    BackfillStoreTest()
    {
        store_->begin_term(1, node_1);
        Job job;
        job.cron_set = "* * * * *";
        job.command = "true";
        job_ = store_->add_job(job, t0).id;
    }

    BackfillStore& backfills() { return store_->backfills(); }

    Backfill draft(JobId job) const
    {
        Backfill draft;
        draft.job = job;
        draft.from = t0;
        draft.to = t0 + 1h;
        draft.only = BackfillOnly::failed;
        draft.parallel = 2;
        draft.asked_by = "it's ü at 10.0.0.3";
        draft.asked_at = t0 + 2h;
        return draft;
    }

    JobId job_ = 0;
};

TEST_P(BackfillStoreTest, IsFoundAsItWasAdded)
{
    const Backfill added = backfills().add(draft(job_), std::vector{t0, t0 + 1min});
    Backfill expected = draft(job_);
    expected.id = added.id;
    EXPECT_EQ(added, expected);
    ASSERT_TRUE(backfills().find(added.id));
    EXPECT_EQ(backfills().find(added.id)->backfill, expected);
    EXPECT_EQ(backfills().find(added.id)->fires, 2);
    EXPECT_FALSE(backfills().find(added.id + 1));
    const Backfill second = backfills().add(draft(job_), std::vector{t0});
    const auto list = backfills().list(job_, 10);
    ASSERT_THAT(list, SizeIs(2));
    EXPECT_EQ(list[0].backfill.id, second.id);
    EXPECT_THAT(backfills().list(job_, 1), SizeIs(1));
    EXPECT_THAT(backfills().list(job_ + 1, 10), IsEmpty());
}

TEST_P(BackfillStoreTest, TheLedgerSaysWhichFiresHaveBegun)
{
    std::vector<WallTime> fires;
    for (int i = 0; i < 1200; ++i) fires.push_back(t0 + i * 1min);
    const Backfill backfill = backfills().add(draft(job_), fires);
    ASSERT_THAT(backfills().work(3), SizeIs(1));
    EXPECT_THAT(backfills().work(3)[0].next, ElementsAre(t0, t0 + 1min, t0 + 2min));
    EXPECT_EQ(backfills().work(3)[0].open, 0);

    // An attempt of the schedule is not one of the backfill.
    PlannedRun scheduled = planned(job_, t0);
    PlannedRun again = planned(job_, t0);
    again.id.attempt = 2;
    again.requested_by = request_of(backfill);
    PlannedRun missing = planned(job_, t0 + 1min);
    missing.requested_by = request_of(backfill);
    store_->commit(step(1, t0 + 2h, {scheduled, again, missing}));
    store_->record(std::vector{report(scheduled.id, RunState::failed)});
    EXPECT_THAT(backfills().work(2)[0].next, ElementsAre(t0 + 2min, t0 + 3min));
    EXPECT_EQ(backfills().work(2)[0].open, 2);

    store_->record(std::vector{report(again.id, RunState::success)});
    const auto progress = backfills().find(backfill.id);
    EXPECT_EQ(progress->fires, 1200);
    EXPECT_EQ(progress->begun, 2);
    EXPECT_EQ(progress->open, 1);
}

TEST_P(BackfillStoreTest, OneThatIsOverStaysSo)
{
    const Backfill backfill = backfills().add(draft(job_), std::vector{t0});
    EXPECT_TRUE(backfills().end(backfill.id, BackfillState::stopped, "by 'ops'", t0 + 3h));
    EXPECT_TRUE(backfills().end(backfill.id, BackfillState::done, "", t0 + 4h));
    EXPECT_FALSE(backfills().end(backfill.id + 1, BackfillState::done, "", t0 + 4h));
    EXPECT_THAT(backfills().work(10), IsEmpty());
    const Backfill found = backfills().find(backfill.id)->backfill;
    EXPECT_EQ(found.state, BackfillState::stopped);
    EXPECT_EQ(found.why, "by 'ops'");
    EXPECT_EQ(found.ended_at, t0 + 3h);
}

TEST_P(BackfillStoreTest, WhatHasBeenOverForLongIsForgotten)
{
    const Backfill old = backfills().add(draft(job_), std::vector{t0});
    const Backfill open = backfills().add(draft(job_), std::vector{t0});
    backfills().end(old.id, BackfillState::done, "", t0 + 3h);
    Backfill later = draft(job_);
    later.asked_at = t0 + 3h + 24h * 90;
    backfills().add(later, std::vector{t0});
    EXPECT_TRUE(backfills().find(old.id));
    later.asked_at += 1ms;
    backfills().add(later, std::vector{t0});
    EXPECT_FALSE(backfills().find(old.id));
    EXPECT_TRUE(backfills().find(open.id));
}

INSTANTIATE_TEST_SUITE_P(Conformance, BackfillStoreTest,
                         ::testing::ValuesIn(testing::store_kinds()), testing::name_of);

}  // namespace
}  // namespace peercron
