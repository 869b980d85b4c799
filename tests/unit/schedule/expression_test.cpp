#include "schedule/expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono;
using testing::ElementsAre;
using testing::HasSubstr;

Expression parse(std::string_view text, std::int64_t job_id = 0)
{
    return Expression::parse(text, job_id).value();
}

std::string refusal(std::string_view text)
{
    const auto expression = Expression::parse(text, 0);
    return expression ? "it was understood" : expression.error().message;
}

std::vector<int> values(std::uint64_t bits)
{
    std::vector<int> found;
    for (; bits != 0; bits &= bits - 1) found.push_back(std::countr_zero(bits));
    return found;
}

/// The first days, as day of month, that a date names from 2026-01-01 on.
std::vector<std::string> first_dates(std::string_view day_month_weekday_year, int count)
{
    const Expression expression = parse("0 0 0 " + std::string(day_month_weekday_year));
    std::vector<std::string> dates;
    local_seconds from = local_days(2026y / 1 / 1);
    for (int i = 0; i < count; ++i) {
        const auto match = expression.first_match(from);
        if (!match) break;
        const year_month_day date(floor<days>(*match));
        dates.push_back(std::to_string(static_cast<unsigned>(date.month())) + '/' +
                        std::to_string(static_cast<unsigned>(date.day())));
        if (date.year() != 2026y)
            dates.back() += '/' + std::to_string(static_cast<int>(date.year()));
        from = *match + 1s;
    }
    return dates;
}

TEST(Expression, ReadsValuesListsRangesAndSteps)
{
    const auto minutes = [](const std::string& text) {
        return values(parse("0 " + text + " * * * *").fields().minutes);
    };
    EXPECT_THAT(minutes("7"), ElementsAre(7));
    EXPECT_THAT(minutes("07"), ElementsAre(7));
    EXPECT_THAT(minutes("3,1,2,1"), ElementsAre(1, 2, 3));
    EXPECT_THAT(minutes("10-13"), ElementsAre(10, 11, 12, 13));
    EXPECT_THAT(minutes("5-5"), ElementsAre(5));
    EXPECT_THAT(minutes("*/20"), ElementsAre(0, 20, 40));
    EXPECT_THAT(minutes("*/60"), ElementsAre(0));
    EXPECT_THAT(minutes("10-40/15"), ElementsAre(10, 25, 40));
    EXPECT_THAT(minutes("5/15"), ElementsAre(5, 20, 35, 50));
    EXPECT_THAT(minutes("1-3,30/20,59"), ElementsAre(1, 2, 3, 30, 50, 59));
    EXPECT_EQ(minutes("*").size(), 60U);
    EXPECT_EQ(minutes("*/1"), minutes("0-59"));
}

TEST(Expression, ARangeGoesOnAtTheBeginningOfItsField)
{
    const auto fields = [](const std::string& text) { return parse(text).fields(); };
    EXPECT_THAT(values(fields("0 0 22-4 * * *").hours), ElementsAre(0, 1, 2, 3, 4, 22, 23));
    EXPECT_THAT(values(fields("0 0 22-4/2 * * *").hours), ElementsAre(0, 2, 4, 22));
    EXPECT_THAT(values(fields("0 0 23-0/5 * * *").hours), ElementsAre(23));
    EXPECT_THAT(values(fields("58-1 0 0 * * *").seconds), ElementsAre(0, 1, 58, 59));
    EXPECT_THAT(values(fields("0 55-5/5 0 * * *").minutes), ElementsAre(0, 5, 55));
    EXPECT_THAT(values(fields("0 0 0 30-2 * *").days), ElementsAre(1, 2, 30, 31));
    EXPECT_THAT(values(fields("0 0 0 * NOV-FEB *").months), ElementsAre(1, 2, 11, 12));
    EXPECT_EQ(parse("0 0 0 * * FRI-MON"), parse("0 0 0 * * FRI,SAT,SUN,MON"));
    EXPECT_EQ(parse("0 0 0 * * 5-1/2"), parse("0 0 0 * * 5,0"));
    EXPECT_EQ(parse("0 0 0 ? * 6-5"), parse("0 0 0 ? * *"));
    std::set<int> chosen;
    for (int job = 0; job < 500; ++job) {
        for (const int hour : values(parse("0 0 H(22-4) * * *", job).fields().hours)) {
            chosen.insert(hour);
        }
    }
    EXPECT_THAT(chosen, ElementsAre(0, 1, 2, 3, 4, 22, 23));
}

