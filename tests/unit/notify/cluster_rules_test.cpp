#include "notify/cluster_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);  // 2026-11-21T12:00:00Z
const NodeName one = "10.0.0.1:9991";
const NodeName two = "10.0.0.2:9991";
const NodeName three = "10.0.0.3:9991";

ClusterNotices all_kinds()
{
    ClusterNotices notices;
    for (const NoticeKind kind : cluster_kinds) notices.on.emplace_back(to_string(kind));
    return notices;
}

/// A cluster of three, in which node one dispatches.
class ClusterRulesTest : public ::testing::Test {
protected:
    ClusterRulesTest()
    {
        facts_.now = noon;
        facts_.self = one;
        for (const NodeName& name : {one, two, three}) {
            facts_.nodes.push_back({.name = name});
            facts_.registered.insert(name);
        }
        EXPECT_THAT(begin(7), IsEmpty());
        EXPECT_THAT(look(), IsEmpty());
    }

    static std::vector<std::string> titles(const std::vector<Notice>& notices)
    {
        std::vector<std::string> titles;
        for (const Notice& notice : notices) titles.push_back(cluster_title(notice));
        return titles;
    }

    std::vector<std::string> look() { return titles(rules_->look(watched_, facts_)); }
    std::vector<std::string> look_after(std::chrono::milliseconds time)
    {
        facts_.now += time;
        return look();
    }
    std::vector<std::string> begin(Epoch epoch)
    {
        return titles(rules_->begin(watched_, epoch, facts_.now));
    }
    ClusterFacts::Node& node(const NodeName& name)
    {
        return *std::ranges::find(facts_.nodes, name, &ClusterFacts::Node::name);
    }
    void restart_with(ClusterNotices settings)
    {
        rules_ = std::make_unique<ClusterRules>(std::move(settings));
    }

    ClusterFacts facts_;
    WatchedCluster watched_;
    std::unique_ptr<ClusterRules> rules_ = std::make_unique<ClusterRules>(all_kinds());
};

TEST_F(ClusterRulesTest, ANodeThatIsGoneIsToldOnceAndItsReturnSaysHowLong)
{
    node(two).is_connected = false;
    EXPECT_THAT(look_after(1s), IsEmpty());
    EXPECT_THAT(look_after(59s), IsEmpty());
    facts_.now += 1s;
    const auto gone = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(gone), ElementsAre("node 10.0.0.2:9991 is gone"));
    EXPECT_EQ(gone[0].id, "node-gone-10.0.0.2_9991-1795262401000");
    EXPECT_EQ(gone[0].node, two);
    EXPECT_EQ(gone[0].since, noon + 1s);
    EXPECT_THAT(look_after(1h), IsEmpty());
    node(two).is_connected = true;
    const auto back = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(back), ElementsAre("node 10.0.0.2:9991 is back"));
    EXPECT_EQ(back[0].at - *back[0].since, 1h + 60s);
    EXPECT_THAT(back[0].over, ElementsAre(NoticeKind::node_gone));
    EXPECT_THAT(look_after(1h), IsEmpty());
}

TEST_F(ClusterRulesTest, ANodeThatIsBackInTimeIsNotTold)
{
    node(two).is_connected = false;
    EXPECT_THAT(look_after(50s), IsEmpty());
    node(two).is_connected = true;
    EXPECT_THAT(look_after(50s), IsEmpty());
    node(two).is_connected = false;
    EXPECT_THAT(look_after(50s), IsEmpty());
    EXPECT_THAT(look_after(50s), IsEmpty()) << "it is counted from the second time";
}

TEST_F(ClusterRulesTest, ANodeThatStopsInGoodOrderIsNotGone)
{
    node(two).is_draining = true;
    EXPECT_THAT(look_after(1s), IsEmpty());
    node(two).is_connected = false;
    EXPECT_THAT(look_after(1s), IsEmpty());
    EXPECT_THAT(look_after(2min), IsEmpty()) << "it may be registered for a while";
    facts_.registered.erase(two);
    EXPECT_THAT(look_after(2min), IsEmpty());
    // This one has stopped while nobody listened, so only the registry tells.
    std::erase_if(facts_.nodes, [](const auto& node) { return node.name == three; });
    EXPECT_THAT(look_after(1s), IsEmpty());
    facts_.registered.erase(three);
    EXPECT_THAT(look_after(2min), IsEmpty());
    EXPECT_THAT(look_after(2min), IsEmpty());
}

