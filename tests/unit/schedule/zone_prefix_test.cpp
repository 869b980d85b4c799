#include "schedule/zone_prefix.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

TEST(ZonePrefix, IsTakenFromTheExpression)
{
    for (const char* const text : {"CRON_TZ=Asia/Tokyo 0 9 * * *", "TZ=Asia/Tokyo 0 9 * * *",
                                   " \tTZ=Asia/Tokyo \t 0 9 * * *"}) {
        const auto split = split_zone(text);
        ASSERT_TRUE(split) << text;
        EXPECT_EQ(split->zone, "Asia/Tokyo");
        EXPECT_EQ(split->expression, "0 9 * * *");
    }
    EXPECT_EQ(split_zone("TZ=")->zone, "");
    EXPECT_EQ(split_zone("TZ= 0 9 * * *")->expression, "0 9 * * *");
    EXPECT_EQ(split_zone("TZ=UTC")->expression, "");
}

TEST(ZonePrefix, OtherExpressionsStayAsTheyAre)
{
    for (const char* const text : {"", " ", "0 9 * * *", "@daily", "tz=UTC 0 9 * * *", "TZ"}) {
        EXPECT_FALSE(split_zone(text)) << text;
    }
}

}  // namespace
}  // namespace peercron
