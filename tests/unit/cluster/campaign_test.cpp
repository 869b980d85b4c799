#include "cluster/campaign.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace peercron {
namespace {

/// Consul's side: the lock key, as acquire and release change it.
class Key {
public:
    /// Returns what Consul answers: whether the session has the lock now.
    bool acquire(const std::string& session, std::uint64_t flags, const NodeName& node)
    {
        if (!entry_.session.empty() && entry_.session != session) return false;
        if (entry_.session.empty()) ++entry_.lock_index;
        entry_.session = session;
        entry_.flags = flags;
        entry_.holder = node;
        return true;
    }
    bool acquire(const Campaign& campaign, const NodeName& node)
    {
        const auto bid = campaign.bid();
        return bid && acquire(bid->session, bid->flags, node);
    }
    void release() { entry_.session.clear(); }
    void wipe() { entry_ = LockEntry(); }
    const LockEntry& entry() const { return entry_; }

private:
    LockEntry entry_;
};

class CampaignTest : public ::testing::Test {
protected:
    /// A campaign that holds the lock.
    void win()
    {
        campaign_.session_made("s1");
        campaign_.seen(key_.entry());
        key_.acquire(campaign_, "me");
        campaign_.seen(key_.entry());
    }

    Campaign campaign_;
    Key key_;
};

TEST_F(CampaignTest, DoesNotBidBeforeTheKeyWasSeen)
{
    campaign_.session_made("s1");
    EXPECT_FALSE(campaign_.bid());
}

TEST_F(CampaignTest, DoesNotBidWithoutASession)
{
    campaign_.seen(key_.entry());
    EXPECT_FALSE(campaign_.bid());
    EXPECT_TRUE(campaign_.lock_is_free());
}

TEST_F(CampaignTest, BidsWhenTheLockIsFree)
{
    campaign_.session_made("s1");
    campaign_.seen(key_.entry());
    ASSERT_TRUE(campaign_.bid());
    EXPECT_EQ(campaign_.bid()->session, "s1");
    EXPECT_EQ(campaign_.bid()->flags, 0U);
}

TEST_F(CampaignTest, DoesNotBidWhileAnotherHoldsTheLock)
{
    campaign_.session_made("s1");
    key_.acquire("s2", 0, "other");
    campaign_.seen(key_.entry());
    EXPECT_FALSE(campaign_.bid());
    EXPECT_FALSE(campaign_.lock_is_free());
    EXPECT_EQ(campaign_.dispatcher(), "other");
    EXPECT_EQ(campaign_.epoch(), 0U);
}

TEST_F(CampaignTest, ItsEpochIsTheLockIndexOfTheKey)
{
    key_.acquire("s0", 0, "other");
    key_.release();
    win();
    EXPECT_EQ(campaign_.epoch(), 2U);
    EXPECT_EQ(campaign_.dispatcher(), "me");
    EXPECT_FALSE(campaign_.bid());
}

TEST_F(CampaignTest, LosesTheLockWithTheSession)
{
    win();
    campaign_.session_lost();
    EXPECT_EQ(campaign_.epoch(), 0U);
    EXPECT_EQ(campaign_.dispatcher(), "");
    EXPECT_EQ(campaign_.session(), "");
}

TEST_F(CampaignTest, LosesTheLockWhenTheKeyShowsAnotherSession)
{
    win();
    key_.release();
    key_.acquire("s2", 0, "other");
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 0U);
    EXPECT_EQ(campaign_.dispatcher(), "other");
}

TEST_F(CampaignTest, TheSessionOfAnotherIsNotAffectedByTheLossOfItsOwn)
{
    key_.acquire("s2", 0, "other");
    campaign_.session_made("s1");
    campaign_.seen(key_.entry());
    campaign_.session_lost();
    EXPECT_EQ(campaign_.dispatcher(), "other");
}

TEST_F(CampaignTest, ANewSessionMakesItBidAgainWithAGreaterEpoch)
{
    win();
    campaign_.session_lost();
    key_.release();
    campaign_.session_made("s2");
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 2U);
}

TEST_F(CampaignTest, AfterResigningItHasNoEpochAndNeverBids)
{
    win();
    campaign_.resign();
    EXPECT_EQ(campaign_.epoch(), 0U);
    EXPECT_FALSE(campaign_.bid());
    campaign_.seen(key_.entry());  // the release has not arrived yet
    EXPECT_EQ(campaign_.epoch(), 0U);
    EXPECT_TRUE(campaign_.must_release());
    key_.release();
    campaign_.seen(key_.entry());
    EXPECT_FALSE(campaign_.bid());
    EXPECT_FALSE(campaign_.must_release());
}

