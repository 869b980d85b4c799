#include "access/sign_in_delays.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;

const SteadyTime start = SteadyTime(1h);

TEST(SignInDelaysTest, EachWrongPasswordAfterTheFirstOnesDoublesTheWait)
{
    SignInDelays delays;
    for (int i = 0; i < SignInDelays::free_tries; ++i) {
        EXPECT_EQ(delays.wait("ada", "10.0.0.1", start), 0s);
        delays.note_try("ada", "10.0.0.1", start);
    }
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", start), 1s);
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", start + 1s), 0s);
    delays.note_try("ada", "10.0.0.1", start);
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", start), 2s);
    delays.note_try("ada", "10.0.0.1", start);
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", start), 4s);
}

TEST(SignInDelaysTest, AnAccountIsHeldUpAtAllAddressesButForLessLong)
{
    SignInDelays delays;
    for (int i = 0; i < 100; ++i) delays.note_try("ada", "10.0.0.1", start);
    EXPECT_EQ(delays.wait("ada", "10.0.0.2", start), SignInDelays::longest_of_account);
    EXPECT_EQ(delays.wait("bob", "10.0.0.1", start), SignInDelays::longest_of_address);
    EXPECT_EQ(delays.wait("bob", "10.0.0.2", start), 0s);
}

TEST(SignInDelaysTest, ARightPasswordClearsTheAccountAndNotWhatElseTheAddressTried)
{
    SignInDelays delays;
    for (int i = 0; i < 10; ++i) delays.note_try("ada", "10.0.0.1", start);
    const auto before = delays.wait("bob", "10.0.0.1", start);
    delays.note_try("bob", "10.0.0.1", start);
    delays.note_right("bob", "10.0.0.1");
    EXPECT_EQ(delays.wait("bob", "10.0.0.1", start), before);
    delays.note_right("ada", "10.0.0.2");
    EXPECT_EQ(delays.wait("ada", "10.0.0.2", start), 0s);
}

TEST(SignInDelaysTest, AQuietTimeForgets)
{
    SignInDelays delays;
    for (int i = 0; i < 100; ++i) delays.note_try("ada", "10.0.0.1", start);
    const SteadyTime later = start + SignInDelays::memory;
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", later), 0s);
    delays.note_try("ada", "10.0.0.1", later);
    EXPECT_EQ(delays.wait("ada", "10.0.0.1", later), 0s) << "it counts from the start";
}

TEST(SignInDelaysTest, StrangersCannotMakeItGrowOrForgetTheNewest)
{
    SignInDelays delays;
    for (int i = 0; i < 100; ++i) delays.note_try("ada", "10.0.0.1", start + 1s);
    for (std::size_t i = 0; i < 2 * SignInDelays::most_remembered; ++i) {
        delays.note_try("x" + std::to_string(i), "y" + std::to_string(i), start);
    }
    EXPECT_GT(delays.wait("ada", "10.0.0.9", start + 1s), 0s);
    EXPECT_EQ(delays.wait("x0", "y0", start), 0s);
}

}  // namespace
}  // namespace peercron
