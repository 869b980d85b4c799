#include "node/part_settings.hpp"

#include <gmock/gmock.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Config::Http::Token token(std::string name, std::string secret)
{
    return {std::move(name), std::move(secret), Config::Http::Role::read};
}

TEST(PartSettingsTest, WhatBecameOfEachTokenIsTold)
{
    Config before;
    before.http.tokens = {token("stays", "a"), token("changes", "b"), token("goes", "c")};
    Config after;
    after.http.tokens = {token("stays", "a"), token("changes", "another"), token("comes", "d")};
    EXPECT_THAT(token_changes(before, after),
                ElementsAre("token \"changes\" has changed", "token \"comes\" is new",
                            "token \"goes\" is not valid any more"));
    EXPECT_THAT(token_changes(after, after), IsEmpty());
    Config other_role = after;
    other_role.http.tokens[0].role = Config::Http::Role::admin;
    EXPECT_THAT(token_changes(after, other_role), ElementsAre("token \"stays\" has changed"));
}

TEST(PartSettingsTest, RowsOfTheLedgerStayForTheDaysThatAreConfigured)
{
    Config config;
    EXPECT_EQ(dispatch_settings(config).ledger_retention, 0s);
    config.ledger_keep_days = 3;
    EXPECT_EQ(dispatch_settings(config).ledger_retention, 72h);
}

TEST(PartSettingsTest, TheServerTakesNoMoreConnectionsThanThereAreDescriptorsFor)
{
    Config config;
    config.http.max_connections = 3;
    EXPECT_EQ(http_settings(config, "127.0.0.1:0").max_connections, 3U);
    config.http.max_connections = 1'000'000'000;
    EXPECT_LT(http_settings(config, "127.0.0.1:0").max_connections, 1'000'000'000U);
}

TEST(PartSettingsTest, WithoutTokensAnyHostIsTakenOnlyWhenThatIsConfigured)
{
    Request request;
    request.peer = asio::ip::make_address("127.0.0.1");
    request.message.set(http::field::host, "cron.example");
    Config config;
    EXPECT_THROW(api_access(config).admit(request, Role::read), HttpError);
    config.http.allow_anonymous = true;
    EXPECT_NO_THROW(api_access(config).admit(request, Role::read));
    config.http.tokens = {token("viewer", "a secret")};
    EXPECT_THROW(api_access(config).admit(request, Role::read), HttpError);
    request.message.set("X-Peercron-Token", "a secret");
    EXPECT_EQ(api_access(config).admit(request, Role::read).name, "viewer");
}

}  // namespace
}  // namespace peercron
