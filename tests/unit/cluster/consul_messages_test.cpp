#include "cluster/consul_messages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <stdexcept>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ConsulSettings settings()
{
    ConsulSettings settings;
    settings.service_name = "cron";
    settings.bind_address = "127.0.0.1:9991";
    settings.http_address = "127.0.0.1:9990";
    settings.version = "1.2.3";
    settings.labels = {"host=db1", "zone=eu"};
    settings.incarnation = 0xABCDEF;
    return settings;
}

TEST(ConsulMessagesTest, TheRegistrationNamesTheNodeAndHowItIsChecked)
{
    const auto body = boost::json::parse(registration_body(settings()));
    EXPECT_EQ(body.at("ID"), "cron-127.0.0.1:9991");
    EXPECT_EQ(body.at("Name"), "cron");
    EXPECT_EQ(body.at("Address"), "127.0.0.1");
    EXPECT_EQ(body.at("Port"), 9991);
    EXPECT_EQ(body.at("Meta").at("http_address"), "127.0.0.1:9990");
    EXPECT_EQ(body.at("Meta").at("version"), "1.2.3");
    EXPECT_EQ(body.at("Meta").at("incarnation"), "0000000000abcdef");
    EXPECT_EQ(body.at("Tags"), (boost::json::array{"host=db1", "zone=eu"}));
    EXPECT_EQ(body.at("Checks").at(0).at("TCP"), "127.0.0.1:9991");
    EXPECT_EQ(body.at("Checks").at(1).at("TTL"), "2s");
    for (const auto& check : body.at("Checks").as_array()) {
        EXPECT_EQ(check.at("Status"), "passing") << "a session needs passing checks from the start";
    }
}

TEST(ConsulMessagesTest, TheSessionHangsOnTheRegisteredChecks)
{
    const auto registration = boost::json::parse(registration_body(settings()));
    const auto session = boost::json::parse(session_body(settings()));
    const auto& checks = session.at("ServiceChecks").as_array();
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_EQ(checks.at(0).at("ID"), registration.at("Checks").at(0).at("CheckID"));
    EXPECT_EQ(checks.at(1).at("ID"), registration.at("Checks").at(1).at("CheckID"));
    EXPECT_EQ(session.at("NodeChecks").at(0), "serfHealth");
    EXPECT_EQ(session.at("Behavior"), "release");
    EXPECT_EQ(session.at("LockDelay"), "0s");
}

TEST(ConsulMessagesTest, AnIPv6AddressLosesItsBracketsInTheRegistrationAndHasThemInTheName)
{
    ConsulSettings six = settings();
    six.bind_address = "[::1]:9991";
    const auto body = boost::json::parse(registration_body(six));
    EXPECT_EQ(body.at("Address"), "::1");
    const auto members = parse_members(
        R"([{"Node":{"Address":"x"},"Service":{"Address":"::1","Port":9991,"Meta":null},"Checks":[]}])");
    ASSERT_TRUE(members);
    EXPECT_EQ(members->at(0).name, "[::1]:9991");
}

TEST(ConsulMessagesTest, RefusesABindAddressThatIsNotHostAndPort)
{
    for (const char* const wrong : {"", "127.0.0.1", ":9991", "127.0.0.1:", "127.0.0.1:0",
                                    "127.0.0.1:65536", "127.0.0.1:99x"}) {
        ConsulSettings bad = settings();
        bad.bind_address = wrong;
        EXPECT_THROW(registration_body(bad), std::invalid_argument) << wrong;
    }
}

TEST(ConsulMessagesTest, ReadsTheLockKey)
{
    // As Consul 1.8.7 answers; the value is {"node":"127.0.0.1:9991"}.
    const auto entry = parse_lock_entry(
        R"([{"LockIndex":3,"Key":"k","Flags":5,"Value":"eyJub2RlIjoiMTI3LjAuMC4xOjk5OTEifQ==",)"
        R"("Session":"b85b78b8","CreateIndex":10,"ModifyIndex":12}])");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->session, "b85b78b8");
    EXPECT_EQ(entry->lock_index, 3U);
    EXPECT_EQ(entry->flags, 5U);
    EXPECT_EQ(entry->epoch(), 8U);
    EXPECT_EQ(entry->holder, "127.0.0.1:9991");
}

TEST(ConsulMessagesTest, TheHolderIsReadAsItWasWritten)
{
    EXPECT_EQ(boost::json::parse(holder_body(settings())).at("node"), "127.0.0.1:9991");
}

TEST(ConsulMessagesTest, AFreeKeyHasNoSession)
{
    const auto entry =
        parse_lock_entry(R"([{"LockIndex":3,"Key":"k","Flags":0,"Value":null,"CreateIndex":1}])");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->session, "");
    EXPECT_EQ(entry->holder, "");
}

TEST(ConsulMessagesTest, AValueThatIsNotOursNamesNoHolder)
{
    // hello; [1]; {"node":1}; not base64
    for (const char* const value : {"aGVsbG8=", "WzFd", "eyJub2RlIjoxfQ==", "\\u0001", ""}) {
        const auto entry = parse_lock_entry(
            std::string(R"([{"LockIndex":1,"Flags":0,"Session":"s","Value":")") + value + "\"}]");
        ASSERT_TRUE(entry) << value;
        EXPECT_EQ(entry->holder, "") << value;
    }
}

