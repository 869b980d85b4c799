#include "naive_cron.hpp"

#include "schedule/rfc3339.hpp"
#include "schedule/schedule.hpp"

#include <date/tz.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono;
using naive::Cron;
using naive::Generator;

const std::vector<std::string> zones{
    "Europe/Berlin",     "America/New_York",  "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia",        "UTC",
    "Europe/London",     "Europe/Dublin",     "America/St_Johns",    "Asia/Tehran",
    "Antarctica/Troll",  "Antarctica/Casey",  "Antarctica/Vostok",   "America/Nuuk",
    "Africa/Monrovia",   "Africa/Cairo",      "Pacific/Chatham",     "Pacific/Kwajalein",
    "Asia/Gaza",         "America/Havana",    "Pacific/Kiritimati",  "America/Caracas"};

/// The moments from 1970 to 2037 at which the zone's offset changes.
std::vector<sys_seconds> changes_of(const std::string& zone)
{
    std::vector<sys_seconds> changes;
    const sys_seconds end = sys_days(2037y / 12 / 1);
    date::sys_info info = date::locate_zone(zone)->get_info(sys_seconds(sys_days(1970y / 1 / 5)));
    while (info.end < end) {
        changes.push_back(info.end);
        info = date::locate_zone(zone)->get_info(info.end);
    }
    return changes;
}

std::vector<sys_seconds> fires_between(const Schedule& schedule, sys_seconds begin, sys_seconds end)
{
    std::vector<sys_seconds> fires;
    auto fire = schedule.next(begin - 1s);
    while (fire && *fire < end) {
        fires.push_back(*fire);
        fire = schedule.next(*fire);
    }
    return fires;
}

std::string show(const Schedule& schedule, sys_seconds time)
{
    return format_rfc3339(time, schedule.zone().offset_at(time));
}

/// Compares without printing a hundred thousand fires.
void expect_same(const Schedule& schedule, const std::vector<sys_seconds>& found,
                 const std::vector<sys_seconds>& expected, const std::string& text)
{
    const auto differ = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
    if (differ.first == found.end() && differ.second == expected.end()) return;
    ADD_FAILURE() << text << " in " << schedule.zone().name() << "\n  engine: "
                  << (differ.first == found.end() ? "nothing" : show(schedule, *differ.first))
                  << "\n  second by second: "
                  << (differ.second == expected.end() ? "nothing" : show(schedule, *differ.second));
}

TEST(ScheduleProperty, FiresExactlyWhenASecondBySecondWalkDoes)
{
    Generator random(20261121);
    int compared = 0;
    for (int i = 0; i < naive::cases(3000); ++i) {
        const std::string& zone = zones[static_cast<std::size_t>(i) % zones.size()];
        const std::string text = random.expression();
        const auto schedule = Schedule::make(text, zone, 0);
        if (!schedule) {
            EXPECT_NE(schedule.error().message.find("can never fire"), std::string::npos)
                << schedule.error().message;
            continue;
        }
        const auto changes = changes_of(zone);
        sys_seconds begin = sys_days(1970y / 1 / 5) + hours(random.below(67 * 365 * 24));
        if (!changes.empty() && !random.one_in(4)) {
            const auto change =
                static_cast<std::size_t>(random.below(static_cast<int>(changes.size())));
            begin = changes[change] - hours(random.between(1, 30)) - seconds(random.below(4000));
        }
        const sys_seconds end = begin + hours(40);
        const auto expected = Cron(text).fires(zone, begin, end);
        expect_same(*schedule, fires_between(*schedule, begin, end), expected, text);

        // Asked from anywhere, the answer is the first of the same fires.
        for (int j = 0; j < 20; ++j) {
            const sys_seconds after = begin + seconds(random.below(40 * 3600));
            const auto next = std::upper_bound(expected.begin(), expected.end(), after);
            const auto found = schedule->next(after);
            if (next == expected.end()) {
                EXPECT_TRUE(!found || *found >= end) << text << " in " << zone;
            } else {
                EXPECT_EQ(found, *next) << text << " in " << zone;
            }
        }
        ++compared;
    }
    EXPECT_GT(compared, naive::cases(2000));
}