TEST_F(ClusterRulesTest, TheNextDispatcherMissesTheOneBefore)
{
    watched_ = *read_cluster_watch(watch_text(watched_));
    facts_.self = two;
    facts_.now += 10s;
    std::erase_if(facts_.nodes, [](const auto& node) { return node.name == one; });
    EXPECT_THAT(begin(8), IsEmpty());
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look_after(60s), ElementsAre("node 10.0.0.1:9991 is gone"));
    // Consul has forgotten the node meanwhile, and a third dispatcher hears it again.
    facts_.registered.erase(one);
    EXPECT_THAT(look_after(60s), IsEmpty());
    watched_ = *read_cluster_watch(watch_text(watched_));
    EXPECT_THAT(begin(9), IsEmpty());
    facts_.nodes.push_back({.name = one});
    EXPECT_THAT(look(), ElementsAre("node 10.0.0.1:9991 is back"));
}

TEST_F(ClusterRulesTest, ThatNobodyDispatchedIsToldByTheNextOneIfNobodyCouldBefore)
{
    facts_.now += 59s;
    EXPECT_THAT(begin(8), IsEmpty());
    facts_.now += 3min;
    const auto told = rules_->begin(watched_, 9, facts_.now);
    ASSERT_THAT(titles(told), ElementsAre("no node dispatches", "a node dispatches again"));
    EXPECT_EQ(told[1].at - *told[1].since, 3min);
    EXPECT_THAT(look_after(1s), IsEmpty());
}

TEST_F(ClusterRulesTest, TheNextDispatcherTellsTheEndOfAnOutageInWhichTheLastOneDied)
{
    // The last one told it, could not store that, and died five minutes later.
    facts_.now += 10min;
    const SeenBefore seen{noon + 5min, noon + 1s};
    const auto told = rules_->begin(watched_, 8, facts_.now, seen);
    ASSERT_THAT(titles(told), ElementsAre("the database answers again", "no node dispatches",
                                          "a node dispatches again"));
    EXPECT_EQ(told[0].at - *told[0].since, 10min - 1s);
    EXPECT_EQ(told[2].at - *told[2].since, 5min) << "so long the last one was heard";
    EXPECT_THAT(look_after(1s), IsEmpty());
}

TEST_F(ClusterRulesTest, AnOutageThatTheLastDispatcherCouldNotTellIsToldAfterwards)
{
    facts_.now += 10min;
    const SeenBefore seen{noon + 30s, noon + 1s};
    EXPECT_THAT(titles(rules_->begin(watched_, 8, facts_.now, seen)),
                ElementsAre("the database does not answer", "the database answers again",
                            "no node dispatches", "a node dispatches again"));
}

TEST_F(ClusterRulesTest, AnOutageOfOneNodeAloneOrAShortOneIsNotToldByTheNextDispatcher)
{
    facts_.now += 40s;
    EXPECT_THAT(titles(rules_->begin(watched_, 8, facts_.now, {noon + 5s, noon + 1s})), IsEmpty());
    // Its own calls have failed for long, and the last dispatcher has stored something since.
    facts_.now += 10min;
    EXPECT_THAT(look(), IsEmpty());
    facts_.now += 10s;
    EXPECT_THAT(titles(rules_->begin(watched_, 9, facts_.now, {facts_.now, facts_.now - 5min})),
                IsEmpty());
}

TEST_F(ClusterRulesTest, ADispatcherThatWasHeardUntilNowWasThereAlthoughItStoredNothing)
{
    facts_.now += 10min;
    EXPECT_THAT(titles(rules_->begin(watched_, 8, facts_.now, {facts_.now - 2s, std::nullopt})),
                IsEmpty());
}