TEST(Expression, WTakesADayCountedFromTheEnd)
{
    // 2026: January 28 is a Wednesday, February 25 too, May 28 a Thursday; L-3 of February 2027 a
    // Thursday; of October 2026 the 28th; of November the 27th; of August the 28th, a Friday.
    EXPECT_THAT(first_dates("L-3W 1,5,8 ?", 3), ElementsAre("1/28", "5/28", "8/28"));
    // L-1 of January is Friday the 30th; L-6 Sunday the 25th, to Monday; L-7 Saturday, to Friday.
    EXPECT_THAT(first_dates("L-6W 1 ?", 1), ElementsAre("1/26"));
    EXPECT_THAT(first_dates("L-7W 1 ?", 1), ElementsAre("1/23"));
    // The first of February is a Sunday and stays in its month; January 1 a Thursday.
    EXPECT_THAT(first_dates("L-27W 2 ? 2026", 1), ElementsAre("2/2"));
    EXPECT_THAT(first_dates("L-30W 8 ? 2026", 1), ElementsAre("8/3"));  // Saturday the first
    EXPECT_THAT(first_dates("L-30W 2,3 ? 2026", 2), ElementsAre("3/2"));
    EXPECT_EQ(parse("0 0 0 L-0W * ?"), parse("0 0 0 LW * ?"));
}

TEST(Expression, ReadsEveryFieldInItsRange)
{
    const CronFields all = parse("* * * * * * *").fields();
    EXPECT_EQ(std::popcount(all.seconds), 60);
    EXPECT_EQ(std::popcount(all.minutes), 60);
    EXPECT_EQ(values(all.hours).size(), 24U);
    EXPECT_EQ(all.days, 0xfffffffeU);
    EXPECT_EQ(all.months, 0x1ffeU);
    EXPECT_THAT(all.nth_weekday, testing::Each(0x7f));
    EXPECT_TRUE(all.every_day);
    int years = 0;
    for (const auto word : all.years) years += std::popcount(word);
    EXPECT_EQ(years, 230);

    const CronFields one = parse("59 58 23 31 12 6 2199").fields();
    EXPECT_THAT(values(one.seconds), ElementsAre(59));
    EXPECT_THAT(values(one.minutes), ElementsAre(58));
    EXPECT_THAT(values(one.hours), ElementsAre(23));
    EXPECT_THAT(values(one.days), ElementsAre(31));
    EXPECT_THAT(values(one.months), ElementsAre(12));
    EXPECT_THAT(values(one.nth_weekday[0]), ElementsAre(6));
    EXPECT_THAT(values(one.years[3]), ElementsAre(2199 - 1970 - 192));
}

TEST(Expression, FiveFieldsMeanSecondZeroAndSixMeanEveryYear)
{
    EXPECT_EQ(parse("30 2 * * *"), parse("0 30 2 * * *"));
    EXPECT_EQ(parse("0 30 2 * * *"), parse("0 30 2 * * * *"));
    EXPECT_NE(parse("0 30 2 * * *"), parse("0 30 2 * * * 1970-2198"));
}

TEST(Expression, BlanksOfAnyKindSeparateFields)
{
    EXPECT_EQ(parse(" \t0  30 2\t* * *\r\n"), parse("0 30 2 * * *"));
}

TEST(Expression, NamesOfMonthsAndWeekdaysAreReadInAnyCase)
{
    EXPECT_EQ(parse("0 0 0 * JAN,Mar-may mon-FRI"), parse("0 0 0 * 1,3-5 1-5"));
    EXPECT_EQ(parse("0 0 0 * DEC sat"), parse("0 0 0 * 12 6"));
    EXPECT_EQ(parse("0 0 0 * * MON-FRI/2"), parse("0 0 0 * * 1,3,5"));
}