/// The fires at one local time, as the zone's own library maps it.
std::vector<sys_seconds> map_to_fires(const date::time_zone& zone, local_seconds local, bool wild)
{
    const auto info = zone.get_info(date::local_seconds(local.time_since_epoch()));
    const auto at = [&](seconds offset) { return sys_seconds(local.time_since_epoch() - offset); };
    const bool daylight_saving = abs(info.second.offset - info.first.offset) < 3h;
    switch (info.result) {
        case date::local_info::nonexistent:
            if (wild || !daylight_saving) return {};
            return {info.second.begin};
        case date::local_info::ambiguous:
            if (wild || !daylight_saving) return {at(info.first.offset), at(info.second.offset)};
            return {at(info.first.offset)};
        default:
            return {at(info.first.offset)};
    }
}

TEST(ScheduleProperty, FindsRareFiresAcrossDecadesOfChangingClocks)
{
    Generator random(1893);
    constexpr local_days begin(1970y / 1 / 8);
    constexpr local_days end(2037y / 1 / 1);
    int compared = 0;
    for (int i = 0; i < naive::cases(400); ++i) {
        const std::string& zone = zones[static_cast<std::size_t>(i) % zones.size()];
        const date::time_zone& source = *date::locate_zone(zone);
        const int hour = random.between(0, 3) % 24;
        const bool wild = random.one_in(2);
        const std::string dates = random.date_fields();
        const std::string text =
            (wild ? "0 */30 " : "0 0,30 ") + std::to_string(hour) + ' ' + dates;
        const auto schedule = Schedule::make(text, zone, 0);
        if (!schedule) continue;
        const Cron cron(text);
        std::vector<sys_seconds> expected;
        for (local_days day = begin; day < end; day += days(1)) {
            if (!cron.matches_date(day)) continue;
            for (const minutes past : {0min, 30min}) {
                const auto fires = map_to_fires(source, day + hours(hour) + past, wild);
                expected.insert(expected.end(), fires.begin(), fires.end());
            }
        }
        std::sort(expected.begin(), expected.end());
        expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
        const sys_seconds first = sys_days(1970y / 1 / 10);
        const sys_seconds last = sys_days(2036y / 12 / 20);
        std::erase_if(expected, [&](sys_seconds fire) { return fire < first || fire >= last; });
        expect_same(*schedule, fires_between(*schedule, first, last), expected, text);
        ++compared;
    }
    EXPECT_GT(compared, naive::cases(200));
}

TEST(ScheduleProperty, NamesExactlyTheDaysThatADayByDayWalkDoes)
{
    Generator random(1582);
    constexpr local_days begin(1970y / 1 / 1);
    constexpr local_days end(2200y / 1 / 1);
    for (int i = 0; i < naive::cases(180); ++i) {
        const std::string text = "0 0 12 " + random.date_fields();
        const Cron cron(text);
        const auto expression = Expression::parse(text, 0);
        std::optional<local_seconds> next;
        if (expression) next = expression->first_match(begin);
        for (local_days day = begin; day < end; day += days(1)) {
            const bool due = next == day + 12h;
            ASSERT_EQ(due, cron.matches_date(day))
                << text << " on " << format_rfc3339(sys_days(day.time_since_epoch()), 0s);
            if (due) next = expression->first_match(day + 12h + 1s);
        }
    }
}

TEST(ScheduleProperty, AFireNeverComesTwiceNorGoesBackOverTheWholeTable)
{
    Generator random(7);
    for (const std::string& zone : zones) {
        for (const char* text : {"0 30 2 * * *", "0 */30 * * * *", "0 0 0 1 * *",
                                 "0 30 1-3 ? * SUN", "0 */20 2 * * *"}) {
            const auto schedule = Schedule::make(text, zone, 0);
            ASSERT_TRUE(schedule) << schedule.error().message;
            sys_seconds after = sys_days(year(random.between(1970, 2190)) / 1 / 1);
            for (int i = 0; i < 2000; ++i) {
                const auto fire = schedule->next(after);
                if (!fire) break;
                ASSERT_GT(*fire, after) << text << " in " << zone;
                after = *fire;
            }
        }
    }
}

TEST(ScheduleProperty, TheLocalTimesOfPeriodsNeverGoBackByMoreThanAPeriod)
{
    // What lets next() skip periods: see the comment there.
    for (const auto& source : date::get_tzdb().zones) {
        const auto zone = find_zone(source.name());
        if (!zone) continue;  // localtime
        const auto periods = (*zone)->periods();
        for (std::size_t i = 1; i < periods.size(); ++i) {
            EXPECT_LT(periods[i - 1].to_local(periods[i - 1].begin),
                      periods[i].to_local(periods[i].begin))
                << source.name();
        }
    }
}

}  // namespace
}  // namespace peercron