TEST_F(CampaignTest, KeepsTheFlagsThatTheKeyHas)
{
    key_.acquire("s0", 40, "other");
    key_.release();
    win();
    EXPECT_EQ(key_.entry().flags, 40U);
    EXPECT_EQ(campaign_.epoch(), 42U);
}

TEST_F(CampaignTest, EpochsGoOnWhenTheKeyIsWipedUnderItsOwnTerm)
{
    key_.acquire("s0", 40, "other");
    key_.release();
    win();
    key_.wipe();
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 0U);
    campaign_.session_made("s2");
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 43U);
}

TEST_F(CampaignTest, EpochsGoOnWhenTheKeyIsWipedUnderTheTermOfAnother)
{
    key_.acquire("s0", 40, "other");
    campaign_.seen(key_.entry());
    key_.wipe();
    win();
    EXPECT_EQ(campaign_.epoch(), 42U);
}

TEST_F(CampaignTest, WritesTheFlagsBeforeItUsesAnEpochThatTheStoreWouldRefuse)
{
    win();
    campaign_.raise_epoch(57);
    EXPECT_EQ(campaign_.epoch(), 0U);
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    EXPECT_EQ(key_.entry().lock_index, 1U) << "it is still the same term";
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 58U);
    EXPECT_FALSE(campaign_.bid());
}

TEST_F(CampaignTest, AnEpochAboveTheStoresIsKept)
{
    win();
    campaign_.raise_epoch(0);
    EXPECT_EQ(campaign_.epoch(), 1U);
}

TEST_F(CampaignTest, WhoSeesARaisedEpochGoesOnFromThere)
{
    Campaign other;
    win();
    campaign_.raise_epoch(57);
    key_.acquire(campaign_, "me");
    other.session_made("s2");
    other.seen(key_.entry());
    key_.release();
    other.seen(key_.entry());
    ASSERT_TRUE(key_.acquire(other, "other"));
    other.seen(key_.entry());
    EXPECT_EQ(other.epoch(), 59U);
}

TEST_F(CampaignTest, AnEpochThatCannotBeRaisesNothing)
{
    win();
    campaign_.raise_epoch(last_epoch + 1);
    campaign_.raise_epoch(std::numeric_limits<Epoch>::max());
    EXPECT_EQ(campaign_.epoch(), 1U);
}

TEST_F(CampaignTest, FlagsThatCannotBeAreReplacedByThoseThatAreWanting)
{
    key_.acquire("s0", 41, "other");
    campaign_.seen(key_.entry());
    key_.acquire("s0", std::numeric_limits<std::uint64_t>::max(), "somebody's script");
    campaign_.seen(key_.entry());
    EXPECT_EQ(key_.entry().epoch(), std::numeric_limits<Epoch>::max()) << "it saturates";
    key_.release();
    campaign_.seen(key_.entry());
    win();
    EXPECT_EQ(campaign_.epoch(), 43U);
}

TEST_F(CampaignTest, AHolderWhoseFlagsCannotBeWritesOthersBeforeItDispatches)
{
    key_.acquire("s1", std::numeric_limits<std::uint64_t>::max() - 7, "somebody's script");
    campaign_.session_made("s1");
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 0U);
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 1U);
}

TEST_F(CampaignTest, PastTheLastEpochThereIsNone)
{
    win();
    campaign_.raise_epoch(last_epoch - 1);
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), last_epoch);
    campaign_.raise_epoch(last_epoch);
    EXPECT_EQ(campaign_.epoch(), 0U);
    EXPECT_FALSE(campaign_.bid());
}

TEST_F(CampaignTest, ATenureThatWasSeenToEndNeverGoesOnUnderTheSameEpoch)
{
    win();
    const LockEntry held = key_.entry();
    campaign_.seen(LockEntry());  // a server that had not heard of it yet
    campaign_.seen(held);
    EXPECT_EQ(campaign_.epoch(), 0U);
    ASSERT_TRUE(key_.acquire(campaign_, "me"));
    campaign_.seen(key_.entry());
    EXPECT_EQ(campaign_.epoch(), 2U);
}

}  // namespace
}  // namespace peercron
