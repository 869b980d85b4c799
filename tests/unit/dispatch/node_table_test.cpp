#include "dispatch/node_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";

class NodeTableTest : public ::testing::Test {
protected:
    void pass(std::chrono::milliseconds time)
    {
        now_.wall += time;
        now_.steady += time;
    }
    bool connect(const NodeName& node, std::uint64_t incarnation = 1,
                 std::chrono::milliseconds uptime = 1h)
    {
        Account account;
        account.incarnation = incarnation;
        account.slots = 10;
        account.uptime = uptime;
        return nodes_.take_account(node, account, now_);
    }
    void beat(const NodeName& node, std::chrono::milliseconds clock = 0ms, bool draining = false)
    {
        NodeBeat beat;
        beat.echo = now_.wall;
        beat.sent_at = now_.wall + clock;
        beat.load.slots = 10;
        beat.load.draining = draining;
        nodes_.take_beat(node, beat, now_);
    }
    void give_run(const NodeName& node)
    {
        RunOrder order;
        order.id = RunId{1, WallTime(std::chrono::seconds(++runs_given_)), 1};
        runs_.assign(runs_.open(order), node);
    }
    WallTime death(const NodeName& node, std::uint64_t incarnation, SteadyTime listened_from,
                   SteadyTime at)
    {
        return nodes_.take_death(node, Death{incarnation, listened_from, at}, now_);
    }

    DispatchSettings settings_;  // silence 1.5 s, lease 10 s and its margin 2 s, lookahead 2 s
    Moment now_{WallTime(1000h), SteadyTime(1h)};
    OpenRuns runs_;
    NodeTable nodes_{alpha, settings_, runs_};
    int runs_given_ = 0;
};

TEST_F(NodeTableTest, ANodeIsAvailableWhileItIsConnectedHeardAndDoesNotDrain)
{
    EXPECT_FALSE(nodes_.is_available(beta, now_.steady));
    connect(beta);
    EXPECT_TRUE(nodes_.is_available(beta, now_.steady));
    pass(1500ms);
    EXPECT_TRUE(nodes_.is_available(beta, now_.steady));
    pass(1ms);
    EXPECT_FALSE(nodes_.is_available(beta, now_.steady)) << "silent";
    nodes_.note_heard(beta, now_);
    EXPECT_TRUE(nodes_.is_available(beta, now_.steady));
    beat(beta, 0ms, true);
    EXPECT_FALSE(nodes_.is_available(beta, now_.steady)) << "drains";
    beat(beta, 3s);
    EXPECT_FALSE(nodes_.is_available(beta, now_.steady)) << "by its clock";
    beat(beta);
    nodes_.note_disconnected(beta, now_);
    EXPECT_FALSE(nodes_.is_available(beta, now_.steady)) << "not connected";
}

TEST_F(NodeTableTest, HowOftenANodeHasStoodStillCountsByConnection)
{
    EXPECT_EQ(nodes_.stops(beta), 0U);
    connect(beta);
    NodeBeat beat;
    beat.stops = 3;
    nodes_.take_beat(beta, beat, now_);
    EXPECT_EQ(nodes_.stops(beta), 3U);
    nodes_.note_disconnected(beta, now_);
    EXPECT_EQ(nodes_.stops(beta), 0U);
    connect(beta);
    EXPECT_EQ(nodes_.stops(beta), 0U) << "what it said before says nothing of this connection";
}

TEST_F(NodeTableTest, ABeatRenewsALeaseOnlyOfANodeThatWasHeardLately)
{
    EXPECT_FALSE(nodes_.hears(beta, now_));
    connect(beta);
    pass(750ms);
    EXPECT_TRUE(nodes_.hears(beta, now_));
    pass(1ms);
    EXPECT_FALSE(nodes_.hears(beta, now_));
    beat(beta);
    EXPECT_TRUE(nodes_.hears(beta, now_));
    nodes_.note_disconnected(beta, now_);
    EXPECT_FALSE(nodes_.hears(beta, now_));
}

TEST_F(NodeTableTest, AnAccountCountsForItsConnection)
{
    EXPECT_FALSE(nodes_.has_account(beta));
    nodes_.add(alpha, now_);
    connect(beta);
    EXPECT_TRUE(nodes_.has_account(beta));
    EXPECT_THAT(nodes_.with_accounts(), ElementsAre(beta));
    nodes_.note_disconnected(beta, now_);
    EXPECT_FALSE(nodes_.has_account(beta));
    EXPECT_THAT(nodes_.with_accounts(), IsEmpty());
}

TEST_F(NodeTableTest, AnAccountTellsARestartedProcess)
{
    EXPECT_FALSE(connect(beta, 1)) << "nobody knew another";
    EXPECT_FALSE(connect(beta, 1));
    beat(beta, 70ms);
    EXPECT_TRUE(connect(beta, 2, 5s));
    EXPECT_EQ(nodes_.at(beta).incarnation, 2U);
    EXPECT_EQ(nodes_.at(beta).process_started, now_.wall - 5s);
    EXPECT_EQ(nodes_.at(beta).earlier_until, now_.wall - 5s + 90ms) << "by its clock";
}