TEST_F(ClusterRulesTest, ANodeThatStandsInTellsItOnceUnderOneId)
{
    facts_.now += 70s;
    const WatchedCluster kept = watched_;
    const auto told = rules_->nobody_dispatches(watched_, facts_.now);
    ASSERT_THAT(titles(told), ElementsAre("no node dispatches"));
    EXPECT_THAT(rules_->nobody_dispatches(watched_, facts_.now + 5s), IsEmpty());
    WatchedCluster seen_by_another = kept;
    const auto other = rules_->nobody_dispatches(seen_by_another, facts_.now + 2s);
    EXPECT_EQ(other.at(0).id, told[0].id);
    facts_.now += 60s;
    const auto over = rules_->begin(watched_, 8, facts_.now);
    ASSERT_THAT(titles(over), ElementsAre("a node dispatches again"));
    EXPECT_EQ(over[0].at - *over[0].since, 130s);
}

TEST_F(ClusterRulesTest, AClusterThatWasStoppedInGoodOrderWasNotToDispatch)
{
    rules_->leave(watched_, facts_);
    EXPECT_FALSE(watched_.is_left) << "others go on";
    facts_.nodes = {{.name = one}};
    facts_.registered = {one};
    rules_->leave(watched_, facts_);
    facts_.now += 2h;
    EXPECT_THAT(begin(8), IsEmpty());
    facts_.now += 2h;
    EXPECT_THAT(begin(9), ElementsAre("no node dispatches", "a node dispatches again"))
        << "it holds for that stop alone";
}

TEST_F(ClusterRulesTest, TheStoreIsAwaySinceTheFirstFailure)
{
    facts_.store_away = ClusterFacts::Outage{noon, "connection refused"};
    EXPECT_THAT(look_after(59s), IsEmpty());
    facts_.now += 1s;
    const auto away = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(away), ElementsAre("the database does not answer"));
    EXPECT_EQ(away[0].detail, "connection refused");
    EXPECT_EQ(away[0].since, noon);
    facts_.store_away.reset();
    EXPECT_THAT(look_after(9s), ElementsAre("the database answers again"));
}

TEST_F(ClusterRulesTest, AJournalThatFailsIsToldByItsNode)
{
    WatchedCluster own;
    const auto look_at_self = [&](WallTime now, bool is_failing) {
        return titles(rules_->look_at_self(own, three, {now, is_failing}));
    };
    EXPECT_THAT(look_at_self(noon, true), IsEmpty());
    EXPECT_THAT(look_at_self(noon + 60s, true),
                ElementsAre("the journal of 10.0.0.3:9991 takes no results"));
    EXPECT_THAT(look_at_self(noon + 2h, true), IsEmpty());
    // Its next process goes on where this one stopped.
    own = *read_cluster_watch(watch_text(own));
    EXPECT_THAT(look_at_self(noon + 3h, false),
                ElementsAre("the journal of 10.0.0.3:9991 takes results again"));
    EXPECT_THAT(look_at_self(noon + 4h, true), IsEmpty());
    EXPECT_THAT(look_at_self(noon + 4h + 59s, false), IsEmpty());
}

TEST_F(ClusterRulesTest, TheClockThatNoOtherAgreesWithIsWrong)
{
    node(two).clock = 1s;
    node(three).clock = -1s;
    facts_.ahead_of_database = 10ms;
    EXPECT_THAT(look_after(2min), IsEmpty()) << "a second is good enough";
    node(two).clock = 1500ms;
    EXPECT_THAT(look_after(1s), IsEmpty());
    facts_.now += 60s;
    auto told = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(told), ElementsAre("the clock of 10.0.0.2:9991 is wrong"));
    EXPECT_THAT(told[0].detail, HasSubstr("1.5 s ahead"));
    node(two).clock = 0ms;
    EXPECT_THAT(look_after(1s), ElementsAre("the clock of 10.0.0.2:9991 is right again"));
    // The dispatcher's own: all others seem to be wrong.
    node(two).clock = -5s;
    node(three).clock = -5s;
    facts_.ahead_of_database = 5s;
    EXPECT_THAT(look_after(1s), IsEmpty());
    facts_.now += 60s;
    told = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(told), ElementsAre("the clock of 10.0.0.1:9991 is wrong"));
    EXPECT_THAT(told[0].detail, HasSubstr("5.0 s ahead"));
}

TEST_F(ClusterRulesTest, OfTwoClocksTheDatabasesIsRight)
{
    facts_.ahead_of_database = -3s;  // the other nodes' clocks are not known
    EXPECT_THAT(look_after(1s), IsEmpty());
    EXPECT_THAT(look_after(60s), ElementsAre("the clock of 10.0.0.1:9991 is wrong"));
}

