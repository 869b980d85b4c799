#include "dispatch/node_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

class NodeChoiceTest : public ::testing::Test {
protected:
    const NodeName alpha_ = "10.0.0.1:9991";
    const NodeName beta_ = "10.0.0.2:9991";
    const NodeName gamma_ = "10.0.0.3:9991";

    void connect(const NodeName& node, std::vector<std::string> labels = {},
                 std::uint32_t slots = 10)
    {
        Account account;
        account.incarnation = 1;
        account.slots = slots;
        account.labels = std::move(labels);
        account.known_fields = names_of_needs(fields_for_nodes());
        nodes_.take_account(node, account, now_);
    }
    RunOrder order(Job job)
    {
        job.cron_set = "* * * * * *";
        job.command = "true";
        RunOrder order;
        order.id = RunId{job.id, now_.wall + std::chrono::seconds(++fires_), 1};
        order.fields = NodeFields::of(job);
        jobs_.put(std::move(job), now_.wall);
        return order;
    }
    void give(const NodeName& node, const Job& job) { runs_.assign(runs_.open(order(job)), node); }
    std::optional<NodeName> choose(const Job& job)
    {
        return choice_.choose(order(job), now_.steady);
    }
    static Job job(JobId id, std::vector<std::string> run_on = {}, std::int64_t weight = 1)
    {
        Job job;
        job.id = id;
        job.run_on = std::move(run_on);
        job.weight = weight;
        return job;
    }
    static Job sticky(JobId id)
    {
        Job sticky = job(id);
        sticky.spread = Spread::sticky;
        return sticky;
    }

    DispatchSettings settings_;
    Moment now_{WallTime(1000h), SteadyTime(1h)};
    int fires_ = 0;
    JobTable jobs_{"UTC"};
    OpenRuns runs_;
    NodeTable nodes_{alpha_, settings_, runs_};
    NodeChoice choice_{nodes_, jobs_};
};

TEST_F(NodeChoiceTest, TheLeastLoadedHasTheFewestRunsForItsSlots)
{
    EXPECT_EQ(choose(job(1)), std::nullopt);
    connect(alpha_);
    connect(beta_, {}, 20);
    give(alpha_, job(1));
    give(beta_, job(1));
    EXPECT_EQ(choose(job(1)), beta_);
    give(beta_, job(1));
    EXPECT_EQ(choose(job(1)), alpha_) << "equal, and it has waited for longer";
    nodes_.note_disconnected(alpha_, now_);
    EXPECT_EQ(choose(job(1)), beta_);
}

TEST_F(NodeChoiceTest, AHeavyRunCountsForItsWeight)
{
    connect(alpha_);
    connect(beta_);
    give(alpha_, job(1, {}, 3));
    give(beta_, job(2));
    give(beta_, job(2));
    EXPECT_EQ(choose(job(2)), beta_);
    give(beta_, job(2));
    give(beta_, job(2));
    EXPECT_EQ(choose(job(2)), alpha_);
}

TEST_F(NodeChoiceTest, OnlyNodesWhoseLabelsFitAreChosen)
{
    connect(alpha_, {"db", "spare"});
    connect(beta_, {"db"});
    connect(gamma_);
    for (int i = 0; i < 5; ++i) give(beta_, job(1));
    EXPECT_EQ(choose(job(2, {"db", "!spare"})), beta_);
    EXPECT_EQ(choose(job(3, {"address=10.0.0.3"})), gamma_);
    EXPECT_EQ(choose(job(4, {"db", "address=10.0.0.3:9991"})), std::nullopt);
    EXPECT_EQ(choose(job(5, {"web"})), std::nullopt);
    connect(gamma_, {"web"});
    EXPECT_EQ(choose(job(5, {"web"})), gamma_) << "labels have changed with a restart";
    connect(gamma_, {});
    EXPECT_EQ(choose(job(5, {"web"})), std::nullopt);
}

TEST_F(NodeChoiceTest, ARunThatTakesMoreSlotsThanANodeHasGoesToALargerOne)
{
    connect(alpha_, {}, 4);
    connect(beta_, {}, 8);
    for (int i = 0; i < 7; ++i) give(beta_, job(1));
    EXPECT_EQ(choose(job(2, {}, 5)), beta_);
    EXPECT_EQ(choose(job(3, {}, 9)), std::nullopt);
    EXPECT_EQ(choice_.why_none(order(job(3, {}, 9))), "no node had the 9 slots that it takes");
    EXPECT_EQ(choice_.why_not(alpha_, order(job(2, {}, 5))), "has 4 slots, and it takes 5");
}

TEST_F(NodeChoiceTest, ANodeThatDoesNotKnowWeightsIsGivenNone)
{
    Account old;
    old.incarnation = 1;
    old.slots = 100;
    nodes_.take_account(alpha_, old, now_);
    EXPECT_EQ(choose(job(1)), alpha_);
    EXPECT_EQ(choose(job(2, {}, 2)), std::nullopt);
    connect(beta_);
    EXPECT_EQ(choose(job(2, {}, 2)), beta_);
}

TEST_F(NodeChoiceTest, AStickyJobGoesToTheSameNodeWhateverItsLoadAndComesBack)
{
    connect(alpha_);
    connect(beta_);
    connect(gamma_);
    std::set<NodeName> chosen;
    for (JobId id = 1; id <= 20; ++id) {
        const NodeName first = choose(sticky(id)).value();
        chosen.insert(first);
        for (int i = 0; i < 3; ++i) give(first, sticky(id));
        EXPECT_EQ(choose(sticky(id)), first);
        nodes_.note_disconnected(first, now_);
        EXPECT_NE(choose(sticky(id)), first);
        connect(first);
        EXPECT_EQ(choose(sticky(id)), first);
    }
    EXPECT_EQ(chosen.size(), 3U) << "each node has some of the jobs";
}

}  // namespace
}  // namespace peercron
