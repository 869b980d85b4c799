#include "cli/moments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using ::testing::HasSubstr;

constexpr sys_seconds now = sys_days(std::chrono::year(2026) / 11 / 21) + 8h;

/// Reads and shows local times in this zone as long as it lives.
class InZone {
public:
    explicit InZone(const char* zone)
    {
        const char* const set = std::getenv("TZ");
        if (set != nullptr) before_ = set;
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    InZone(const InZone&) = delete;
    InZone& operator=(const InZone&) = delete;
    ~InZone()
    {
        if (before_.empty()) {
            ::unsetenv("TZ");
        } else {
            ::setenv("TZ", before_.c_str(), 1);
        }
        ::tzset();
    }

private:
    std::string before_;
};

TEST(Durations, AreSecondsOrNumbersWithUnits)
{
    EXPECT_EQ(read_duration("90").value(), 90s);
    EXPECT_EQ(read_duration("0").value(), 0s);
    EXPECT_EQ(read_duration("5s").value(), 5s);
    EXPECT_EQ(read_duration("1h30m").value(), 90min);
    EXPECT_EQ(read_duration("2d").value(), 48h);
    EXPECT_EQ(read_duration("1d2h3m4s").value(), 26h + 3min + 4s);
}

TEST(Durations, AreRefusedWithAnExample)
{
    for (const char* const text : {"", "s", "-5s", "5x", "5 s", "1.5h", "30m1h", "5s5s", "1h30",
                                   "+5", "99999999999999999999s", "9999999999d"}) {
        const auto duration = read_duration(text);
        ASSERT_FALSE(duration) << text;
        EXPECT_THAT(duration.error().message, HasSubstr("1h30m")) << text;
    }
}

TEST(Durations, AreReadBackAsTheyAreShown)
{
    for (const seconds time : {0s, 1s, 60s, 90s, 3600s, 5400s, 86'400s, 93'784s}) {
        EXPECT_EQ(read_duration(duration_text(time)).value(), time) << duration_text(time);
    }
    EXPECT_EQ(duration_text(5400s), "1h30m");
}

TEST(Moments, AreRfc3339OrUnixSecondsOrNow)
{
    EXPECT_EQ(read_moment("2026-11-21T08:00:00Z", now).value(), now);
    EXPECT_EQ(read_moment("2026-11-21T09:00:00+01:00", now).value(), now);
    EXPECT_EQ(read_moment("1795248000", now).value(), now);
    EXPECT_EQ(read_moment("now", now).value(), now);
}

TEST(Moments, WithoutAZoneAreLocal)
{
    const InZone berlin("Europe/Berlin");
    EXPECT_EQ(read_moment("2026-11-21 09:00", now).value(), now);
    EXPECT_EQ(read_moment("2026-11-21T09:00:05", now).value(), now + 5s);
    EXPECT_EQ(read_moment("2026-11-21", now).value(), now - 9h);
    EXPECT_EQ(read_moment("2026-07-01 10:00:00", now).value(),
              sys_days(std::chrono::year(2026) / 7 / 1) + 8h);
}

TEST(Moments, AreRefusedWithExamples)
{
    for (const char* const text : {"", "someday", "2026-02-30", "25:00", "08:00 x", "yesterdays",
                                   "today 24:30", "2 hours ago", "2026-13-01", "2026-11-21 25:00",
                                   "2026-11-21 08:00 x", "-5", "999999999999999"}) {
        const auto moment = read_moment(text, now);
        ASSERT_FALSE(moment) << text;
        EXPECT_THAT(moment.error().message, HasSubstr("2027-01-01T00:00:00Z")) << text;
    }
}

TEST(Moments, OfThePastMayBeATimeAgo)
{
    EXPECT_EQ(read_past("15m", now).value(), now - 15min);
    EXPECT_EQ(read_past("2d", now).value(), now - 48h);
    EXPECT_EQ(read_past("2026-11-21T07:00:00Z", now).value(), now - 1h);
    EXPECT_EQ(read_past("15m ago", now).value(), now - 15min);
    EXPECT_EQ(read_past("2 hours ago", now).value(), now - 2h);
    EXPECT_EQ(read_past("1 hour ago", now).value(), now - 1h);
    EXPECT_EQ(read_past("90 seconds ago", now).value(), now - 90s);
    EXPECT_EQ(read_past("5 min ago", now).value(), now - 5min);
    EXPECT_EQ(read_past("3 days ago", now).value(), now - 72h);
    EXPECT_EQ(read_past("1 week ago", now).value(), now - 7 * 24h);
    for (const char* const text : {"ago", " ago", "2 ago", "hours ago", "2 fortnights ago", "x",
                                   "99999999999999 days ago", "2  hours ago"}) {
        const auto moment = read_past(text, now);
        ASSERT_FALSE(moment) << text;
        EXPECT_THAT(moment.error().message, HasSubstr("'2 hours ago'")) << text;
    }
}

TEST(Moments, MayBeDaysByTheirNamesAndTimesOfTheClock)
{
    const InZone berlin("Europe/Berlin");  // where it is 09:00
    EXPECT_EQ(read_moment("today", now).value(), now - 9h);
    EXPECT_EQ(read_moment("yesterday", now).value(), now - 33h);
    EXPECT_EQ(read_moment("tomorrow", now).value(), now + 15h);
    EXPECT_EQ(read_moment("tomorrow 08:00:30", now).value(), now + 23h + 30s);
    EXPECT_EQ(read_moment("13:00", now).value(), now + 4h) << "the next one";
    EXPECT_EQ(read_moment("08:00", now).value(), now + 23h);
    EXPECT_EQ(read_past("13:00", now).value(), now - 20h) << "the last one";
    EXPECT_EQ(read_past("8:00", now).value(), now - 1h);
    EXPECT_EQ(read_past("yesterday", now).value(), now - 33h);
    EXPECT_EQ(read_past("2026-11-20", now).value(), now - 33h);
    // A day of 25 hours lies between.
    const auto change = sys_days(std::chrono::year(2026) / 10 / 26) + 8h;
    EXPECT_EQ(read_past("yesterday", change).value(), change - 9h - 25h);
}

TEST(Moments, ThatEndWhatBeganBeforeComeAfterIt)
{
    const InZone berlin("Europe/Berlin");  // where it is 09:00
    const auto tonight = read_moment("08:30", now).value();
    EXPECT_EQ(tonight, now + 23h + 30min);
    EXPECT_EQ(read_moment("10:00", now, tonight).value(), now + 25h) << "10:00 today is before it";
    EXPECT_EQ(read_moment("08:30", now, tonight).value(), tonight + 24h) << "it takes some time";
    EXPECT_EQ(read_moment("10:00", now, now - 1h).value(), now + 1h);
    EXPECT_EQ(read_past("10:00", now, now - 1h).value(), now + 1h)
        << "10:00 yesterday is before it";
    EXPECT_EQ(read_past("08:30", now, now - 72h).value(), now - 30min)
        << "not 08:30 three days ago";
    // Which day is said: what is wrong is left to who reads both.
    EXPECT_EQ(read_moment("today 10:00", now, tonight).value(), now + 1h);
    EXPECT_EQ(read_past("2h", now, now - 1h).value(), now - 2h);
    // The night of 25 hours.
    const auto change = sys_days(std::chrono::year(2026) / 10 / 25) - 4h;  // 22:00 there
    EXPECT_EQ(read_moment("22:00", change, change).value(), change + 25h);
}

TEST(Moments, OfAJobWithAZoneCarryTheOffset)
{
    const InZone berlin("Europe/Berlin");
    const std::optional<WallTime> time = WallTime(now + 5s);
    EXPECT_EQ(time_text_in("Asia/Tokyo", time), "2026-11-21 17:00:05 +09:00");
    EXPECT_EQ(time_text_in("UTC", time), "2026-11-21 08:00:05 +00:00");
    EXPECT_EQ(time_text_in("", time), "2026-11-21 09:00:05");
    EXPECT_EQ(time_text_in("Mars/Olympus", time), "2026-11-21 09:00:05");
    EXPECT_EQ(time_text_in("Asia/Tokyo", std::nullopt), "");
}

TEST(Moments, AreShownInTheLocalZoneWithSeconds)
{
    const InZone berlin("Europe/Berlin");
    EXPECT_EQ(local_time_text(WallTime(now + 5s)), "2026-11-21 09:00:05");
    EXPECT_EQ(local_time_text(std::nullopt), "");
    EXPECT_EQ(utc_text(now), "2026-11-21T08:00:00Z");
}

TEST(Elapsed, HasThreeFiguresOrSo)
{
    EXPECT_EQ(elapsed_text(0ms), "0ms");
    EXPECT_EQ(elapsed_text(48ms), "48ms");
    EXPECT_EQ(elapsed_text(1'239ms), "1.23s");
    EXPECT_EQ(elapsed_text(12'345ms), "12.3s");
    EXPECT_EQ(elapsed_text(125s), "2m05s");
    EXPECT_EQ(elapsed_text(3'725s), "1h02m");
}

}  // namespace
}  // namespace peercron
