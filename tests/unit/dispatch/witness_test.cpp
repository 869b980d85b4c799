#include "dispatch/witness.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

constexpr Witness survivor{true, true, false};
constexpr Witness started_since{true, true, true};
constexpr Witness without_journal{true, false, true};
constexpr Witness away{};

Witnesses all_of(std::vector<Witness> nodes)
{
    Witnesses witnesses;
    witnesses.nodes = std::move(nodes);
    witnesses.is_complete = true;
    return witnesses;
}

Witnesses ahead(std::vector<Witness> nodes)
{
    Witnesses witnesses = all_of(std::move(nodes));
    witnesses.ledger_reaches_ahead = true;
    return witnesses;
}

TEST(WitnessTest, NothingLacksWhenEverybodyWasHeard)
{
    EXPECT_FALSE(may_lack_steps(all_of({survivor, survivor, survivor})));
    EXPECT_FALSE(may_lack_steps(all_of({without_journal})));
}

TEST(WitnessTest, AHalfOfThemHasWhateverMostOfThemHad)
{
    EXPECT_TRUE(may_lack_steps(all_of({survivor, away, away})));
    EXPECT_FALSE(may_lack_steps(all_of({survivor, survivor, away})));
    EXPECT_FALSE(may_lack_steps(all_of({survivor, away})));
}

TEST(WitnessTest, WhoHasStartedSinceMayHaveBeenOneOfThemOrNone)
{
    EXPECT_TRUE(may_lack_steps(all_of({started_since, away})));
    EXPECT_TRUE(may_lack_steps(all_of({without_journal, survivor, away})));
    EXPECT_FALSE(may_lack_steps(all_of({started_since, survivor, away})));
}

TEST(WitnessTest, WhoeverIsNotNamedYetMayHaveThem)
{
    Witnesses witnesses = all_of({survivor});
    witnesses.is_complete = false;
    EXPECT_TRUE(may_lack_steps(witnesses));
}

TEST(WitnessTest, ASurvivorNeedNotWaitWhenTheLedgerReachesAhead)
{
    EXPECT_FALSE(may_lack_steps(ahead({survivor, away, away})));
}

TEST(WitnessTest, WhoHasStartedSinceWaitsAlthoughTheLedgerReachesAhead)
{
    EXPECT_TRUE(may_lack_steps(ahead({started_since, away})));
    EXPECT_TRUE(may_lack_steps(ahead({without_journal, away})));
    EXPECT_FALSE(may_lack_steps(ahead({started_since, started_since})));
}

}  // namespace
}  // namespace peercron