TEST(Expression, SundayIsBothZeroAndSeven)
{
    EXPECT_EQ(parse("0 0 0 * * 7"), parse("0 0 0 * * SUN"));
    EXPECT_EQ(parse("0 0 0 * * 5-7"), parse("0 0 0 * * 0,5,6"));
    EXPECT_EQ(parse("0 0 0 * * FRI-SUN"), parse("0 0 0 * * 0,5,6"));
    EXPECT_EQ(parse("0 0 0 * * 7-2"), parse("0 0 0 * * 0-2"));
    EXPECT_EQ(parse("0 0 0 * * 7-7"), parse("0 0 0 * * 0"));
    EXPECT_EQ(parse("0 0 0 ? * 0-7"), parse("0 0 0 ? * 0-6"));
    EXPECT_EQ(parse("0 0 0 * * 7/2"), parse("0 0 0 * * 0,2,4,6"));
    EXPECT_EQ(parse("0 0 0 * * 7L"), parse("0 0 0 * * SUNL"));
    EXPECT_EQ(parse("0 0 0 * * 7#1"), parse("0 0 0 * * 0#1"));
}

TEST(Expression, LIsTheLastDayOfTheMonthAndCountsBack)
{
    EXPECT_THAT(first_dates("L * ?", 4), ElementsAre("1/31", "2/28", "3/31", "4/30"));
    EXPECT_THAT(first_dates("L-0 * ?", 2), ElementsAre("1/31", "2/28"));
    EXPECT_THAT(first_dates("L-3 * ?", 3), ElementsAre("1/28", "2/25", "3/28"));
    EXPECT_THAT(first_dates("L-30 * ?", 3), ElementsAre("1/1", "3/1", "5/1"));
    EXPECT_THAT(first_dates("1,l 2 ?", 3), ElementsAre("2/1", "2/28", "2/1/2027"));
    EXPECT_THAT(first_dates("L 2 ? 2028", 1), ElementsAre("2/29/2028"));
}

TEST(Expression, WIsTheNearestWorkdayInTheSameMonth)
{
    EXPECT_THAT(first_dates("15W 1-3 ?", 3), ElementsAre("1/15", "2/16", "3/16"));  // Thu, Sun, Sun
    EXPECT_THAT(first_dates("1W 2,8 ?", 2), ElementsAre("2/2", "8/3"));             // Sun, Sat
    EXPECT_THAT(first_dates("31W 1-5 ?", 3), ElementsAre("1/30", "3/31", "5/29"));  // Sat, Tue, Sun
    EXPECT_THAT(first_dates("28w 2 ?", 1), ElementsAre("2/27"));                    // Sat
    EXPECT_THAT(first_dates("LW 1-5 ?", 5), ElementsAre("1/30", "2/27", "3/31", "4/30", "5/29"));
}

TEST(Expression, LAndHashChooseAWeekdayOfTheMonth)
{
    EXPECT_THAT(first_dates("? * 5L", 3), ElementsAre("1/30", "2/27", "3/27"));
    EXPECT_THAT(first_dates("? * FRIL", 1), ElementsAre("1/30"));
    EXPECT_THAT(first_dates("? * 5#2", 3), ElementsAre("1/9", "2/13", "3/13"));
    EXPECT_THAT(first_dates("? * fri#2,MON#1", 3), ElementsAre("1/5", "1/9", "2/2"));
    EXPECT_THAT(first_dates("? * 5#5", 2), ElementsAre("1/30", "5/29"));
}

TEST(Expression, DayAndWeekdayMustBothMatchOnlyWhenOneIsOpen)
{
    EXPECT_THAT(first_dates("13 * FRI", 4), ElementsAre("1/2", "1/9", "1/13", "1/16"));
    EXPECT_THAT(first_dates("13 * ?", 2), ElementsAre("1/13", "2/13"));
    EXPECT_THAT(first_dates("? * FRI", 2), ElementsAre("1/2", "1/9"));
    EXPECT_THAT(first_dates("* * FRI", 2), ElementsAre("1/2", "1/9"));
    EXPECT_THAT(first_dates("*/12 * FRI", 2), ElementsAre("2/13", "3/13"));
    EXPECT_THAT(first_dates("13 * */5", 2), ElementsAre("2/13", "3/13"));
    EXPECT_THAT(first_dates("1-31 * FRI", 3), ElementsAre("1/1", "1/2", "1/3"));
    EXPECT_THAT(first_dates("? * ?", 2), ElementsAre("1/1", "1/2"));
}

