#include "dispatch/open_runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";

class OpenRunsTest : public ::testing::Test {
protected:
    static RunId id(JobId job, std::chrono::seconds due) { return RunId{job, WallTime(due), 1}; }

    OpenRuns::Place open(const RunId& id)
    {
        RunOrder order;
        order.id = id;
        return runs_.open(order);
    }

    OpenRuns runs_;
};

TEST_F(OpenRunsTest, FindsRunsByIdentityJobAndNode)
{
    runs_.assign(open(id(1, 2s)), beta);
    runs_.assign(open(id(1, 1s)), alpha);
    open(id(1, 3s));
    runs_.assign(open(id(2, 1s)), alpha);
    EXPECT_EQ(runs_.size(), 4U);
    EXPECT_TRUE(runs_.contains(id(1, 3s)));
    EXPECT_FALSE(runs_.contains(id(2, 3s)));
    EXPECT_THAT(runs_.of_job(1), ElementsAre(id(1, 1s), id(1, 2s), id(1, 3s)));
    EXPECT_THAT(runs_.of_job(3), IsEmpty());
    EXPECT_THAT(runs_.of_node(alpha), UnorderedElementsAre(id(1, 1s), id(2, 1s)));
    EXPECT_EQ(runs_.at(id(1, 2s)).node(), beta);
    EXPECT_EQ(runs_.at(id(1, 3s)).node(), "");
}

TEST_F(OpenRunsTest, ARunThatIsClosedIsFoundNowhere)
{
    const auto run = open(id(1, 1s));
    runs_.assign(run, alpha);
    runs_.close(run);
    EXPECT_EQ(runs_.size(), 0U);
    EXPECT_EQ(runs_.find(id(1, 1s)), runs_.end());
    EXPECT_THAT(runs_.of_job(1), IsEmpty());
    EXPECT_THAT(runs_.of_node(alpha), IsEmpty());
    EXPECT_THAT(runs_.busy_nodes(), IsEmpty());
}

TEST_F(OpenRunsTest, CountsTheRunsOfEachNode)
{
    const OpenRuns::Share& of_alpha = runs_.share_of(alpha);
    const OpenRuns::Share& of_beta = runs_.share_of(beta);
    const auto first = open(id(1, 1s));
    const auto second = open(id(1, 2s));
    runs_.assign(first, alpha);
    runs_.assign(second, alpha);
    EXPECT_EQ(of_alpha.open, 2U);
    EXPECT_THAT(runs_.busy_nodes(), ElementsAre(alpha));
    runs_.unassign(second);
    runs_.unassign(second);
    EXPECT_EQ(of_alpha.open, 1U) << "it was at no node the second time";
    runs_.assign(second, beta);
    EXPECT_EQ(of_beta.open, 1U);
    EXPECT_THAT(runs_.busy_nodes(), ElementsAre(alpha, beta));
    runs_.close(first);
    EXPECT_EQ(of_alpha.open, 0U);
    EXPECT_THAT(runs_.busy_nodes(), ElementsAre(beta));
}

TEST_F(OpenRunsTest, KnowsWhichNodeWasGivenARunLast)
{
    const OpenRuns::Share& of_alpha = runs_.share_of(alpha);
    const OpenRuns::Share& of_beta = runs_.share_of(beta);
    runs_.assign(open(id(1, 1s)), alpha);
    runs_.assign(open(id(1, 2s)), beta);
    EXPECT_LT(of_alpha.turn, of_beta.turn);
    runs_.assign(open(id(1, 3s)), alpha);
    EXPECT_GT(of_alpha.turn, of_beta.turn);
}

std::vector<NodeName> nodes_of(const std::vector<OpenRuns::Holder>& holders)
{
    std::vector<NodeName> nodes;
    for (const OpenRuns::Holder& holder : holders) nodes.push_back(holder.node);
    return nodes;
}