TEST_F(ClusterRulesTest, WhatTheAuditFindsIsToldAtOnceAndOnlyOnce)
{
    facts_.audit = ClusterFacts::Audited{false, "1 missing"};
    const auto told = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(told), ElementsAre("the audit found something"));
    EXPECT_EQ(told[0].detail, "1 missing");
    EXPECT_THAT(look_after(24h), IsEmpty());
    // The next dispatcher has not audited anything yet.
    facts_.audit.reset();
    EXPECT_THAT(look_after(1s), IsEmpty());
    facts_.audit = ClusterFacts::Audited{true, ""};
    EXPECT_THAT(look_after(1s), ElementsAre("the audit is clean again"));
}

TEST_F(ClusterRulesTest, ACertificateIsToldTwoWeeksBeforeItExpires)
{
    WatchedCluster own;
    const auto look_at_self = [&](WallTime now, std::chrono::hours left) {
        return rules_->look_at_self(own, two, {now, false, {{"the API", noon + left}}});
    };
    EXPECT_THAT(look_at_self(noon, 15 * 24h), IsEmpty());
    EXPECT_THAT(look_at_self(noon + 24h, 15 * 24h), IsEmpty());
    const auto told = look_at_self(noon + 24h + 1s, 15 * 24h);
    ASSERT_THAT(titles(told), ElementsAre("the certificate of 10.0.0.2:9991 expires soon"));
    EXPECT_THAT(told[0].detail, HasSubstr("2026-12-06 12:00 UTC"));
    EXPECT_THAT(look_at_self(noon + 25h, 15 * 24h), IsEmpty());
    EXPECT_THAT(titles(look_at_self(noon + 26h, 90 * 24h)),
                ElementsAre("the certificate of 10.0.0.2:9991 was renewed"));
}

TEST_F(ClusterRulesTest, EveryCertificateThatExpiresSoonIsToldWithWhatItIsOf)
{
    WatchedCluster own;
    const auto told = rules_->look_at_self(
        own, two,
        {noon,
         false,
         {{"the API", noon + 48h}, {"the peer port", noon + 24h}, {"a", noon + 400h}}});
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].detail,
              "The certificate of the API expires at 2026-11-23 12:00 UTC. "
              "The certificate of the peer port expires at 2026-11-22 12:00 UTC.");
}

TEST_F(ClusterRulesTest, ASecondCertificateThatExpiresSoonIsToldToo)
{
    WatchedCluster own;
    const auto look_at_self = [&](WallTime now, WallTime api, WallTime peers) {
        return rules_->look_at_self(own, two,
                                    {now, false, {{"the API", api}, {"the peer port", peers}}});
    };
    const WallTime day = noon + 24h;
    const WallTime later = noon + 90 * 24h;
    const auto first = look_at_self(noon, noon + 48h, noon + 15 * 24h);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_THAT(look_at_self(noon + 1h, noon + 48h, noon + 15 * 24h), IsEmpty());
    const auto second = look_at_self(day + 1s, noon + 48h, noon + 15 * 24h);
    ASSERT_THAT(titles(second), ElementsAre("the certificate of 10.0.0.2:9991 expires soon"));
    EXPECT_THAT(second[0].detail, HasSubstr("the peer port expires at 2026-12-06 12:00 UTC"));
    EXPECT_FALSE(second[0].is_reminder);
    EXPECT_NE(second[0].id, first[0].id) << "no channel takes it for the first one";
    // Its next process knows what was told.
    own = *read_cluster_watch(watch_text(own));
    EXPECT_THAT(look_at_self(day + 1h, noon + 48h, noon + 15 * 24h), IsEmpty());
    // The one is renewed, and would expire once more before the other.
    EXPECT_THAT(look_at_self(day + 2h, later, noon + 15 * 24h), IsEmpty());
    EXPECT_EQ(look_at_self(day + 3h, noon + 72h, noon + 15 * 24h).size(), 1U);
    EXPECT_THAT(titles(look_at_self(day + 4h, later, later)),
                ElementsAre("the certificate of 10.0.0.2:9991 was renewed"));
}