TEST(Expression, OnlyAStarInHourOrMinuteGoesByElapsedTime)
{
    EXPECT_TRUE(parse("0 * 2 * * *").fields().by_elapsed_time);
    EXPECT_TRUE(parse("0 */5 2 * * *").fields().by_elapsed_time);
    EXPECT_TRUE(parse("0 30 *,2 * * *").fields().by_elapsed_time);
    EXPECT_TRUE(parse("@hourly").fields().by_elapsed_time);
    EXPECT_FALSE(parse("* 30 2 * * *").fields().by_elapsed_time);
    EXPECT_FALSE(parse("0 0-59 0-23 * * *").fields().by_elapsed_time);
    EXPECT_FALSE(parse("0 H H * * *").fields().by_elapsed_time);
}

TEST(Expression, AliasesStandForTheirFields)
{
    EXPECT_EQ(parse("@yearly"), parse("0 0 0 1 1 *"));
    EXPECT_EQ(parse("@annually"), parse("0 0 0 1 1 *"));
    EXPECT_EQ(parse("@monthly"), parse("0 0 0 1 * *"));
    EXPECT_EQ(parse("@weekly"), parse("0 0 0 * * 0"));
    EXPECT_EQ(parse("@daily"), parse("0 0 0 * * *"));
    EXPECT_EQ(parse("@midnight"), parse("0 0 0 * * *"));
    EXPECT_EQ(parse(" @Hourly "), parse("0 0 * * * *"));
}

TEST(Expression, EveryTakesADuration)
{
    EXPECT_EQ(parse("@every 90s").interval(), 90s);
    EXPECT_EQ(parse("@every 1h30m").interval(), 90min);
    EXPECT_EQ(parse("@EVERY 1D2H3M4S").interval(), 93784s);
    EXPECT_EQ(parse("@every 1s").interval(), 1s);
    EXPECT_EQ(parse("@every 365d").interval(), 365 * 24h);
    EXPECT_EQ(parse("@every 0h1s").interval(), 1s);
    EXPECT_EQ(parse("0 * * * * *").interval(), std::nullopt);
}

TEST(Expression, HNeverChangesItsChoiceForAJob)
{
    // Fires have been recorded under these values: a change moves every job that says H.
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().seconds), ElementsAre(5));
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().minutes), ElementsAre(19));
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().hours), ElementsAre(6));
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().days), ElementsAre(8));
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().months), ElementsAre(10));
    EXPECT_THAT(values(parse("H H H H H H", 1).fields().nth_weekday[0]), ElementsAre(2));
    EXPECT_EQ(parse("H H * * * *", 7), parse("h h * * * *", 7));
}

TEST(Expression, HSpreadsJobsEvenlyWithinItsRange)
{
    std::vector<int> minutes(60);
    std::set<int> hours, stepped;
    int largest_day = 0;
    for (std::int64_t id = 1; id <= 6000; ++id) {
        const CronFields fields = parse("0 H H(8-10) H * ?", id).fields();
        ++minutes[static_cast<std::size_t>(std::countr_zero(fields.minutes))];
        hours.insert(values(fields.hours).front());
        largest_day = std::max(largest_day, values(fields.days).front());
        const auto steps = values(parse("0 H/15 * * * *", id).fields().minutes);
        ASSERT_EQ(steps.size(), 4U);
        EXPECT_LT(steps[0], 15);
        EXPECT_EQ(steps[3], steps[0] + 45);
        stepped.insert(steps[0]);
        EXPECT_EQ(values(parse("0 H(0-29)/10 * * * *", id).fields().minutes).size(), 3U);
    }
    EXPECT_THAT(minutes, testing::Each(testing::AllOf(testing::Gt(60), testing::Lt(140))));
    EXPECT_THAT(hours, ElementsAre(8, 9, 10));
    EXPECT_EQ(largest_day, 28);
    EXPECT_EQ(stepped.size(), 15U);
}

