#include "http/time_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using namespace std::chrono;

constexpr WallTime moment = sys_days(year(2026) / 11 / 21) + 7h;

TEST(TimeTextTest, UnixSecondsAndRfc3339AreUnderstood)
{
    for (const std::string text :
         {"1795244400", "2026-11-21T07:00:00Z", "2026-11-21t07:00:00z", "2026-11-21 07:00:00Z",
          "2026-11-21T08:00:00+01:00", "2026-11-21T08:00:00 01:00", "2026-11-21T01:30:00-05:30",
          "2026-11-21T07:00:00.0009Z"}) {
        EXPECT_EQ(parse_time(text), moment) << text;
    }
    EXPECT_EQ(parse_time("2026-11-21T07:00:00.25Z"), moment + 250ms);
    EXPECT_EQ(parse_time("0"), WallTime{});
}

TEST(TimeTextTest, EverythingElseIsRefused)
{
    for (const std::string text :
         {"", "-1", "1.5", "253402300800", "99999999999999999999", "2026-11-21", "now",
          "2026-11-21T07:00:00", "2026-11-21T07:00:00.Z", "2026-02-29T00:00:00Z",
          "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T07:60:00Z",
          "2026-11-21T07:00:00+01", "2026-11-21T07:00:00Zx", "20261-1-21T07:00:00Z"}) {
        EXPECT_FALSE(parse_time(text)) << text;
    }
}

}  // namespace
}  // namespace peercron