TEST(ConsulMessagesTest, SaysWhatIsWrongWithAnAnswer)
{
    for (const char* const wrong : {"", "nope", "[]", "{}", "[{}]", R"([{"LockIndex":"1"}])"}) {
        const auto entry = parse_lock_entry(wrong);
        ASSERT_FALSE(entry) << wrong;
        EXPECT_THAT(entry.error().message, HasSubstr("kv")) << wrong;
    }
    EXPECT_FALSE(parse_session_id("{}"));
    EXPECT_FALSE(parse_members(R"({"a":1})"));
    EXPECT_FALSE(parse_members(R"([{"Service":{"Address":"a","Port":"x"},"Checks":[]}])"));
    EXPECT_FALSE(parse_sessions("[1]"));
    EXPECT_FALSE(parse_stale_services("[]", settings()));
}

TEST(ConsulMessagesTest, ReadsTheSessionId)
{
    const auto id = parse_session_id(R"({"ID":"b85b78b8-2d31"})");
    ASSERT_TRUE(id);
    EXPECT_EQ(*id, "b85b78b8-2d31");
}

std::string service(const std::string& port, const std::string& status)
{
    return R"({"Node":{"Address":"10.0.0.1"},"Service":{"Address":"127.0.0.1","Port":)" + port +
           R"(,"Meta":{"http_address":"h)" + port + R"(","version":"v"}},)" +
           R"("Checks":[{"Status":"passing"},{"Status":")" + status + R"("}]})";
}

TEST(ConsulMessagesTest, MembersAreOrderedByNameAndPassWhenAllChecksPass)
{
    const auto members =
        parse_members("[" + service("9993", "passing") + "," + service("9991", "critical") + "]");
    ASSERT_TRUE(members);
    const Member first{"127.0.0.1:9991", "h9991", "v", false, {}};
    const Member second{"127.0.0.1:9993", "h9993", "v", true, {}};
    EXPECT_THAT(*members, ElementsAre(first, second));
}

TEST(ConsulMessagesTest, TheTagsOfAServiceAreTheLabelsOfItsNode)
{
    const auto members = parse_members(
        R"([{"Node":{"Address":"x"},"Service":{"Address":"h","Port":1,"Tags":["db","zone=eu"]},)"
        R"("Checks":[]},{"Node":{"Address":"x"},"Service":{"Address":"h","Port":2,"Tags":null},)"
        R"("Checks":[]}])");
    ASSERT_TRUE(members);
    EXPECT_THAT(members->at(0).labels, ElementsAre("db", "zone=eu"));
    EXPECT_TRUE(members->at(1).labels.empty()) << "an older node";
}

TEST(ConsulMessagesTest, AMemberThatIsRegisteredTwiceAppearsOnceAndPassesIfEitherDoes)
{
    const auto members =
        parse_members("[" + service("9991", "critical") + "," + service("9991", "passing") + "," +
                      service("9991", "critical") + "]");
    ASSERT_TRUE(members);
    ASSERT_EQ(members->size(), 1U);
    EXPECT_TRUE(members->front().passing);
}

TEST(ConsulMessagesTest, AServiceWithoutAddressHasThatOfItsNode)
{
    const auto members = parse_members(
        R"([{"Node":{"Address":"10.0.0.1"},"Service":{"Address":"","Port":1},"Checks":[]}])");
    ASSERT_TRUE(members);
    EXPECT_EQ(members->front().name, "10.0.0.1:1");
}

TEST(ConsulMessagesTest, ReadsSessions)
{
    const auto sessions = parse_sessions(R"([{"ID":"a","Name":"n","Node":"t","LockDelay":0}])");
    ASSERT_TRUE(sessions);
    ASSERT_EQ(sessions->size(), 1U);
    EXPECT_EQ(sessions->front().id, "a");
    EXPECT_EQ(sessions->front().name, "n");
    EXPECT_EQ(sessions->front().node, "t");
}

TEST(ConsulMessagesTest, OnlyOtherRegistrationsOfTheSameNameAndAddressAreStale)
{
    const auto stale = parse_stale_services(
        R"({"cron-127.0.0.1:9991":{"Service":"cron","Address":"127.0.0.1","Port":9991},)"
        R"("old":{"Service":"cron","Address":"127.0.0.1","Port":9991},)"
        R"("neighbour":{"Service":"cron","Address":"127.0.0.1","Port":9993},)"
        R"("other":{"Service":"web","Address":"127.0.0.1","Port":9991}})",
        settings());
    ASSERT_TRUE(stale);
    EXPECT_THAT(*stale, ElementsAre("old"));
    EXPECT_THAT(*parse_stale_services("{}", settings()), IsEmpty());
}

TEST(ConsulMessagesTest, AKeyIsEncodedForThePathWithItsSlashesKept)
{
    EXPECT_EQ(url_path("peercron/dispatcher"), "peercron/dispatcher");
    EXPECT_EQ(url_path("a b?c#d%\xC3\xA9"), "a%20b%3Fc%23d%25%C3%A9");
    EXPECT_EQ(url_path("cron-127.0.0.1:9991"), "cron-127.0.0.1%3A9991");
}

}  // namespace
}  // namespace peercron