TEST(Expression, FindsTheFirstMatchAcrossEveryBorder)
{
    const local_seconds new_year_eve = local_days(2027y / 12 / 31) + 23h + 59min + 59s;
    EXPECT_EQ(parse("* * * * * *").first_match(new_year_eve), new_year_eve);
    EXPECT_EQ(parse("0 * * * * *").first_match(new_year_eve), local_days(2028y / 1 / 1));
    EXPECT_EQ(parse("0 0 0 29 2 ?").first_match(new_year_eve), local_days(2028y / 2 / 29));
    EXPECT_EQ(parse("5 4 3 2 1 ?").first_match(new_year_eve),
              local_days(2028y / 1 / 2) + 3h + 4min + 5s);
    EXPECT_EQ(parse("0 0 0 29 2 */7").first_match(new_year_eve), local_days(2032y / 2 / 29));
    EXPECT_EQ(parse("* * * * * *").first_match(local_seconds::min()), local_days(1970y / 1 / 1));
    EXPECT_EQ(parse("* * * * * *").first_match(local_days(2200y / 1 / 1)), std::nullopt);
    EXPECT_EQ(parse("0 0 0 1 1 ? 2030").first_match(local_days(2030y / 1 / 1) + 1s), std::nullopt);
    EXPECT_EQ(parse("58 * * * * *").first_match(local_days(2199y / 12 / 31) + 24h - 1s),
              std::nullopt);
}

TEST(Expression, YearsThatArePastAreNoError)
{
    EXPECT_EQ(parse("0 0 0 1 1 ? 1999").first_match(local_days(2026y / 1 / 1)), std::nullopt);
}

struct Refusal {
    const char* text;
    const char* message;
};

