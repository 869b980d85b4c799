#include "model/exit_codes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

TEST(ExitCodesTest, AreOneOrARangeOfThem)
{
    EXPECT_EQ(parse_exit_codes("0"), (ExitCodes{0, 0}));
    EXPECT_EQ(parse_exit_codes("255"), (ExitCodes{255, 255}));
    EXPECT_EQ(parse_exit_codes("10-19"), (ExitCodes{10, 19}));
    EXPECT_EQ(parse_exit_codes("7-7"), (ExitCodes{7, 7}));
    for (const char* text : {"", "-", "-1", "1-", "256", "1-256", "9-8", "1 ", " 1", "+1", "0x1",
                             "1-2-3", "1,2", "0000", "one"}) {
        EXPECT_FALSE(parse_exit_codes(text)) << text;
    }
}

TEST(ExitCodesTest, OnlyZeroMeansSuccessWhereNothingIsSaid)
{
    EXPECT_TRUE(is_success_code({}, 0));
    EXPECT_FALSE(is_success_code({}, 1));
    const std::vector<std::string> some{"3", "10-19"};
    for (const int code : {3, 10, 15, 19}) EXPECT_TRUE(is_success_code(some, code)) << code;
    for (const int code : {0, 2, 4, 9, 20}) EXPECT_FALSE(is_success_code(some, code)) << code;
    EXPECT_FALSE(is_success_code(std::vector<std::string>{"nonsense"}, 0));
}

}  // namespace
}  // namespace peercron
