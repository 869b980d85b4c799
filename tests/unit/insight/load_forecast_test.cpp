#include "insight/load_forecast.hpp"

#include "model/jitter.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr sys_seconds midnight{std::chrono::seconds(1'795'219'200)};  // 2026-11-21T00:00:00Z

Schedule schedule(std::string_view expression, std::string_view zone = "UTC")
{
    return *Schedule::make(expression, zone, 7);
}

std::int64_t fires_of(const LoadForecast& load)
{
    std::int64_t fires = 0;
    for (const auto& cell : load.cells(10min)) fires += cell.fires;
    return fires;
}

/// Fire by fire, as the planner does.
std::int64_t true_fires(const Schedule& schedule, const Window& window, sys_seconds from,
                        sys_seconds to)
{
    std::int64_t fires = 0;
    auto at = schedule.next_in_window(from - 1s, window);
    for (; at && *at < to; at = schedule.next_in_window(*at, window)) ++fires;
    return fires;
}

TEST(LoadForecastTest, CountsFiresWhereTheyAre)
{
    LoadForecast load(midnight, midnight + 24h);
    load.add(schedule("0 30 2 * * *"), {}, 10min);
    const auto cells = load.cells(10min);
    ASSERT_THAT(cells, SizeIs(144));
    for (std::size_t i = 0; i < cells.size(); ++i) {
        EXPECT_EQ(cells[i].at, midnight + i * 10min);
        EXPECT_EQ(cells[i].fires, i == 15 ? 1 : 0) << i;
        EXPECT_EQ(cells[i].peak, i == 15 ? 1 : 0) << i;
        EXPECT_DOUBLE_EQ(cells[i].running, i == 15 ? 1.0 : 0.0) << i;
    }
}

TEST(LoadForecastTest, FiresWithJitterCountWhereTheyStart)
{
    LoadForecast together(midnight, midnight + 24h);
    LoadForecast spread(midnight, midnight + 24h);
    for (JobId job = 1; job <= 100; ++job) {
        together.add(schedule("0 0 2 * * *"), {}, 5min);
        spread.add(schedule("0 0 2 * * *"), {}, 5min, std::nullopt, {job, 1h});
    }
    const auto peak_of = [](const LoadForecast& load) {
        std::int64_t peak = 0;
        for (const auto& cell : load.cells(10min)) peak = std::max(peak, cell.peak);
        return peak;
    };
    EXPECT_EQ(peak_of(together), 100);
    EXPECT_LT(peak_of(spread), 25);
    EXPECT_EQ(fires_of(spread), 100);

    const auto offset = start_offset(7, 3h, midnight + 2h);
    LoadForecast one(midnight, midnight + 24h);
    one.add(schedule("0 0 2 * * *"), {}, 1min, std::nullopt, {7, 3h});
    const auto cells = one.cells(1min);
    EXPECT_EQ(cells.at(static_cast<std::size_t>((2h + offset) / 1min)).fires, 1);

    // What is due in the time and starts behind it does not count.
    LoadForecast late(midnight, midnight + 2h + 1min);
    late.add(schedule("0 0 2 * * *"), {}, 1min, std::nullopt, {7, 3h});
    EXPECT_EQ(fires_of(late), offset < 1min ? 1 : 0);
}

TEST(LoadForecastTest, CountsAsManyFiresAsThereAre)
{
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same each time
    for (const std::string zone :
         {"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"}) {
        for (const std::string expression :
             {"* * * * * *", "*/7 3-40/4 * * * *", "0 0 * * * *", "30 59 23 * * *",
              "0 */10 8-17 * * MON-FRI", "15 2,30 2 * * *", "0 0 2 * * *", "@every 7s",
              "@every 59s", "@every 90s", "@every 3h", "@hourly", "H H * * *",
              "@at 2026-03-29T00:30:00Z"}) {
            const Schedule job = schedule(expression, zone);
            // Days on which clocks change, and another one.
            for (const std::int64_t day : {1'774'742'400, 1'792'886'400, 1'795'219'200}) {
                const sys_seconds from{std::chrono::seconds(day + random() % 7200)};
                const sys_seconds to = from + 30h + std::chrono::seconds(random() % 100);
                Window window;
                if (random() % 3 == 0) window.start = day + 3700;
                if (random() % 3 == 0) window.end = day + 40'001;
                LoadForecast load(from, to);
                const sys_seconds begin = std::chrono::floor<std::chrono::minutes>(from);
                load.add(job, window, 1s);
                EXPECT_EQ(fires_of(load), true_fires(job, window, begin, to))
                    << expression << " in " << zone << " from " << day;
            }
        }
    }
}

TEST(LoadForecastTest, AJobWithALimitHasNoMoreFires)
{
    LoadForecast load(midnight, midnight + 1h);
    load.add(schedule("0 * * * * *"), {}, 1s, 5);
    EXPECT_EQ(fires_of(load), 5);
}

TEST(LoadForecastTest, RunsThatTakeLongOverlap)
{
    LoadForecast load(midnight, midnight + 1h);
    load.add(schedule("0 * * * * *"), {}, 150s);
    const auto cells = load.cells(10min);
    EXPECT_EQ(cells[1].peak, 3);
    EXPECT_NEAR(cells[1].running, 2.5, 0.01);
}

TEST(LoadForecastTest, ShortRunsOfOneJobDoNotPileUp)
{
    LoadForecast load(midnight, midnight + 1h);
    load.add(schedule("* * * * * *"), {}, 500ms);
    const auto cells = load.cells(10min);
    EXPECT_EQ(cells[0].peak, 1) << "as if spread over the minute";
    EXPECT_NEAR(cells[0].running, 0.5, 0.01);
}

TEST(LoadForecastTest, TheBestSlotIsWhereNothingRuns)
{
    LoadForecast load(midnight, midnight + 24h);
    load.add(schedule("0 0-29 * * * *"), {}, 30s);
    const TimeZone* const utc = *find_zone("UTC");
    const auto slots = load.free_slots(20min, {utc, 60min, 300min}, 3);
    ASSERT_THAT(slots, SizeIs(3));
    EXPECT_EQ(slots[0].from, midnight + 90min);
    EXPECT_EQ(slots[0].to, midnight + 110min);
    EXPECT_EQ(slots[0].fires, 0);
    EXPECT_EQ(slots[1].from, midnight + 150min);
    EXPECT_EQ(slots[2].from, midnight + 210min);
}

TEST(LoadForecastTest, HoursOfASlotMayGoPastMidnightOfTheZone)
{
    LoadForecast load(midnight, midnight + 24h);
    const TimeZone* const berlin = *find_zone("Europe/Berlin");
    // 23:30 to 00:30 there is 22:30 to 23:30 in UTC.
    const auto slots = load.free_slots(60min, {berlin, 23h + 30min, 30min}, 5);
    ASSERT_THAT(slots, SizeIs(1));
    EXPECT_EQ(slots[0].from, midnight + 22h + 30min);
    EXPECT_THAT(load.free_slots(61min, {berlin, 23h + 30min, 30min}, 5), IsEmpty());
}

}  // namespace
}  // namespace peercron
