#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>

namespace peercron {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ChannelApiTest : public testing::ApiTest {
protected:
    testing::Reply add(const std::string& fields) { return post("/channel/add", fields); }

    void expect_refused(const std::string& fields, const std::string& message)
    {
        const auto reply = add(fields);
        EXPECT_EQ(reply.status, 400U) << fields;
        EXPECT_THAT(reply.message(), HasSubstr(message)) << fields;
    }
};

const std::string hook =
    "name=ops&kind=webhook&url=https://hooks.example.com/T0KEN&secret=whsec_abcd";

TEST_F(ChannelApiTest, AChannelIsAddedAndListedWithoutItsSecrets)
{
    const auto added = add(hook + "&tags=db,nightly&every_job=1");
    ASSERT_EQ(added.status, 200U) << added.body;
    ASSERT_EQ(tables_.channels.size(), 1U);
    EXPECT_EQ(tables_.channels[0].settings["url"], "https://hooks.example.com/T0KEN");
    EXPECT_EQ(tables_.channels[0].settings["secret"], "whsec_abcd");

    const auto list = get("/channel/list");
    EXPECT_THAT(added.body + list.body, AllOf(Not(HasSubstr("T0KEN")), Not(HasSubstr("abcd"))));
    const auto channel = list.data().as_array().at(0);
    EXPECT_EQ(channel.at("name"), "ops");
    EXPECT_EQ(channel.at("settings").at("url"), "https://hooks.example.com/***");
    EXPECT_EQ(channel.at("settings").at("secret"), "***");
    EXPECT_EQ(channel.at("tags"), (boost::json::array{"db", "nightly"}));
    EXPECT_EQ(channel.at("every_job"), true);
    EXPECT_EQ(channel.at("stop"), false);
}

TEST_F(ChannelApiTest, ABadChannelIsRefusedWithWhatIsAllowedAndWithoutItsSecrets)
{
    expect_refused("kind=webhook&url=https://example.com/", "name: missing");
    expect_refused("name=a b&kind=webhook&url=https://example.com/", "name: given \"a b\"");
    expect_refused("name=none&kind=webhook&url=https://example.com/", "name: given \"none\"");
    expect_refused("name=ops&kind=pigeon", "kind: given \"pigeon\"; webhook, mail");
    expect_refused("name=ops&kind=webhook", "url: missing; a channel of kind webhook needs it");
    expect_refused("name=ops&kind=webhook&url=ftp://example.com/T0KEN",
                   "url: given something else");
    expect_refused("name=ops&kind=webhook&url=https://me:pw@example.com/", "url: given something");
    expect_refused(hook + "&format=xml", "format: given \"xml\"; json or cloudevents");
    expect_refused(hook + "&server=smtp.example.com", "server: a channel of kind webhook has no");
    expect_refused(hook + "&colour=red", "colour");
    expect_refused("name=m&kind=mail&server=a/b&from=a@b&to=c@d", "server: given");
    expect_refused("name=m&kind=mail&server=smtp:25&from=a&to=c@d", "from: given");
    expect_refused("name=m&kind=mail&server=smtp:25&from=a@b&to=c@d,,e@f", "to: given");
    EXPECT_THAT(tables_.channels, IsEmpty());
}

TEST_F(ChannelApiTest, ANameIsTakenOnce)
{
    ASSERT_EQ(add(hook).status, 200U);
    EXPECT_EQ(add(hook).status, 409U);
}

TEST_F(ChannelApiTest, AnUpdateKeepsWhatIsNotGivenAndTakesOutWhatIsEmpty)
{
    ASSERT_EQ(add(hook).status, 200U);
    const std::string id = std::to_string(tables_.channels[0].id);
    ASSERT_EQ(post("/channel/update", "id=" + id + "&stop=1").status, 200U);
    EXPECT_TRUE(tables_.channels[0].stop);
    EXPECT_EQ(tables_.channels[0].settings["secret"], "whsec_abcd");
    ASSERT_EQ(post("/channel/update", "id=" + id + "&secret=").status, 200U);
    EXPECT_EQ(tables_.channels[0].settings.count("secret"), 0U);
    const auto shown = post("/channel/update", "id=" + id + "&url=https://hooks.example.com/***");
    EXPECT_EQ(shown.status, 400U) << "what is shown is no secret";
    EXPECT_THAT(shown.message(), HasSubstr("leave it out"));
    EXPECT_EQ(post("/channel/update", "id=77&stop=1").status, 404U);
}

TEST_F(ChannelApiTest, ATestShowsRequestAnswerAndWhatIsWrong)
{
    ASSERT_EQ(add(hook).status, 200U);
    const std::string id = std::to_string(tables_.channels[0].id);
    test_report_ = {false, false, "POST …", "HTTP/1.1 500", "the server has answered with 500", ""};
    const auto reply = post("/channel/test/" + id, "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("sent"), false);
    EXPECT_EQ(reply.data().at("problem"), "the server has answered with 500");
    EXPECT_EQ(reply.data().at("request"), "POST …");
    ASSERT_EQ(tested_.size(), 1U);
    EXPECT_EQ(tested_[0].settings["secret"], "whsec_abcd");
    EXPECT_EQ(post("/channel/test/77", "").status, 404U);
}

TEST_F(ChannelApiTest, TheMessagesOfAChannelAreListed)
{
    ASSERT_EQ(add(hook).status, 200U);
    NoticeDelivery delivery;
    delivery.id = 5;
    delivery.channel = tables_.channels[0].id;
    delivery.notice = "failing-12-1";
    delivery.job = 12;
    delivery.attempts = 2;
    delivery.created_at = clock_.time;
    delivery.due_at = clock_.time + std::chrono::seconds(20);
    delivery.answer = "connection refused";
    tables_.deliveries = {delivery};
    const std::string id = std::to_string(delivery.channel);
    const auto reply = get("/channel/" + id + "/deliveries");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    const auto row = reply.data().as_array().at(0);
    EXPECT_EQ(row.at("notice"), "failing-12-1");
    EXPECT_EQ(row.at("state"), "waiting");
    EXPECT_EQ(row.at("due_at"), to_unix_millis(delivery.due_at));
    EXPECT_TRUE(row.at("ended_at").is_null());
    tables_.deliveries.assign(120, delivery);
    EXPECT_EQ(get("/channel/" + id + "/deliveries").data().as_array().size(), 100U);
    EXPECT_EQ(post("/channel/delete/" + id, "").status, 200U);
    EXPECT_EQ(get("/channel/" + id + "/deliveries").status, 404U);
}

}  // namespace
}  // namespace peercron
