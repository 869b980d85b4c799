#include "schedule/time_zone.hpp"
#include "schedule/posix_zone_rule.hpp"

#include <date/tz.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono;

seconds offset(const char* zone, sys_days day)
{
    return find_zone(zone).value()->offset_at(day);
}

TEST(TimeZone, AgreesWithTheLibraryUntil2037)
{
    for (const auto& source : date::get_tzdb().zones) {
        if (source.name() == "localtime") continue;
        const TimeZone& zone = *find_zone(source.name()).value();
        for (sys_seconds at = sys_days(1970y / 1 / 1); at < sys_days(2037y / 1 / 1);
             at += hours(24 * 9 + 1)) {
            ASSERT_EQ(zone.offset_at(at), source.get_info(at).offset)
                << zone.name() << ' ' << at.time_since_epoch().count();
        }
    }
}

TEST(TimeZone, GoesOnByRuleAfter2037)
{
    EXPECT_EQ(offset("Europe/Berlin", 2099y / 7 / 1), 2h);
    EXPECT_EQ(offset("Europe/Berlin", 2099y / 12 / 1), 1h);
    EXPECT_EQ(offset("Australia/Sydney", 2099y / 1 / 1), 11h);
    EXPECT_EQ(offset("Australia/Sydney", 2099y / 7 / 1), 10h);
    EXPECT_EQ(offset("Europe/Dublin", 2099y / 7 / 1), 1h);
    EXPECT_EQ(offset("Asia/Tokyo", 2099y / 7 / 1), 9h);
    EXPECT_EQ(offset("America/Nuuk", 2199y / 7 / 1), -1h);
}

TEST(TimeZone, ChangesAtTheSecondThatTheRuleSays)
{
    const TimeZone& zone = *find_zone("Europe/Berlin").value();
    const sys_seconds change = sys_days(2099y / 3 / 29) + 1h;
    EXPECT_EQ(zone.offset_at(change - 1s), 1h);
    EXPECT_EQ(zone.offset_at(change), 2h);
}

TEST(TimeZone, PeriodsCoverTheTableWithoutAHole)
{
    for (const auto& source : date::get_tzdb().zones) {
        if (source.name() == "localtime") continue;
        const auto periods = find_zone(source.name()).value()->periods();
        EXPECT_EQ(periods.front().begin, TimeZone::begin);
        EXPECT_EQ(periods.back().end, TimeZone::end);
        for (std::size_t i = 1; i < periods.size(); ++i) {
            EXPECT_EQ(periods[i - 1].end, periods[i].begin) << source.name();
            EXPECT_LT(periods[i].begin, periods[i].end) << source.name();
            EXPECT_NE(periods[i - 1].offset, periods[i].offset) << source.name();
        }
    }
}

TEST(TimeZone, AnswersOutsideOfTheTableFromItsEnds)
{
    const TimeZone& zone = *find_zone("Europe/Berlin").value();
    EXPECT_EQ(zone.index_at(sys_seconds::min()), 0U);
    EXPECT_EQ(zone.index_at(sys_seconds::max()), zone.periods().size() - 1);
}

TEST(TimeZone, IsTheSameObjectAtEveryCallFromAnyThread)
{
    std::vector<const TimeZone*> found(8);
    {
        std::vector<std::jthread> threads;
        threads.reserve(found.size());
        for (const TimeZone*& zone : found) {
            threads.emplace_back([&zone] { zone = find_zone("Asia/Tokyo").value(); });
        }
    }
    for (const TimeZone* zone : found) EXPECT_EQ(zone, found.front());
}

TEST(TimeZone, RefusesNamesThatAreNoZone)
{
    for (const char* name :
         {"", "Mars/Base", "europe/berlin", "../../etc/passwd", "localtime", "UTC "}) {
        const auto zone = find_zone(name);
        ASSERT_FALSE(zone) << name;
        EXPECT_NE(zone.error().message.find("allowed are IANA names"), std::string::npos);
    }
    EXPECT_TRUE(find_zone("Etc/GMT+5"));
    EXPECT_TRUE(find_zone("US/Eastern"));
}