TEST_F(OpenRunsTest, TheHomesOfAJobAreTheNodesThatHaveItsRuns)
{
    EXPECT_THAT(runs_.runs_of(1, 0), IsEmpty());
    open(id(1, 1s));
    EXPECT_THAT(runs_.runs_of(1, 0), IsEmpty());
    runs_.assign(open(id(1, 2s)), beta);
    runs_.assign(open(id(1, 3s)), beta);
    EXPECT_THAT(nodes_of(runs_.runs_of(1, 0)), ElementsAre(beta));
    EXPECT_EQ(runs_.runs_of(1, 0)[0].run, id(1, 2s));
    runs_.assign(open(id(1, 4s)), alpha);
    runs_.assign(open(id(2, 4s)), alpha);
    EXPECT_THAT(nodes_of(runs_.runs_of(1, 0)), ElementsAre(beta, alpha));
}

TEST_F(OpenRunsTest, TheHoldersOfALockAreTheRunsAtNodesWhoseOrdersHaveIt)
{
    Job job;
    job.locks = {"db", "ftp:2"};
    const auto run = open(id(1, 1s));
    run->second.order.fields = NodeFields::of(job);
    run->second.order.lock_limits = {1, 2};
    EXPECT_THAT(runs_.holders_of({"db"}), IsEmpty());
    runs_.assign(run, alpha);
    EXPECT_THAT(nodes_of(runs_.holders_of({"db"})), ElementsAre(alpha));
    EXPECT_EQ(runs_.holders_of({"ftp"})[0].run, id(1, 1s));
    EXPECT_THAT(runs_.holders_of({"other"}), IsEmpty());

    const auto unknown = open(id(2, 1s));
    unknown->second.may_hold_any_lock = true;
    runs_.assign(unknown, beta);
    EXPECT_THAT(nodes_of(runs_.holders_of({"other"})), ElementsAre(beta));
    EXPECT_THAT(runs_.holders_of({}), IsEmpty());
    unknown->second.may_hold_any_lock = false;
    runs_.note_locks(unknown);
    EXPECT_THAT(runs_.holders_of({"other"}), IsEmpty());

    runs_.close(run);
    EXPECT_THAT(runs_.holders_of({"db", "ftp"}), IsEmpty());
}

TEST_F(OpenRunsTest, ARunIsBehindAnEarlierOneOfItsJobThatHasNoNode)
{
    const auto first = open(id(1, 1s));
    open(id(1, 2s));
    open(id(2, 0s));
    EXPECT_FALSE(runs_.is_behind_another(id(1, 1s))) << "the other is later";
    EXPECT_TRUE(runs_.is_behind_another(id(1, 2s)));
    EXPECT_FALSE(runs_.is_behind_another(id(2, 0s))) << "of its job it is the only one";
    runs_.assign(first, alpha);
    EXPECT_FALSE(runs_.is_behind_another(id(1, 2s)));
}

TEST_F(OpenRunsTest, ARunIsBehindNoneThatWaitsForWhatItsJobRequires)
{
    open(id(1, 1s))->second.requirement = Requirement::waits;
    open(id(1, 2s));
    EXPECT_FALSE(runs_.is_behind_another(id(1, 2s)));
    runs_.find(id(1, 1s))->second.requirement = Requirement::met;
    EXPECT_TRUE(runs_.is_behind_another(id(1, 2s)));
}

TEST_F(OpenRunsTest, ARunIsBehindNoneThatStartsLater)
{
    open(id(1, 1s))->second.retry_at = WallTime(5s);
    open(id(1, 2s))->second.order.start_at = WallTime(2s);
    open(id(1, 4s))->second.order.start_at = WallTime(6s);
    EXPECT_FALSE(runs_.is_behind_another(id(1, 2s))) << "with jitter the first starts later";
    EXPECT_TRUE(runs_.is_behind_another(id(1, 4s)));
}

}  // namespace
}  // namespace peercron
