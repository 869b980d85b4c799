#include "dispatch/node_links.hpp"

#include "integration/store/told_log.hpp"
#include "unit/dispatch/links_fixture.hpp"

#include <gmock/gmock.h>

#include <string>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using NodeLinksTest = LinksTest;

TEST_F(NodeLinksTest, EachRegisteredNodeIsGreetedAndWhatItSaysIsPassedOn)
{
    connect_all();
    EXPECT_THAT(links_.connected(), ElementsAre(alpha, beta, gamma));
    EXPECT_THAT(heard<TermHello>(beta), ElementsAre(TermHello{7, alpha, true}));
    node(beta).say(StepsStored());
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_EQ(messages_[0].first, beta);
}

TEST_F(NodeLinksTest, AConnectionThatEndsIsMadeAgain)
{
    std::vector<NodeName> ended;
    on_end_ = [&](const NodeName& name) { ended.push_back(name); };
    connect_all();
    hang_up(beta);
    EXPECT_THAT(ended, ElementsAre(beta));
    EXPECT_FALSE(links_.is_connected(beta));
    links_.send(beta, StepsStored());  // to nobody
    node(beta).accepts = true;
    pass(2s);
    EXPECT_TRUE(links_.is_connected(beta));
    EXPECT_THAT(heard<StepsStored>(beta), IsEmpty());
    EXPECT_EQ(heard<TermHello>(beta).size(), 2U);
}

TEST_F(NodeLinksTest, ANodeThatCannotBeReachedHasAnsweredAsFarAsItCan)
{
    node(beta).accepts = false;
    links_.follow_registry();
    pass(0ms);
    EXPECT_FALSE(links_.have_all_answered());
    links_.note_account(alpha);
    links_.note_account(gamma);
    EXPECT_TRUE(links_.have_all_answered());
}

TEST_F(NodeLinksTest, EachReasonWhyANodeCannotBeReachedIsLoggedOnceUntilItIsReached)
{
    connect_all();
    const testing::ToldLog log;
    const auto count = [&log](const std::string& why) {
        return log.count("no connection to " + beta + ": " + why);
    };
    pass(1min);
    hang_up(beta);
    pass(1min);
    EXPECT_EQ(count("no answer"), 1U) << "though it has given its account before";
    for (int i = 0; i < 3; ++i) {
        node(beta).why_not = "its certificate has expired";
        pass(1min);
        node(beta).why_not = "no answer";
        pass(1min);
    }
    EXPECT_EQ(count("its certificate has expired"), 1U);
    EXPECT_EQ(count("no answer"), 1U);
    node(beta).accepts = true;
    pass(1min);
    ASSERT_TRUE(links_.is_connected(beta));
    hang_up(beta);
    pass(1min);
    EXPECT_EQ(count("no answer"), 2U);
}

TEST_F(NodeLinksTest, WhyANodeCannotBeReachedDoesNotFillTheLog)
{
    connect_all();
    hang_up(beta);
    const testing::ToldLog log;
    for (int i = 0; i < 100; ++i) {
        node(beta).why_not = "reason " + std::to_string(i);
        pass(1min);
    }
    EXPECT_GE(log.count("no connection to " + beta), 10U);
    EXPECT_LE(log.count("no connection to " + beta), 16U);
}

TEST_F(NodeLinksTest, ADeadNodeIsNotElectedUntilItIsHeardAgain)
{
    connect_all();
    EXPECT_TRUE(links_.may_be_elected(beta));
    const Death death = links_.note_death(beta, NodeDied{1, 10ms, 1h});
    EXPECT_EQ(death.incarnation, 1U);
    EXPECT_EQ(death.at, loop_.now() - 10ms);
    EXPECT_THAT(heard<DeathHeard>(beta), ElementsAre(DeathHeard{1}));
    EXPECT_FALSE(links_.may_be_elected(beta));
    EXPECT_EQ(links_.deaths().size(), 1U);
    links_.note_account(beta);
    EXPECT_TRUE(links_.may_be_elected(beta));
    EXPECT_THAT(links_.deaths(), IsEmpty());
}

TEST_F(NodeLinksTest, AFailingNodeMayBeElectedOnlyIfTheRegistryHasNotAnsweredLately)
{
    connect_all();
    lock_.nodes.at(1).passing = false;
    EXPECT_FALSE(links_.may_be_elected(beta));
    EXPECT_FALSE(links_.may_be_elected("127.0.0.1:1")) << "not registered";
    lock_.is_away = true;
    EXPECT_TRUE(links_.may_be_elected(beta));
}

TEST_F(NodeLinksTest, ANodeThatNamesAnEpochThatCannotBeIsLeftAlone)
{
    connect_all();
    EXPECT_TRUE(links_.is_believed(beta, 8));
    EXPECT_FALSE(links_.is_believed(beta, last_epoch + 1));
    pass(1ms);
    EXPECT_FALSE(links_.is_connected(beta));
}

}  // namespace
}  // namespace peercron
