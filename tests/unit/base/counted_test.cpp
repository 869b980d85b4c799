#include "base/counted.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(CountedTest, OnlyOneIsSingular)
{
    EXPECT_EQ(counted(0, "event"), "0 events");
    EXPECT_EQ(counted(1, "event"), "1 event");
    EXPECT_EQ(counted(2, "event"), "2 events");
    EXPECT_EQ(counted(1, "pause was", "pauses were"), "1 pause was");
    EXPECT_EQ(counted(2, "pause was", "pauses were"), "2 pauses were");
}

}  // namespace
}  // namespace peercron
