#include "exec/descriptors.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(ShareOfRuns, IsWhatIsWantedWhereThereIsEnough)
{
    const RunShare share = share_of_runs({1024, 256}, 65536);
    EXPECT_EQ(share.slots, 1024U);
    EXPECT_EQ(share.left_outputs, 256U);
}

TEST(ShareOfRuns, LeavesTheRestOfTheNodeWhatItNeeds)
{
    for (const std::size_t limit : {128U, 256U, 1024U, 4096U}) {
        const RunShare share = share_of_runs({100'000, 256}, limit);
        const std::size_t taken = 2 * share.slots + share.left_outputs;
        EXPECT_LE(taken + limit / 4 + 96, limit + 2) << limit;
    }
    EXPECT_GT(share_of_runs({100'000, 256}, 1024).slots, 250U);
}

TEST(ShareOfRuns, OneRunIsAlwaysPossible)
{
    EXPECT_EQ(share_of_runs({128, 256}, 20).slots, 1U);
    EXPECT_EQ(share_of_runs({128, 256}, 20).left_outputs, 0U);
}

TEST(DescriptorLimit, IsRaisedToTheHardOneOnce)
{
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{before.rlim_max - 1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    const auto was = raise_descriptor_limit();
    ASSERT_TRUE(was);
    EXPECT_EQ(was->rlim_cur, low.rlim_cur);
    EXPECT_EQ(descriptor_limit(), before.rlim_max);
    EXPECT_FALSE(raise_descriptor_limit()) << "commands have what this process has";
    ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace peercron
