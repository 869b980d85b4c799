#include "schedule/describe.hpp"

#include <gtest/gtest.h>

#include <array>

namespace peercron {
namespace {

struct Description {
    const char* expression;
    const char* words;
};

TEST(Describe, SaysInPlainEnglishWhatAnExpressionNames)
{
    constexpr auto descriptions = std::to_array<Description>({
        {"* * * * * *", "every second"},
        {"@at 2027-01-01T01:00:00+01:00", "once at 2027-01-01T00:00:00+00:00"},
        {"*/15 * * * * *", "every 15 seconds"},
        {"0 * * * * *", "every minute"},
        {"30 * * * * *", "at second 30 of every minute"},
        {"0 */15 * * * *", "every 15 minutes"},
        {"0 5/15 * * * *", "at minutes 5, 20, 35 and 50 of every hour"},
        {"0 0 * * * *", "every hour"},
        {"0 30 * * * *", "at minute 30 of every hour"},
        {"0 0 */2 * * *", "every 2 hours"},
        {"0 30 */2 * * *", "at minute 30 of every 2nd hour"},
        {"0 */10 9-17 * * *", "every 10 minutes from 09:00 to 17:59"},
        {"0 */10 9,17 * * *", "every 10 minutes of hours 9 and 17"},
        {"0 */10 */6 * * *", "every 10 minutes of every 6th hour"},
        {"* * 9-17 * * *", "every second from 09:00 to 17:59"},
        {"* 30 2 * * *", "every second of minute 30 of hour 2"},
        {"* */20 2 * * *", "every second of every 20th minute from 02:00 to 02:59"},
        {"10,20 */20 * * * *", "at seconds 10 and 20 of every 20th minute"},
        {"1-10 5 * * * *", "at seconds 1 to 10 of minute 5 of every hour"},
        {"0 0 0 * * *", "at 00:00:00"},
        {"0 30 2 * * *", "at 02:30:00"},
        {"0 0,30 8,20 * * *", "at 08:00:00, 08:30:00, 20:00:00 and 20:30:00"},
        {"0 0,20,40 8,20 * * *", "every 20 minutes of hours 8 and 20"},
        {"0 30 2 * * MON-FRI", "at 02:30:00 on weekdays"},
        {"0 30 2 * * SAT,SUN", "at 02:30:00 on weekends"},
        {"0 30 2 * * FRI-SUN", "at 02:30:00 on Fridays to Sundays"},
        {"0 30 2 * * MON,WED", "at 02:30:00 on Mondays and Wednesdays"},
        {"0 30 2 ? * 5#2", "at 02:30:00 on the 2nd Friday of the month"},
        {"0 30 2 ? * 5L", "at 02:30:00 on the last Friday of the month"},
        {"0 30 2 ? * MON,5#1,5#3",
         "at 02:30:00 on Mondays, the 1st Friday of the month and the 3rd Friday of the month"},
        {"0 30 2 1 * ?", "at 02:30:00 on day 1 of the month"},
        {"0 30 2 1,15-18 * ?", "at 02:30:00 on days 1 and 15 to 18 of the month"},
        {"0 30 2 L * ?", "at 02:30:00 on the last day of the month"},
        {"0 30 2 L-3,15W,LW * ?",
         "at 02:30:00 on the day 3 before the last, the last weekday and the weekday nearest to "
         "day 15 of the month"},
        {"0 30 2 L-3W * ?",
         "at 02:30:00 on the weekday nearest to the day 3 before the last of the month"},
        {"0 30 22-1 * * FRI-MON",
         "at 00:30:00, 01:30:00, 22:30:00 and 23:30:00 on Mondays and Fridays to Sundays"},
        {"0 30 2 13 * FRI", "at 02:30:00 on day 13 of the month or on Fridays"},
        {"0 30 2 1-31 * FRI", "at 02:30:00"},
        {"0 30 2 */15 * FRI", "at 02:30:00 on days 1, 16 and 31 of the month falling on Fridays"},
        {"0 30 2 * JAN,MAR-MAY ?", "at 02:30:00 in January and March to May"},
        {"0 30 2 * * * 2027,2029-2031", "at 02:30:00 in 2027 and 2029 to 2031"},
        {"0 30 2 L 2 ? 2028", "at 02:30:00 on the last day of the month in February in 2028"},
        {"* * * * * * 1970-2199", "every second"},
        {"@yearly", "at 00:00:00 on day 1 of the month in January"},
        {"@weekly", "at 00:00:00 on Sundays"},
        {"@every 1s", "every second"},
        {"@every 90s", "every 90 seconds"},
        {"@every 1h30m", "every 90 minutes"},
        {"@every 2d", "every 48 hours"},
        {"@every 1h", "every hour"},
    });
    for (const Description& expected : descriptions) {
        EXPECT_EQ(describe(Expression::parse(expected.expression, 0).value()), expected.words)
            << expected.expression;
    }
}

}  // namespace
}  // namespace peercron
