#include "dispatch/run_doubts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";
constexpr WallTime noon{1000h};

RunId run(JobId job)
{
    return RunId{job, noon, 1};
}

class RunDoubtsTest : public ::testing::Test {
protected:
    /// The runs of jobs 1 and 2 are open at alpha, that of 3 at beta.
    static TermStart ledger()
    {
        TermStart found;
        for (const JobId job : {1, 2, 3}) {
            OpenRun row;
            row.planned.id = run(job);
            row.planned.run_server = job == 3 ? beta : alpha;
            found.open_runs.push_back(row);
        }
        return found;
    }
    std::vector<JobId> orphans(std::map<NodeName, WallTime> dead, const std::set<RunId>& known = {})
    {
        const TermStart found = ledger();
        std::vector<JobId> jobs;
        for (const OpenRun* row : doubts_.settle_deaths(
                 found, dead, [&](const RunId& id) { return known.contains(id); })) {
            jobs.push_back(row->planned.id.job);
        }
        return jobs;
    }

    RunDoubts doubts_;
};

TEST_F(RunDoubtsTest, ADoubtAboutARunIsSettledOnce)
{
    EXPECT_TRUE(doubts_.empty());
    doubts_.add(run(1));
    EXPECT_FALSE(doubts_.empty());
    EXPECT_TRUE(doubts_.contains(run(1)));
    EXPECT_FALSE(doubts_.settle(run(2)));
    EXPECT_TRUE(doubts_.settle(run(1)));
    EXPECT_FALSE(doubts_.settle(run(1)));
    EXPECT_TRUE(doubts_.empty());
}

TEST_F(RunDoubtsTest, TheOpenRowsOfADeadNodeThatNobodyKnowsAreOrphans)
{
    doubts_.node_died(alpha, noon);
    EXPECT_FALSE(doubts_.empty());
    EXPECT_THAT(orphans(doubts_.open().dead, {run(2)}), ElementsAre(1));
    EXPECT_TRUE(doubts_.empty());
}

TEST_F(RunDoubtsTest, WhatWasReadBeforeADeathDoesNotSettleIt)
{
    EXPECT_THAT(orphans({}), IsEmpty());
    doubts_.node_died(alpha, noon);
    const auto dead = doubts_.open().dead;
    doubts_.node_died(alpha, noon + 5s);
    EXPECT_THAT(orphans(dead), ElementsAre(1, 2));
    EXPECT_THAT(doubts_.open().dead, ElementsAre(std::pair(alpha, noon + 5s)));
}

TEST_F(RunDoubtsTest, WhatANodeTellsAfterItWasTakenForDeadItWillWriteItself)
{
    doubts_.note_no_orphan(alpha, run(2));  // before
    doubts_.node_died(alpha, noon);
    doubts_.note_no_orphan(alpha, run(1));
    EXPECT_THAT(orphans(doubts_.open().dead), ElementsAre(2));
}

TEST_F(RunDoubtsTest, WhatWasTakenFromADeadNodeIsNoOrphanOfIt)
{
    doubts_.node_died(alpha, noon);
    doubts_.note_no_orphan(alpha, run(1));
    EXPECT_THAT(orphans(doubts_.open().dead), ElementsAre(2));
}

TEST_F(RunDoubtsTest, WhatItToldBeforeItDiedAgainItMayNotHaveWritten)
{
    doubts_.node_died(alpha, noon);
    doubts_.note_no_orphan(alpha, run(1));
    doubts_.node_died(alpha, noon + 5s);
    EXPECT_THAT(orphans(doubts_.open().dead), ElementsAre(1, 2));
}

TEST_F(RunDoubtsTest, ADeathThatIsSettledLeavesNothingBehind)
{
    doubts_.node_died(alpha, noon);
    doubts_.note_no_orphan(alpha, run(1));
    orphans(doubts_.open().dead);
    EXPECT_THAT(orphans({{alpha, noon}}), ElementsAre(1, 2));
}

}  // namespace
}  // namespace peercron
