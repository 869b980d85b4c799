#include "model/distribution.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace peercron {
namespace {

TEST(DistributionTest, KnowsNothingAtFirst)
{
    const Distribution none;
    EXPECT_EQ(none.count(), 0);
    EXPECT_EQ(none.quantile(0.5), std::nullopt);
    EXPECT_EQ(none.to_text(), "");
}

TEST(DistributionTest, SmallValuesAreExact)
{
    Distribution values;
    for (const std::int64_t value : {0, 1, 2, 3, 4, 5, 6, 7, -3}) values.add(value);
    EXPECT_EQ(values.count(), 9);
    EXPECT_EQ(values.quantile(0), 0);
    EXPECT_EQ(values.quantile(0.2), 0);
    EXPECT_EQ(values.quantile(1), 7);
}

TEST(DistributionTest, AQuantileIsAtMostASixteenthAway)
{
    for (std::int64_t value = 1; value < std::int64_t{1} << 50U; value = value * 9 / 7 + 1) {
        Distribution values;
        values.add(value);
        const auto found = static_cast<double>(*values.quantile(0.5));
        EXPECT_LE(std::abs(found - static_cast<double>(value)), static_cast<double>(value) / 16.0)
            << value;
    }
    Distribution values;
    values.add(std::numeric_limits<std::int64_t>::max());
    EXPECT_GT(*values.quantile(0.5), std::int64_t{1} << 62U);
}

TEST(DistributionTest, QuantilesGoByRank)
{
    Distribution values;
    for (std::int64_t value = 1; value <= 1000; ++value) values.add(value);
    EXPECT_NEAR(static_cast<double>(*values.quantile(0.5)), 500, 500 / 16.0);
    EXPECT_NEAR(static_cast<double>(*values.quantile(0.99)), 990, 990 / 16.0);
}

TEST(DistributionTest, OldValuesFade)
{
    Distribution values(100);
    for (int i = 0; i < 1000; ++i) values.add(10);
    for (int i = 0; i < 150; ++i) values.add(5000);
    EXPECT_LE(values.count(), 100);
    EXPECT_NEAR(static_cast<double>(*values.quantile(0.5)), 5000, 5000 / 16.0);
}

TEST(DistributionTest, SumsOfTwoAreThoseOfAllValues)
{
    Distribution one;
    Distribution other;
    Distribution both;
    for (std::int64_t value = 0; value < 3000; value += 7) {
        (value % 2 == 0 ? one : other).add(value);
        both.add(value);
    }
    one.merge(other);
    EXPECT_EQ(one, both);
}

TEST(DistributionTest, IsReadBackFromItsText)
{
    Distribution values(400);
    for (std::int64_t value = 1; value < 1'000'000; value *= 3) values.add(value);
    EXPECT_EQ(Distribution::parse(values.to_text(), 400), values);
    EXPECT_EQ(Distribution::parse("", 400), Distribution(400));
}

TEST(DistributionTest, OtherTextsAreRefused)
{
    for (const std::string_view text :
         {"1", "1:", "1:0", "1:-2", "x:1", "2:1,1:1", "1:1,1:1", "1:1;2:1", "99999:1"}) {
        EXPECT_EQ(Distribution::parse(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace peercron
