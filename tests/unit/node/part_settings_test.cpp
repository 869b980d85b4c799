#include "node/part_settings.hpp"

#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <pwd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Caller await_admission(const Access& access, const Request& request, Role needed)
{
    Caller caller;
    asio::io_context io;
    const auto admit = [](const Access& asked, const Request& sent, Role role,
                          Caller& out) -> asio::awaitable<void> {
        out = co_await asked.admit(sent, role);
    };
    testing::run(io, admit(access, request, needed, caller));
    return caller;
}

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

TEST(PartSettingsTest, ANodeAloneLooksAndCommitsLessOften)
{
    Config config;
    config.mode = Config::Mode::cluster;
    const DispatchSettings in_a_cluster = dispatch_settings(config);
    EXPECT_FALSE(in_a_cluster.is_alone);
    EXPECT_EQ(in_a_cluster.longest_plan_pause, 1s);
    config.mode = Config::Mode::solo;
    EXPECT_TRUE(dispatch_settings(config).is_alone);
    EXPECT_EQ(dispatch_settings(config).longest_plan_pause, 2s);
    EXPECT_EQ(dispatch_settings(config).beat_interval, 500ms);
}

TEST(PartSettingsTest, APlanReachesBehindTheNextCommitOfANodeAloneToo)
{
    Config config;
    config.mode = Config::Mode::solo;
    config.dispatch.lookahead = 1500ms;
    EXPECT_EQ(dispatch_settings(config).longest_plan_pause, 1500ms);
    config.dispatch.lookahead = 100ms;
    EXPECT_EQ(dispatch_settings(config).longest_plan_pause, 1s) << "as in a cluster";
}

TEST(PartSettingsTest, TheServerTakesNoMoreConnectionsThanThereAreDescriptorsFor)
{
    Config config;
    config.http.max_connections = 3;
    EXPECT_EQ(http_settings(config, "127.0.0.1:0").max_connections, 3U);
    config.http.max_connections = 1'000'000'000;
    EXPECT_LT(http_settings(config, "127.0.0.1:0").max_connections, 1'000'000'000U);
}

TEST(PartSettingsTest, AConnectionOfEachRequestThatMayBeUnderWayStaysOpen)
{
    Config config;
    config.exec.http_slots = 300;
    EXPECT_EQ(http_client_settings(config, "1").idle_connections, 300U);
    config.exec.http_slots = 1;
    EXPECT_EQ(http_client_settings(config, "1").idle_connections,
              HttpClientSettings().idle_connections);
}

TEST(PartSettingsTest, WithoutTokensAnyHostIsTakenOnlyWhenThatIsConfigured)
{
    Request request;
    request.peer = asio::ip::make_address("127.0.0.1");
    request.message.set(http::field::host, "cron.example");
    const auto admit = [&request](const Config& config, Role needed) {
        return await_admission(Access(access_rules(config)), request, needed);
    };
    Config config;
    EXPECT_THROW(admit(config, Role::read), HttpError);
    config.http.allow_anonymous = true;
    EXPECT_NO_THROW(admit(config, Role::owner));
    config.http.tokens = {token("viewer", "a secret")};
    EXPECT_THROW(admit(config, Role::read), HttpError);
    request.message.set("X-Peercron-Token", "a secret");
    EXPECT_EQ(admit(config, Role::read).name, "viewer");
}

TEST(PartSettingsTest, WithoutTokensCallersOfThisMachineReadAndOthersDoNothing)
{
    Config config;
    EXPECT_EQ(access_rules(config).anonymous, Role::read);
    config.http.anonymous = "none";
    EXPECT_EQ(access_rules(config).anonymous, std::nullopt);
    config.http.anonymous = "owner";
    EXPECT_EQ(access_rules(config).anonymous, Role::owner);
    config.http_bind_address = "0.0.0.0:9990";
    EXPECT_EQ(access_rules(config).anonymous, std::nullopt);
    config.http.allow_anonymous = true;
    EXPECT_EQ(access_rules(config).anonymous, Role::owner);
}

TEST(PartSettingsTest, RootTheNodesUserAndLocalAdminsAreOwnersAtTheSocket)
{
    Config config;
    config.http.local_admins = {"nobody", "@root"};
    const Access access(access_rules(config));
    const auto name_of = [&access](uid_t uid, std::vector<gid_t> groups) -> std::string {
        Request request;
        request.user = LocalUser{uid, std::move(groups)};
        try {
            const Caller caller = await_admission(access, request, Role::owner);
            EXPECT_EQ(caller.proof, Proof::local_user);
            EXPECT_EQ(caller.address, "local");
            return caller.name;
        } catch (const HttpError& error) {
            return std::to_string(static_cast<unsigned>(error.status()));
        }
    };
    EXPECT_EQ(name_of(0, {}), "root");
    EXPECT_EQ(name_of(::getpwnam("nobody")->pw_uid, {}), "nobody");
    EXPECT_EQ(name_of(12345, {6, 0}), "uid 12345") << "a member of the group root";
    EXPECT_EQ(name_of(12345, {12345}), "401");
    EXPECT_EQ(name_of(static_cast<uid_t>(-1), {}), "401") << "not known";
}

TEST(PartSettingsTest, TheHeaderThatNamesAUserIsTheConfiguredOne)
{
    Config config;
    EXPECT_EQ(access_rules(config).user_header, "");
    config.http.user_header = "X-User";
    EXPECT_EQ(access_rules(config).user_header, "X-User");
}

TEST(PartSettingsTest, JobsInheritWhatTheConfigurationSaysOfAllAndOfTags)
{
    Config config;
    config.notify.slow_after = 1h;
    config.notify.expect_every = 2h;
    config.notify.expect_by = "03:00";
    config.notify.late_goal = 4ms;
    Config::Notify::Tag tag;
    tag.tag = "db";
    tag.slow_after = 5h;
    tag.expect_every = 6h;
    tag.expect_by = "07:00";
    tag.late_goal = 8ms;
    config.notify.tags = {tag};
    const NoticeDefaults defaults = notice_defaults(config);
    Job job;
    job.cron_set = "0 * * * * *";
    EXPECT_EQ(run_limits(defaults, job).slow_after, 1h);
    EXPECT_EQ(run_limits(defaults, job).late_goal, 4ms);
    EXPECT_EQ(expectation_of(defaults, job), (Expectation{2h, "03:00"}));
    job.tags = {"db"};
    EXPECT_EQ(run_limits(defaults, job).slow_after, 5h);
    EXPECT_EQ(run_limits(defaults, job).late_goal, 8ms);
    EXPECT_EQ(expectation_of(defaults, job), (Expectation{6h, "07:00"}));
}

TEST(PartSettingsTest, TheSocketIsInTheServiceManagersFolderUnlessToldOtherwise)
{
    ::setenv("RUNTIME_DIRECTORY", "/run/peercron:/run/other", 1);
    Config config;
    EXPECT_EQ(local_socket(config), "/run/peercron/peercron.sock");
    config.http.socket = "/tmp/own.sock";
    EXPECT_EQ(local_socket(config), "/tmp/own.sock");
    config.http.socket = "none";
    EXPECT_EQ(local_socket(config), "");
    ::unsetenv("RUNTIME_DIRECTORY");
}

}  // namespace
}  // namespace peercron
