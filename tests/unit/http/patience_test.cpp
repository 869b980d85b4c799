#include "http/patience.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

TEST(PatienceTest, AClientThatAcceptsEnoughHasAllTheTimeForTheNextPart)
{
    Patience patience(60s);
    for (int i = 0; i < 1000; ++i) patience.accepted(64 * 1024, 4s);
    EXPECT_EQ(patience.left(), 60s);
    patience.accepted(1 << 30, 1s);
    EXPECT_EQ(patience.left(), 60s);
}

TEST(PatienceTest, ASlowOneUsesItUp)
{
    Patience patience(60s);
    patience.accepted(64 * 1024, 14s);
    EXPECT_EQ(patience.left(), 50s);
    for (int i = 0; i < 4; ++i) patience.accepted(64 * 1024, 14s);
    EXPECT_EQ(patience.left(), 10s);
    patience.accepted(64 * 1024, 14s);
    EXPECT_EQ(patience.left(), 0s);
    patience.accepted(64 * 1024, 9s);
    EXPECT_EQ(patience.left(), 0s) << "it never becomes less";
    patience.accepted(64 * 1024, 1s);
    EXPECT_EQ(patience.left(), 3s);
}

}  // namespace
}  // namespace peercron