TEST_F(NodeTableTest, ADeathIsDatedByTheProcessThatIsKnown)
{
    connect(beta, 5);
    pass(10s);
    beat(beta);
    pass(10s);
    EXPECT_EQ(death(beta, 5, now_.steady - 1h, now_.steady - 3s), now_.wall - 3s);
    EXPECT_EQ(death(beta, 5, now_.steady - 1h, now_.steady - 15s), now_.wall - 10s)
        << "it was heard later";
    EXPECT_EQ(death(beta, 6, now_.steady - 8s, now_.steady - 3s), now_.wall - 8s)
        << "the one before had ended when this one listened";
    EXPECT_EQ(death(beta, 6, now_.steady, now_.steady + 5s), now_.wall) << "not in the future";
}

TEST_F(NodeTableTest, ANodeIsGoneWhenItIsSilentAndFailsForLongerThanLeaseAndMargin)
{
    connect(beta);
    give_run(beta);
    pass(1s);
    nodes_.take_registry({alpha}, now_);
    pass(12s);
    EXPECT_THAT(nodes_.gone(now_), IsEmpty()) << "it has failed for 12 s";
    pass(1ms);
    EXPECT_THAT(nodes_.gone(now_), ElementsAre(beta));
    nodes_.note_heard(beta, now_);
    EXPECT_THAT(nodes_.gone(now_), IsEmpty());
}

TEST_F(NodeTableTest, ANodeThatPassesAgainHasNotFailed)
{
    connect(beta);
    nodes_.take_registry({alpha}, now_);
    pass(10s);
    nodes_.take_registry({alpha, beta}, now_);
    nodes_.take_registry({alpha}, now_);
    pass(10s);
    EXPECT_THAT(nodes_.gone(now_), IsEmpty());
    pass(3s);
    EXPECT_THAT(nodes_.gone(now_), ElementsAre(beta));
}

TEST_F(NodeTableTest, AnOldListOfTheRegistryDoesNotSayThatANodeFailsStill)
{
    connect(beta);
    nodes_.take_registry({alpha}, now_);
    nodes_.note_registry_seen(now_.steady + 12s);
    pass(1min);
    EXPECT_THAT(nodes_.gone(now_), IsEmpty());
    nodes_.note_registry_seen(now_.steady);
    EXPECT_THAT(nodes_.gone(now_), ElementsAre(beta));
}

TEST_F(NodeTableTest, ANodeIsGivenUpOnceUnlessItHasRunsAgain)
{
    connect(beta);
    nodes_.take_registry({alpha}, now_);
    pass(1min);
    EXPECT_TRUE(nodes_.give_up(beta));
    EXPECT_FALSE(nodes_.give_up(beta));
    EXPECT_THAT(nodes_.gone(now_), IsEmpty());
    give_run(beta);
    EXPECT_THAT(nodes_.gone(now_), ElementsAre(beta));
    nodes_.revive(beta);
    EXPECT_TRUE(nodes_.give_up(beta));
}

TEST_F(NodeTableTest, TheLabelsOfANodeAreThoseOfItsNewestProcess)
{
    connect(alpha);
    const std::uint64_t changes = nodes_.label_changes();
    Account account;
    account.incarnation = 1;
    account.labels = {"db"};
    nodes_.take_account(alpha, account, now_);
    EXPECT_EQ(nodes_.label_changes(), changes + 1);
    nodes_.take_account(alpha, account, now_);
    EXPECT_EQ(nodes_.label_changes(), changes + 1);
    EXPECT_TRUE(nodes_.at(alpha).labels.contains("db"));
    account.incarnation = 2;
    account.labels = {"web"};
    nodes_.take_account(alpha, account, now_);
    EXPECT_FALSE(nodes_.at(alpha).labels.contains("db"));
    EXPECT_EQ(nodes_.label_changes(), changes + 2);
}

TEST_F(NodeTableTest, OnlyClocksOfOthersThatAreHeardAndMeasuredCount)
{
    connect(alpha);
    beat(alpha);
    connect(beta);
    EXPECT_THAT(nodes_.measured_clocks(now_), IsEmpty());
    EXPECT_EQ(nodes_.most_ahead(beta), settings_.lookahead);
    beat(beta, 30ms);
    EXPECT_THAT(nodes_.measured_clocks(now_), ElementsAre(30ms));
    EXPECT_EQ(nodes_.most_ahead(beta), 50ms);
    pass(2s);
    EXPECT_THAT(nodes_.measured_clocks(now_), IsEmpty());
}

TEST_F(NodeTableTest, ShowsTheNodesThatThisDispatcherHasMet)
{
    Roster told;
    for (const NodeName& node : {alpha, beta}) {
        NodeLoad load;
        load.node = node;
        load.clock_known = true;
        load.clock_offset = node == beta ? 30ms : 0ms;
        told.nodes.push_back(load);
    }
    nodes_.learn_clocks(told, now_);
    nodes_.take_registry({}, now_);
    EXPECT_THAT(nodes_.loads(now_), IsEmpty());
    connect(beta);
    const std::vector<NodeLoad> loads = nodes_.loads(now_);
    ASSERT_THAT(loads, SizeIs(1));
    EXPECT_EQ(loads[0].node, beta);
    EXPECT_EQ(loads[0].slots, 10U);
    EXPECT_TRUE(loads[0].connected);
    EXPECT_TRUE(loads[0].clock_known);
    EXPECT_EQ(loads[0].clock_offset, 30ms);
    pass(2s);
    EXPECT_FALSE(nodes_.loads(now_)[0].connected);
}

}  // namespace
}  // namespace peercron
