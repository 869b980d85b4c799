#include "schedule/fire_before.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr sys_seconds day(int year, unsigned month, unsigned number)
{
    return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(number));
}

std::optional<sys_seconds> before(std::string_view expression, std::string_view zone,
                                  sys_seconds time, const Window& window = {})
{
    return fire_before(Schedule::make(expression, zone, 1).value(), time, window);
}

TEST(FireBefore, IsTheLastOneThatIsEarlier)
{
    const sys_seconds noon = day(2026, 11, 21) + 12h;
    EXPECT_EQ(before("* * * * * *", "UTC", noon), noon - 1s);
    EXPECT_EQ(before("0 * * * *", "UTC", noon), noon - 1h);
    EXPECT_EQ(before("0 3 * * *", "UTC", noon), day(2026, 11, 21) + 3h);
    EXPECT_EQ(before("0 3 * * *", "UTC", day(2026, 11, 21) + 3h), day(2026, 11, 20) + 3h);
    // Many in a row, and then none for a long time.
    EXPECT_EQ(before("* * 3 * * *", "UTC", noon), day(2026, 11, 21) + 4h - 1s);
}

TEST(FireBefore, MayBeYearsAgo)
{
    EXPECT_EQ(before("0 0 29 2 *", "UTC", day(2028, 2, 29)), day(2024, 2, 29));
    EXPECT_EQ(before("0 0 29 2 *", "UTC", day(2104, 2, 29)), day(2096, 2, 29));
}

TEST(FireBefore, IsInTheWindow)
{
    const sys_seconds noon = day(2026, 11, 21) + 12h;
    Window window;
    window.start = (noon - 30min).time_since_epoch().count();
    EXPECT_EQ(before("0 * * * *", "UTC", noon, window), std::nullopt);
    window.start = (noon - 1h).time_since_epoch().count();
    EXPECT_EQ(before("0 * * * *", "UTC", noon, window), noon - 1h);
}

TEST(FireBefore, KnowsTheChangesOfClocks)
{
    // In the night to 2026-10-25 the hour from 2:00 is there twice; 1:30 UTC is the second 2:30.
    const sys_seconds three = day(2026, 10, 25) + 2h;
    EXPECT_EQ(before("30 2 * * *", "Europe/Berlin", three), day(2026, 10, 25) + 30min);
    EXPECT_EQ(before("30 * * * *", "Europe/Berlin", three), day(2026, 10, 25) + 90min);
}

}  // namespace
}  // namespace peercron