TEST(Expression, SaysWhichFieldIsWrongWhatWasFoundAndWhatIsAllowed)
{
    constexpr auto refusals = std::to_array<Refusal>({
        {"60 * * * * *", "second '60': 60 is out of range; allowed is 0-59"},
        {"99 * * * * *", "second '99': 99 is out of range; allowed is 0-59"},
        {"0 60 * * * *", "minute '60': 60 is out of range; allowed is 0-59"},
        {"0 0 24 * * *", "hour '24': 24 is out of range; allowed is 0-23"},
        {"0 0 0 32 * *", "day '32': 32 is out of range; allowed is 1-31"},
        {"0 0 0 0 * *", "day '0': 0 is out of range; allowed is 1-31"},
        {"0 0 0 0W * *", "day '0W': 0 is out of range; allowed is 1-31"},
        {"0 0 0 * 13 *", "month '13': 13 is out of range; allowed is 1-12 or JAN-DEC"},
        {"0 0 0 * 0 *", "month '0': 0 is out of range; allowed is 1-12 or JAN-DEC"},
        {"0 0 0 * * 8",
         "weekday '8': 8 is out of range; allowed is 0-7 or SUN-SAT (0 and 7 are Sunday)"},
        {"0 0 0 * * * 1969", "year '1969': 1969 is out of range; allowed is 1970-2199"},
        {"0 0 0 * * * 2200", "year '2200': 2200 is out of range; allowed is 1970-2199"},
        {"0 99999999999999999999999 * * * *",
         "minute '99999999999999999999999': 99999999999999999999 is out of range; allowed is 0-59"},
        {"0 -1 * * * *", "minute '-1': '-1' is not a number; allowed is 0-59"},
        {"0 x * * * *", "minute 'x': 'X' is not a number; allowed is 0-59"},
        {"0 5x * * * *", "minute '5x': 'X' is not understood; allowed is 0-59"},
        {"0 ** * * * *", "minute '**': '*' is not understood; allowed is 0-59"},
        {"0 1,,2 * * * *", "minute '1,,2': an element of the list is empty; allowed is 0-59"},
        {"0 1, * * * *", "minute '1,': an element of the list is empty; allowed is 0-59"},
        {"0 1- * * * *", "minute '1-': a number is missing; allowed is 0-59"},
        {"0 1-60 * * * *", "minute '1-60': 60 is out of range; allowed is 0-59"},
        {"0 0 0 * * * 2030-2027",
         "year '2030-2027': the range runs backwards; allowed is 1970-2199"},
        {"0 */0 * * * *", "minute '*/0': 0 is out of range; allowed is a step of 1-60"},
        {"0 */61 * * * *", "minute '*/61': 61 is out of range; allowed is a step of 1-60"},
        {"0 0 */25 * * *", "hour '*/25': 25 is out of range; allowed is a step of 1-24"},
        {"0 */ * * * *", "minute '*/': a number is missing; allowed is a step of 1-60"},
        {"0 */x * * * *", "minute '*/x': 'X' is not a number; allowed is a step of 1-60"},
        {"0 0 0 * FOO *",
         "month 'FOO': 'FOO' is neither a number nor a name; allowed is 1-12 or JAN-DEC"},
        {"0 0 0 * MON *",
         "month 'MON': 'MON' is neither a number nor a name; allowed is 1-12 or JAN-DEC"},
        {"0 0 0 * JANUARY *",
         "month 'JANUARY': 'UARY' is not understood; allowed is 1-12 or JAN-DEC"},
        {"0 0 JAN * * *", "hour 'JAN': 'JAN' is not a number; allowed is 0-23"},
        {"0 ? * * * *",
         "minute '?': ? is for day and weekday; for every value write *; allowed is 0-59"},
        {"0 0 0 ?,1 * *", "day '?,1': ? must stand alone; allowed is 1-31"},
        {"0 0 L * * *",
         "hour 'L': L is for day (L, L-3, LW, L-3W) and weekday (5L); allowed is 0-23"},
        {"0 0 0 ? * L",
         "weekday 'L': L needs a weekday before it, as in 5L; allowed is 0-7 or SUN-SAT (0 and 7 "
         "are Sunday)"},
        {"0 0 0 L-31 * ?", "day 'L-31': 31 is out of range; allowed is L-0 to L-30"},
        {"0 0 0 L- * ?", "day 'L-': a number is missing; allowed is L-0 to L-30"},
        {"0 0 0 L-31W * ?", "day 'L-31W': 31 is out of range; allowed is L-0 to L-30"},
        {"0 0 0 L-3WW * ?", "day 'L-3WW': 'W' is not understood; allowed is 1-31"},
        {"0 0 0 LX * ?", "day 'LX': 'X' is not understood; allowed is 1-31"},
        {"0 0 0 W * ?", "day 'W': 'W' is not a number; allowed is 1-31"},
        {"0 0 0 1-5W * ?", "day '1-5W': 'W' is not understood; allowed is 1-31"},
        {"0 0 0 ? * 5#6",
         "weekday '5#6': 6 is out of range; allowed is 1-5 after #, as in 5#2 for the second "
         "Friday"},
        {"0 0 0 ? * 5#",
         "weekday '5#': a number is missing; allowed is 1-5 after #, as in 5#2 for the second "
         "Friday"},
        {"0 0 0 5#2 * ?", "day '5#2': '#2' is not understood; allowed is 1-31"},
        {"0 0 0 1 1 ? H", "year 'H': H cannot choose a year; allowed is 1970-2199"},
        {"0 H( * * * *", "minute 'H(': a number is missing; allowed is 0-59"},
        {"0 H(5) * * * *", "minute 'H(5)': H( needs a range, as in H(0-29); allowed is 0-59"},
        {"0 H(0-29 * * * *", "minute 'H(0-29': the ) after H( is missing; allowed is 0-59"},
        {"0 H(0-60) * * * *", "minute 'H(0-60)': 60 is out of range; allowed is 0-59"},
        {"0 H/0 * * * *", "minute 'H/0': 0 is out of range; allowed is a step of 1-60"},
        {"* * * *",
         "'* * * *' has 4 fields; allowed are 6 (second minute hour day month weekday), 5 (without "
         "second) and 7 (with the year last)"},
        {"* * * * * * * *",
         "'* * * * * * * *' has 8 fields; allowed are 6 (second minute hour day month weekday), 5 "
         "(without second) and 7 (with the year last)"},
        {"  ",
         "the cron expression is empty; allowed are 5 to 7 fields, as in '0 30 2 * * MON-FRI', or "
         "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every 90s and @at "
         "2027-01-01T00:00:00Z"},
        {"@reboot",
         "'@reboot' has no time; to run something when a machine starts, use a systemd unit; "
         "allowed are @yearly, @annually, @monthly, @weekly, @daily, "
         "@midnight, @hourly, @every 90s and @at 2027-01-01T00:00:00Z"},
        {"@daily 5",
         "'@daily 5' is not understood; allowed are @yearly, @annually, @monthly, @weekly, @daily, "
         "@midnight, @hourly, @every 90s and @at 2027-01-01T00:00:00Z"},
        {"@every 1h 30m",
         "'@every 1h 30m' is not understood; allowed are @yearly, @annually, @monthly, @weekly, "
         "@daily, @midnight, @hourly, @every 90s and @at 2027-01-01T00:00:00Z"},
        {"0 0 0 30 2 *",
         "'0 0 0 30 2 *' can never fire: no date from 1970 to 2199 has this day, weekday, month "
         "and year"},
    });
    for (const Refusal& expected : refusals) EXPECT_EQ(refusal(expected.text), expected.message);
}