TEST(PosixZoneRule, ReadsEveryFormOfDate)
{
    const auto berlin = PosixZoneRule::parse("CET-1CEST,M3.5.0,M10.5.0/3");
    ASSERT_TRUE(berlin);
    const auto changes = berlin->changes(2026y);
    EXPECT_EQ(changes[0].at, sys_days(2026y / 3 / 29) + 1h);
    EXPECT_EQ(changes[0].offset, 2h);
    EXPECT_EQ(changes[1].at, sys_days(2026y / 10 / 25) + 1h);
    EXPECT_EQ(changes[1].offset, 1h);

    const auto julian = PosixZoneRule::parse("AAA3BBB,J60/0,J365/23:30:15");
    ASSERT_TRUE(julian);
    EXPECT_EQ(julian->changes(2028y)[0].at, sys_days(2028y / 3 / 1) + 3h);
    EXPECT_EQ(julian->changes(2027y)[0].at, sys_days(2027y / 3 / 1) + 3h);
    EXPECT_EQ(julian->changes(2028y)[1].at, sys_days(2028y / 12 / 31) + 23h + 30min + 15s + 2h);

    const auto before_leap_day = PosixZoneRule::parse("AAA3BBB,J59/0,J300/0");
    ASSERT_TRUE(before_leap_day);
    EXPECT_EQ(before_leap_day->changes(2028y)[0].at, sys_days(2028y / 2 / 28) + 3h);

    const auto by_day = PosixZoneRule::parse("AAA3BBB,59/0,300/0");
    ASSERT_TRUE(by_day);
    EXPECT_EQ(by_day->changes(2028y)[0].at, sys_days(2028y / 2 / 29) + 3h);
    EXPECT_EQ(by_day->changes(2027y)[0].at, sys_days(2027y / 3 / 1) + 3h);
}

TEST(PosixZoneRule, ReadsNegativeHoursQuotedNamesAndTheSouth)
{
    const auto nuuk = PosixZoneRule::parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
    ASSERT_TRUE(nuuk);
    EXPECT_EQ(nuuk->changes(2026y)[0].at, sys_days(2026y / 3 / 29) + 1h);
    EXPECT_EQ(nuuk->changes(2026y)[0].offset, -1h);

    const auto chatham = PosixZoneRule::parse("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45");
    ASSERT_TRUE(chatham);
    EXPECT_EQ(chatham->changes(2026y)[0].offset, 12h + 45min);  // April, back to standard
    EXPECT_EQ(chatham->changes(2026y)[1].offset, 13h + 45min);

    const auto dublin = PosixZoneRule::parse("IST-1GMT0,M10.5.0,M3.5.0/1");
    ASSERT_TRUE(dublin);
    EXPECT_EQ(dublin->changes(2026y)[0].offset, 1h);
    EXPECT_EQ(dublin->changes(2026y)[1].offset, 0h);

    const auto gaza = PosixZoneRule::parse("EET-2EEST,M3.4.4/50,M10.4.4/50");
    ASSERT_TRUE(gaza);
    EXPECT_EQ(gaza->changes(2026y)[0].at, sys_days(2026y / 3 / 28));
}

TEST(PosixZoneRule, KnowsNothingWithoutChangesAndNothingMalformed)
{
    for (const char* text :
         {"", "UTC0", "<+00>0", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5",
          "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
          "CET-1CEST,M3.5.0,M10.5.0x", "<CET-1CEST,M3.5.0,M10.5.0", "CET,M3.5.0,M10.5.0",
          "CET-999CEST,M3.5.0,M10.5.0", "TZif2"}) {
        EXPECT_FALSE(PosixZoneRule::parse(text)) << text;
    }
}

}  // namespace
}  // namespace peercron
