#include "insight/agenda.hpp"

#include "insight/badge.hpp"
#include "insight/schedule_change.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::chrono::sys_seconds midnight{std::chrono::seconds(1'795'219'200)};

Schedule schedule(std::string_view expression)
{
    return *Schedule::make(expression, "UTC", 7);
}

AgendaJob fires(JobId id, const Schedule& schedule, const Window& window = {},
                std::optional<std::int64_t> runs_left = std::nullopt)
{
    return {id, {&schedule, window}, runs_left};
}

TEST(AgendaTest, FiresComeByTimeAndJob)
{
    const Schedule hourly = schedule("0 0 * * * *");
    const Schedule half = schedule("0 */30 * * * *");
    const std::vector<AgendaJob> jobs{fires(2, hourly), fires(1, half)};
    EXPECT_THAT(agenda(jobs, midnight, midnight + 1h, 0, 10),
                ElementsAre(AgendaFire{1, midnight}, AgendaFire{2, midnight},
                            AgendaFire{1, midnight + 30min}));
    EXPECT_THAT(agenda(jobs, midnight, midnight + 1h, 1, 1), ElementsAre(AgendaFire{2, midnight}));
    EXPECT_THAT(agenda(jobs, midnight + 1s, midnight + 30min, 0, 10), IsEmpty());
    EXPECT_EQ(count_fires(jobs, midnight, midnight + 1h), 3);
}

TEST(AgendaTest, WindowsAndLimitsHold)
{
    const Schedule each = schedule("* * * * * *");
    const std::int64_t begin = midnight.time_since_epoch().count();
    const std::vector<AgendaJob> jobs{fires(1, each, {begin + 5, begin + 8}), fires(2, each, {}, 2),
                                      fires(3, each, {}, 0)};
    EXPECT_THAT(agenda(jobs, midnight, midnight + 1h, 0, 100), SizeIs(5));
    EXPECT_EQ(count_fires(jobs, midnight, midnight + 1h), 5);
}

TEST(AgendaTest, TheFirstFireOfEachJobComesByTimeAndJob)
{
    const Schedule each = schedule("* * * * * *");
    const Schedule half = schedule("0 */30 * * * *");
    const std::int64_t begin = midnight.time_since_epoch().count();
    const std::vector<AgendaJob> jobs{fires(4, half), fires(3, each, {begin + 7, 0}),
                                      fires(2, each), fires(1, each, {}, 0)};
    EXPECT_THAT(first_fires(jobs, midnight + 1s, midnight + 1h, 10),
                ElementsAre(AgendaFire{2, midnight + 1s}, AgendaFire{3, midnight + 7s},
                            AgendaFire{4, midnight + 30min}));
    EXPECT_THAT(first_fires(jobs, midnight + 1s, midnight + 1h, 1), SizeIs(1));
    EXPECT_THAT(first_fires(jobs, midnight + 1s, midnight + 5s, 10), SizeIs(1));
}

TEST(AgendaTest, FiresAreCountedByMinute)
{
    const Schedule often = schedule("*/20 * * * * *");
    const std::vector<AgendaJob> jobs{fires(1, often)};
    const FiresByMinute begun = fires_by_minute(jobs, midnight + 30s, midnight + 150s);
    EXPECT_EQ(begun.from, midnight);
    EXPECT_THAT(begun.fires, ElementsAre(1, 3, 2));
    EXPECT_THAT(fires_by_minute(jobs, midnight, midnight + 2min).fires, ElementsAre(3, 3));
}

TEST(AgendaTest, CountsFromAnySecondOn)
{
    const Schedule each = schedule("*/10 * * * * *");
    const std::vector<AgendaJob> jobs{fires(1, each)};
    for (const auto from : {midnight, midnight + 1s, midnight + 59s, midnight + 601s}) {
        for (const auto length : {1s, 10s, 61s, 4000s}) {
            EXPECT_EQ(count_fires(jobs, from, from + length),
                      std::ssize(agenda(jobs, from, from + length, 0, 10'000)));
        }
    }
}

TEST(ScheduleChangeTest, SaysWhichFiresComeAndGo)
{
    const Schedule before = schedule("0 0,30 * * * *");
    const Schedule after = schedule("0 15,30 * * * *");
    const ScheduleChange change =
        compare({&before, {}}, {&after, {}}, midnight, midnight + 1h + 1s);
    EXPECT_EQ(change.stay_total, 1);
    EXPECT_THAT(change.come, ElementsAre(midnight + 15min));
    EXPECT_THAT(change.go, ElementsAre(midnight + 1h));
    EXPECT_EQ(change.counted_to, midnight + 1h + 1s);
    EXPECT_EQ(compare({}, {&after, {}}, midnight, midnight + 1h).come_total, 2);
    EXPECT_EQ(compare({&before, {}}, {}, midnight, midnight + 1h).go_total, 1);
}

TEST(ScheduleChangeTest, TooManyFiresAreNotCounted)
{
    const Schedule each = schedule("* * * * * *");
    const ScheduleChange change = compare({}, {&each, {}}, midnight, midnight + 168h);
    EXPECT_EQ(change.come_total, 100'000);
    EXPECT_THAT(change.come, SizeIs(100));
    EXPECT_EQ(change.counted_to, midnight + 100'001s);
}

TEST(BadgeTest, EscapesWhatItShows)
{
    const std::string picture = badge("a<b>&\"c", "ok", "#00734f");
    EXPECT_THAT(picture, HasSubstr("a&lt;b&gt;&amp;&quot;c: ok"));
    EXPECT_THAT(picture, Not(HasSubstr("<b>")));
}

}  // namespace
}  // namespace peercron
