#include "store/store_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace peercron {
namespace {

using ::testing::HasSubstr;

MysqlSettings mysql(const std::string& text)
{
    return std::get<MysqlSettings>(parse_store_address(text));
}

std::string refusal(const std::string& text)
{
    try {
        parse_store_address(text);
    } catch (const BadStoreAddress& error) {
        return error.what();
    }
    return "not refused";
}

TEST(StoreAddressTest, NamesAFile)
{
    EXPECT_EQ(std::get<SqliteSettings>(parse_store_address("sqlite:/no/such/a.db")).path,
              "/no/such/a.db");
    EXPECT_EQ(std::get<SqliteSettings>(parse_store_address("sqlite:a b%20.db")).path, "a b%20.db");
}

TEST(StoreAddressTest, AFolderIsThatOfANode)
{
    const std::filesystem::path folder = std::filesystem::temp_directory_path();
    const auto address = parse_store_address("sqlite:" + folder.string());
    EXPECT_EQ(std::get<SqliteSettings>(address).path, folder / "peercron.db");
}

TEST(StoreAddressTest, WhatIsMissingAndHasNoExtensionIsAFolder)
{
    EXPECT_EQ(std::get<SqliteSettings>(parse_store_address("sqlite:/no/such/folder")).path,
              "/no/such/folder/peercron.db");
}

TEST(StoreAddressTest, NamesAServer)
{
    const MysqlSettings full = mysql("mysql://cron@db1.internal:3307/jobs");
    EXPECT_EQ(full.user, "cron");
    EXPECT_EQ(full.host, "db1.internal");
    EXPECT_EQ(full.port, 3307);
    EXPECT_EQ(full.database, "jobs");
    EXPECT_EQ(full.socket, "");

    EXPECT_EQ(mysql("mysql://cron@db1/jobs").port, 3306);
    EXPECT_EQ(mysql("mysql://cron@[::1]:3307/jobs").host, "::1");
    EXPECT_EQ(mysql("mysql://a%40b@db1/jobs").user, "a@b");
    EXPECT_EQ(mysql("mysql://cron@/jobs?socket=/run/mysqld/mysqld.sock").socket,
              "/run/mysqld/mysqld.sock");
}

TEST(StoreAddressTest, SaysWhatIsWrong)
{
    EXPECT_THAT(refusal(""), HasSubstr("Allowed: sqlite:PATH, or mysql://USER@HOST"));
    EXPECT_THAT(refusal("sqlite:"), HasSubstr("path is missing"));
    EXPECT_THAT(refusal("postgres://a@b/c"), HasSubstr("'postgres' is not known"));
    EXPECT_THAT(refusal("mysql://db1/jobs"), HasSubstr("user is missing"));
    EXPECT_THAT(refusal("mysql://cron@/jobs"), HasSubstr("host is missing"));
    EXPECT_THAT(refusal("mysql://cron@db1"), HasSubstr("name of the database is missing"));
    EXPECT_THAT(refusal("mysql://cron@db1/a/b"), HasSubstr("name of the database is missing"));
    EXPECT_THAT(refusal("mysql://cron@db1:0/jobs"), HasSubstr("port must be 1-65535"));
    EXPECT_THAT(refusal("mysql://cron@db1:70000/jobs"), HasSubstr("port must be 1-65535"));
    EXPECT_THAT(refusal("mysql://cron@db1:99999/jobs"), HasSubstr("port must be 1-65535"));
    EXPECT_THAT(refusal("mysql://cron@db1/jobs?tls=1"), HasSubstr("'tls' is not known"));
}

TEST(StoreAddressTest, APasswordIsRefusedAndNotRepeated)
{
    const std::string message = refusal("mysql://cron:geheim@db1/jobs");
    EXPECT_THAT(message, HasSubstr("PEERCRON_MYSQL_PASSWORD"));
    EXPECT_THAT(message, ::testing::Not(HasSubstr("geheim")));
}

TEST(StoreAddressTest, KnowsTheSameDatabase)
{
    const auto same = [](const std::string& a, const std::string& b) {
        return same_database(parse_store_address(a), parse_store_address(b));
    };
    EXPECT_TRUE(same("sqlite:/tmp/a.db", "sqlite:/tmp/../tmp/a.db"));
    EXPECT_FALSE(same("sqlite:/tmp/a.db", "sqlite:/tmp/b.db"));
    EXPECT_TRUE(same("mysql://a@db1/jobs", "mysql://b@db1:3306/jobs"));
    EXPECT_FALSE(same("mysql://a@db1/jobs", "mysql://a@db1/other"));
    EXPECT_FALSE(same("mysql://a@db1/jobs", "sqlite:/tmp/a.db"));
}

}  // namespace
}  // namespace peercron
