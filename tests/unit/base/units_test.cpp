#include "base/units.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

TEST(DurationTest, IsANumberWithItsUnit)
{
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("2s"), 2s);
    EXPECT_EQ(parse_duration("1m"), 1min);
    EXPECT_EQ(parse_duration("24h"), 24h);
    EXPECT_EQ(parse_duration("0s"), 0ms);
}

TEST(DurationTest, IsNothingElse)
{
    for (const auto* text : {"", "2", "s", "-1s", "+1s", "1.5s", "2 s", " 2s", "2s ", "2S", "2d",
                             "1m30s", "24001h", "99999999999999999999s", "9223372036854775807h"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(DurationTest, IsWrittenInTheLargestUnitThatFits)
{
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(120s), "2m");
    EXPECT_EQ(format_duration(24h), "24h");
}

TEST(SizeTest, IsANumberWithItsUnit)
{
    EXPECT_EQ(parse_size("1KiB"), 1024U);
    EXPECT_EQ(parse_size("64MiB"), 64U << 20U);
    EXPECT_EQ(parse_size("2GiB"), std::size_t{2} << 30U);
}

TEST(SizeTest, IsNothingElse)
{
    for (const auto* text : {"", "1", "MiB", "-1MiB", "1.5MiB", "1MB", "1mib", "1 MiB", "1025GiB",
                             "99999999999999999999KiB"}) {
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
    }
}

TEST(SizeTest, IsWrittenInTheLargestUnitThatFits)
{
    EXPECT_EQ(format_size(0), "0");
    EXPECT_EQ(format_size(1000), "1000");
    EXPECT_EQ(format_size(1024), "1KiB");
    EXPECT_EQ(format_size(1U << 20U), "1MiB");
    EXPECT_EQ(format_size(std::size_t{3} << 30U), "3GiB");
}

}  // namespace
}  // namespace peercron
