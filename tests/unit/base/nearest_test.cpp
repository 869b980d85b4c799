#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <array>

namespace peercron {
namespace {

TEST(NearestName, IsTheOneWithFewestOtherLetters)
{
    const std::array<std::string, 4> known{"list", "show", "history", "run-now"};
    EXPECT_EQ(nearest_name("lsit", known), "list") << "two that changed places are one slip";
    EXPECT_EQ(nearest_name("lists", known), "list");
    EXPECT_EQ(nearest_name("histroy", known), "history");
    EXPECT_EQ(nearest_name("runnow", known), "run-now");
    EXPECT_EQ(nearest_name("list", known), "list");
}

TEST(NearestName, IsNoneWhereNothingIsNear)
{
    const std::array<std::string, 3> known{"list", "a", ""};
    EXPECT_EQ(nearest_name("backup", known), std::nullopt);
    EXPECT_EQ(nearest_name("x", known), std::nullopt);
    EXPECT_EQ(nearest_name("lost", known), "list");
    EXPECT_EQ(nearest_name("most", known), std::nullopt) << "two of four letters";
    EXPECT_EQ(nearest_name("", known), std::nullopt);
    EXPECT_EQ(nearest_name(std::string(10'000, 'l'), known), std::nullopt);
    EXPECT_EQ(nearest_name("list", {}), std::nullopt);
}

}  // namespace
}  // namespace peercron
