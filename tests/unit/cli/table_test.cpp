#include "cli/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Screen no_terminal;

Screen terminal_of(std::size_t width)
{
    Screen screen;
    screen.terminal = true;
    screen.width = width;
    return screen;
}

Table small_table()
{
    Table table({{"ID", true}, {"NAME"}, {"COMMAND", false, true}});
    table.add({{"7"}, {"grüße"}, {"echo a"}});
    table.add({{"12"}, {"x"}, {"a rather long command line that goes on"}});
    return table;
}

TEST(Table, IsAsWideAsItsContents)
{
    EXPECT_EQ(small_table().text(no_terminal),
              "ID  NAME   COMMAND\n"
              " 7  grüße  echo a\n"
              "12  x      a rather long command line that goes on\n");
}

TEST(Table, CutsOnANarrowTerminalWhatMayBeCut)
{
    EXPECT_EQ(small_table().text(terminal_of(26)),
              "ID  NAME   COMMAND\n"
              " 7  grüße  echo a\n"
              "12  x      a rather long …\n");
}

TEST(Table, CutsTheWidestColumnFirst)
{
    Table table({{"A", false, true}, {"B", false, true}});
    table.add({{"0123456789"}, {"01234567890123456789"}});
    EXPECT_EQ(table.text(terminal_of(24)),
              "A           B\n"
              "0123456789  01234567890…\n");
}

TEST(Table, LeavesOutColumnsWithoutContent)
{
    Table table({{"ID"}, {"NAME"}, {"STATE"}});
    table.add({{"1"}, {""}, {"ok"}});
    EXPECT_EQ(table.text(no_terminal), "ID  STATE\n1   ok\n");
}

TEST(Table, ShowsWhatIsInACellOnOneLine)
{
    Table table({{"OUTPUT"}});
    table.add({{"a\nb\033[2J"}});
    EXPECT_EQ(table.text(no_terminal), "OUTPUT\na b^[[2J\n");
}

TEST(Table, HasColoursOnlyWhereTheyAreWanted)
{
    Table table({{"STATE"}, {"X"}});
    table.add({{"failed", Colour::red}, {"y"}});
    EXPECT_THAT(table.text(no_terminal), Not(HasSubstr("\033")));
    Screen coloured = terminal_of(80);
    coloured.colour = true;
    EXPECT_EQ(table.text(coloured),
              "\033[1mSTATE\033[0m   \033[1mX\033[0m\n"
              "\033[31mfailed\033[0m  y\n");
}

TEST(Details, StandBelowOneAnotherWithoutTheEmptyOnes)
{
    EXPECT_EQ(
        details_text({{"job", {"7"}}, {"a long name", {""}}, {"remark", {"x\ny"}}}, no_terminal),
        "job     7\n"
        "remark  x y\n");
}

}  // namespace
}  // namespace peercron