TEST(Expression, SaysWhatIsWrongWithADuration)
{
    constexpr auto refusals = std::to_array<Refusal>({
        {"@every 500", "@every '500': the unit is missing; allowed are "},
        {"@every 0s", "@every '0s': it is out of range; allowed are "},
        {"@every", "@every '': it is out of range; allowed are "},
        {"@every 366d", "@every '366d': it is out of range; allowed are "},
        {"@every 9999999999s", "@every '9999999999s': it is out of range; allowed are "},
        {"@every 999999999d", "@every '999999999d': it is out of range; allowed are "},
        {"@every 500ms", "@every '500ms': 's' is not a number; allowed are "},
        {"@every 1.5h", "@every '1.5h': '.' is not the unit expected here; allowed are "},
        {"@every 1m1m", "@every '1m1m': 'm' is not the unit expected here; allowed are "},
        {"@every 1m1h", "@every '1m1h': 'h' is not the unit expected here; allowed are "},
        {"@every -5s", "@every '-5s': '-5s' is not a number; allowed are "},
    });
    const std::string allowed =
        "whole days, hours, minutes and seconds from 1s to 365d, as in 90s, 1h30m or 2d";
    for (const Refusal& expected : refusals)
        EXPECT_EQ(refusal(expected.text), expected.message + allowed);
}

TEST(Expression, RefusesWhatCanNeverFire)
{
    for (const char* text : {"0 0 0 30 2 ?", "0 0 0 31 4,6,9,11 *", "0 0 0 L-30 2 ?",
                             "0 0 0 29 2 ? 2027", "0 0 0 31W 4 ?", "0 0 0 */31 * 1#5"}) {
        EXPECT_THAT(refusal(text), HasSubstr("can never fire")) << text;
    }
    EXPECT_EQ(refusal("0 0 0 29 2 ?"), "it was understood");
    EXPECT_EQ(refusal("0 0 0 30 2 MON"), "it was understood");  // any Monday of February
}

TEST(Expression, AMessageIsPlainTextWhateverTheInputWas)
{
    EXPECT_EQ(refusal("\x01\xff * * * * *"),
              "second '\\x01\\xff': '\\x01\\xff' is not a number; allowed is 0-59");
    EXPECT_THAT(refusal(std::string(500, 'x')), HasSubstr(std::string(80, 'x') + "...'"));
    EXPECT_EQ(refusal(std::string(1025, '*')),
              "the cron expression has 1025 characters; allowed are 1024");
    EXPECT_NE(refusal(std::string_view("0 0 0 * * 1\0", 12)), "it was understood");
}

}  // namespace
}  // namespace peercron
