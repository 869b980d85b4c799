#include "model/backfill.hpp"

#include "model/run_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

TEST(BackfillTest, ItsRunsNameItAndWhoAsked)
{
    Backfill backfill;
    backfill.id = 7;
    backfill.asked_by = "ops at 10.0.0.3";
    EXPECT_EQ(request_of(backfill), "backfill 7 by ops at 10.0.0.3");
    EXPECT_TRUE(is_of_backfill(request_of(backfill)));
    backfill.asked_by = std::string(300, 'x');
    EXPECT_EQ(request_of(backfill).size(), longest_request);
}

TEST(BackfillTest, NobodyElsesRequestIsTakenForOne)
{
    for (const char* other : {"", "ops at 10.0.0.3", "backfill at 10.0.0.3", "backfill 7",
                              "backfill by ops", "backfill x by ops"}) {
        EXPECT_FALSE(is_of_backfill(other)) << other;
    }
}

TEST(BackfillTest, WordsSayWhichFires)
{
    EXPECT_EQ(parse_backfill_only("failed"), BackfillOnly::failed);
    EXPECT_FALSE(parse_backfill_only("some"));
}

}  // namespace
}  // namespace peercron
