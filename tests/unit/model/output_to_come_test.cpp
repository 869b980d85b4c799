#include "model/output_to_come.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime ended = from_unix_millis(1'795'219'200'000);

RunReport told_end()
{
    RunReport run;
    run.output = std::string(output_to_come);
    run.ended_at = ended;
    return run;
}

TEST(OutputToComeTest, IsAwaitedForFiveSeconds)
{
    EXPECT_TRUE(awaits_output(told_end(), ended));
    EXPECT_TRUE(awaits_output(told_end(), ended + 4999ms));
    EXPECT_FALSE(awaits_output(told_end(), ended + 5s)) << "its node has died";
}

TEST(OutputToComeTest, IsAwaitedNoLongerWhereTheNodesClockIsAhead)
{
    EXPECT_TRUE(awaits_output(told_end(), ended - 4999ms));
    EXPECT_FALSE(awaits_output(told_end(), ended - 5s));
}

TEST(OutputToComeTest, NothingIsAwaitedOfAnOutputThatIsThereOrOfARunThatHasNotEnded)
{
    RunReport run = told_end();
    run.output = "";
    EXPECT_FALSE(awaits_output(run, ended));
    run.output = std::string(output_to_come) + "\n";
    EXPECT_FALSE(awaits_output(run, ended)) << "a command has written that";
    run = told_end();
    run.ended_at.reset();
    EXPECT_FALSE(awaits_output(run, ended));
}

}  // namespace
}  // namespace peercron
