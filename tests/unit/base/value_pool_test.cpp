#include "base/value_pool.hpp"

#include "base/rare.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace peercron {
namespace {

struct HashOfText {
    std::size_t operator()(const RareText& text) const { return std::hash<std::string>()(text); }
};
using Pool = ValuePool<RareText, HashOfText>;

TEST(ValuePool, HasOneOfEachValue)
{
    Pool pool;
    const RareText first = pool.share("nightly");
    const RareText second = pool.share("nightly");
    const RareText other = pool.share("weekly");
    EXPECT_EQ(&first.get(), &second.get());
    EXPECT_EQ(other, "weekly");
    EXPECT_EQ(pool.size(), 2U);
}

TEST(ValuePool, DropsWhatNobodyHasAnyMore)
{
    Pool pool;
    const RareText kept = pool.share("kept");
    for (int i = 0; i < 100'000; ++i) pool.share(std::to_string(i));
    EXPECT_LE(pool.size(), 1001U);
    EXPECT_EQ(&pool.share("kept").get(), &kept.get());
}

TEST(ValuePool, DropsNothingThatSomebodyHas)
{
    Pool pool;
    std::vector<RareText> all;
    for (int i = 0; i < 10'000; ++i) all.push_back(pool.share(std::to_string(i)));
    EXPECT_EQ(pool.size(), all.size());
    for (int i = 0; i < 10'000; ++i) {
        EXPECT_EQ(&pool.share(std::to_string(i)).get(), &all[static_cast<std::size_t>(i)].get());
    }
}

}  // namespace
}  // namespace peercron