TEST_F(ClusterRulesTest, ACertificateThatIsRenewedForAFewDaysIsNotToldAgain)
{
    WatchedCluster own;
    for (int day = 0; day < 10; ++day) {
        const WallTime now = noon + day * 24h;
        const auto told =
            rules_->look_at_self(own, two, {now, false, {{"the peer port", now + 48h}}});
        EXPECT_EQ(told.size(), day == 0 ? 1U : 0U) << day;
    }
}

TEST_F(ClusterRulesTest, WhatAnOlderProgramKeptCanBeRead)
{
    watched_.alarms[{NoticeKind::node_gone, two}].since = noon;
    std::string text = watch_text(watched_);
    const std::string newer = R"("told_of":[],)";
    const auto at = text.find(newer);
    ASSERT_NE(at, std::string::npos) << text;
    text.erase(at, newer.size());
    EXPECT_EQ(read_cluster_watch(text), watched_);
}

TEST_F(ClusterRulesTest, OnlyWhatIsWantedIsToldAndThatAgainAtItsInterval)
{
    ClusterNotices settings;
    settings.on = {"node-gone"};
    settings.every = 1h;
    restart_with(settings);
    node(two).is_connected = false;
    facts_.audit = ClusterFacts::Audited{false, "1 missing"};
    EXPECT_THAT(look_after(1s), IsEmpty());
    EXPECT_THAT(look_after(60s), ElementsAre("node 10.0.0.2:9991 is gone"));
    EXPECT_THAT(look_after(59min), IsEmpty());
    facts_.now += 1min;
    const auto again = rules_->look(watched_, facts_);
    ASSERT_THAT(titles(again), ElementsAre("node 10.0.0.2:9991 is gone"));
    EXPECT_TRUE(again[0].is_reminder);
    EXPECT_EQ(again[0].id, "node-gone-10.0.0.2_9991-1795266061000");
    facts_.audit->is_clean = true;
    EXPECT_THAT(look_after(1s), IsEmpty()) << "what nobody was told has no end";
}

TEST_F(ClusterRulesTest, ANodeThatComesAndGoesIsToldAsOne)
{
    std::vector<std::string> told;
    const auto note = [&told](const std::vector<std::string>& some) {
        told.insert(told.end(), some.begin(), some.end());
    };
    for (int i = 0; i < 6; ++i) {
        node(two).is_connected = false;
        note(look_after(1s));
        note(look_after(60s));
        node(two).is_connected = true;
        note(look_after(1s));
    }
    ASSERT_EQ(told.size(), 7U);
    EXPECT_EQ(told.back(), "node 10.0.0.2:9991 is gone, and keeps changing");
    EXPECT_THAT(look_after(59min), IsEmpty());
    EXPECT_THAT(look_after(1min), ElementsAre("node 10.0.0.2:9991 is back"));
    EXPECT_THAT(look_after(1h), IsEmpty());
}

TEST_F(ClusterRulesTest, ANodeThatDoesNotComeBackIsForgottenAfterAWeek)
{
    node(two).is_connected = false;
    EXPECT_THAT(look_after(1s), IsEmpty());
    EXPECT_THAT(look_after(60s), ElementsAre("node 10.0.0.2:9991 is gone"));
    facts_.registered.erase(two);
    EXPECT_THAT(look_after(6 * 24h), IsEmpty());
    EXPECT_TRUE(watched_.nodes.contains(two));
    EXPECT_THAT(look_after(2 * 24h), IsEmpty());
    EXPECT_FALSE(watched_.nodes.contains(two));
    EXPECT_THAT(look_after(2min), IsEmpty());
    EXPECT_TRUE(watched_.alarms.empty());
}

TEST_F(ClusterRulesTest, WhatIsKeptComesBackFromItsText)
{
    node(two).is_connected = false;
    facts_.audit = ClusterFacts::Audited{false, "1 missing"};
    look_after(1s);
    look_after(60s);
    watched_.stand_in = three;
    watched_.stands_in_until = noon;
    watched_.is_left = true;
    EXPECT_EQ(read_cluster_watch(watch_text(watched_)), watched_);
    EXPECT_EQ(read_cluster_watch("{}"), std::nullopt);
}

}  // namespace
}  // namespace peercron
