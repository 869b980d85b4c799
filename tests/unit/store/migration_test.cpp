#include "store/migration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <stdexcept>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

MigrationStep step(std::string statement)
{
    return {std::nullopt, std::move(statement)};
}

TEST(MigrationTest, TakesStatementsApartAtSemicolonsThatEndALine)
{
    EXPECT_THAT(
        split_migration("CREATE TABLE a (\n  b INT\n);\nINSERT INTO a VALUES (';', 1);  \n"),
        ElementsAre(step("CREATE TABLE a (\n  b INT\n)"), step("INSERT INTO a VALUES (';', 1)")));
}

TEST(MigrationTest, LeavesOutCommentsAndEmptyLines)
{
    EXPECT_THAT(split_migration("-- About;\n\nDO 1\n-- in between;\n  + 1;\n-- end\n"),
                ElementsAre(step("DO 1\n  + 1")));
    EXPECT_THAT(split_migration(""), IsEmpty());
    EXPECT_THAT(split_migration("DO 1;"), ElementsAre(step("DO 1")));
}

TEST(MigrationTest, ReadsTheConditionOfAStatement)
{
    const MigrationStep conditional{MigrationStep::Column{"cron", "timeout"}, "DO 1"};
    EXPECT_THAT(split_migration("-- unless column cron.timeout\nDO 1;\nDO 2;\n"),
                ElementsAre(conditional, step("DO 2")));
    const MigrationStep of_index{MigrationStep::Column{"log", "part", "by_run"}, "DO 1"};
    EXPECT_THAT(split_migration("-- unless column log.part of index by_run\nDO 1;\n"),
                ElementsAre(of_index));
}

TEST(MigrationTest, ReadsWhatALongChangeDoes)
{
    EXPECT_FALSE(long_change("-- About.\nDO 1;\n"));
    const auto change = long_change("-- About.\n-- alters log: a column, and more \nDO 1;\n");
    ASSERT_TRUE(change);
    EXPECT_EQ(change->table, "log");
    EXPECT_EQ(change->what, "a column, and more");
    EXPECT_THROW(long_change("-- alters log\nDO 1;\n"), std::invalid_argument);
    for (const auto& migrations : {mysql_migrations(), sqlite_migrations()}) {
        for (const Migration& migration : migrations) EXPECT_NO_THROW(long_change(migration.sql));
    }
}

TEST(MigrationTest, RefusesWhatItWouldMisunderstand)
{
    EXPECT_THROW(split_migration("-- unless table cron\nDO 1;\n"), std::invalid_argument);
    EXPECT_THROW(split_migration("-- unless column cron\nDO 1;\n"), std::invalid_argument);
    EXPECT_THROW(split_migration("-- unless column cron.\nDO 1;\n"), std::invalid_argument);
    EXPECT_THROW(split_migration("DO 1;\n-- unless column cron.a\n"), std::invalid_argument);
    EXPECT_THROW(split_migration("DO 1\n"), std::invalid_argument);
}

TEST(MigrationTest, IsNumberedWithoutAGapAndCanBeTakenApart)
{
    int number = 0;
    for (const Migration& migration : mysql_migrations()) {
        EXPECT_EQ(migration.number, ++number);
        EXPECT_THAT(migration.name, StartsWith(fmt::format("{:04}_", number)));
        EXPECT_FALSE(split_migration(migration.sql).empty());
    }
    EXPECT_GE(number, 2);
}

}  // namespace
}  // namespace peercron
