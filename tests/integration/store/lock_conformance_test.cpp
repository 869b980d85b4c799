#include "integration/store/store_fixture.hpp"
#include "store/lock_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

// What the part of every store that is about locks promises (store/lock_store.hpp).

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

class LockStoreTest : public testing::StoreFixture {
protected:
    LockStoreTest() { store_->begin_term(1, node_1); }

    LockStore& locks() { return store_->locks(); }

    JobId add_job(std::vector<std::string> names)
    {
        Job job;
        job.cron_set = "* * * * *";
        job.command = "true";
        job.locks = std::move(names);
        return store_->add_job(job, t0).id;
    }
};

TEST_P(LockStoreTest, ALimitIsSetReplacedAndDeleted)
{
    EXPECT_THAT(locks().limits(), IsEmpty());
    const LockLimit ftp{"ftp", 4, "it's ü at 10.0.0.3", t0};
    const LockLimit db{"Db", 1, "ops", t0 + 1ms};
    locks().set_limit(ftp);
    locks().set_limit(db);
    EXPECT_THAT(locks().limits(), ElementsAre(db, ftp));
    LockLimit lower = ftp;
    lower.limit = 2;
    locks().set_limit(lower);
    locks().set_limit(lower);
    EXPECT_THAT(locks().limits(), ElementsAre(db, lower));
    EXPECT_FALSE(locks().delete_limit("db"));
    EXPECT_TRUE(locks().delete_limit("Db"));
    EXPECT_THAT(locks().limits(), ElementsAre(lower));
}

TEST_P(LockStoreTest, TellsWhoHasLocksAndWhichOfTheirRunsAreOpen)
{
    const JobId with = add_job({"ftp:2", "db"});
    const JobId without = add_job({});
    ASSERT_THAT(locks().users(), SizeIs(1));
    EXPECT_EQ(locks().users()[0].job, with);
    EXPECT_THAT(locks().users()[0].locks, ElementsAre("ftp:2", "db"));

    store_->commit(step(1, t0 + 3s,
                        {planned(with, t0 + 2s), planned(with, t0 + 1s), planned(with, t0 + 3s),
                         planned(without, t0 + 1s)}));
    RunReport running = report({with, t0 + 1s, 1}, RunState::running);
    running.started_at = t0 + 1001ms;
    store_->record(std::vector{running, report({with, t0 + 3s, 1}, RunState::success)});
    const std::vector<OpenLockRun> open = locks().open_runs();
    ASSERT_THAT(open, SizeIs(2));
    EXPECT_EQ(open[0].id, (RunId{with, t0 + 1s, 1}));
    EXPECT_EQ(open[0].state, RunState::running);
    EXPECT_EQ(open[0].run_server, node_1);
    EXPECT_EQ(open[0].started_at, t0 + 1001ms);
    EXPECT_GT(open[0].row, 0);
    EXPECT_EQ(open[1].state, RunState::planned);
}

INSTANTIATE_TEST_SUITE_P(Conformance, LockStoreTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
