#include "notify/service_messages.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <set>
#include <string_view>

namespace peercron {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);  // 2026-11-21T12:00:00Z

Notice failing()
{
    Notice notice;
    notice.id = "failing-12-1795262405000";
    notice.kind = NoticeKind::failing;
    notice.at = noon + 5s;
    notice.job = 12;
    notice.job_name = "<!channel> *b*&\"";
    notice.since = noon - 1h;
    notice.run.emplace();
    notice.run->id = 4711;
    notice.run->scheduled_at = noon;
    notice.run->exit_code = 3;
    notice.run->output = "@everyone \"quoted\" \\ [a](http://b) " + std::string(50'000, 'x');
    return notice;
}

Notice recovered()
{
    Notice notice = failing();
    notice.kind = NoticeKind::recovered;
    notice.over = {NoticeKind::failing, NoticeKind::silent};
    notice.run->state = RunState::success;
    notice.run->exit_code = 0;
    return notice;
}

HttpRequest request_of(const std::string& kind, const Notice& notice,
                       decltype(NoticeChannel::settings) settings)
{
    NoticeChannel channel;
    channel.name = "ops";
    channel.kind = kind;
    channel.settings = std::move(settings);
    EXPECT_FALSE(find_problem(channel)) << kind << ": " << *find_problem(channel);
    const auto request = make_service_request(channel, notice, describe(notice), noon + 1min);
    EXPECT_TRUE(request) << kind;
    EXPECT_EQ(request->method, "POST");
    return *request;
}

json::value body_of(const HttpRequest& request)
{
    EXPECT_THAT(request.headers, Contains("Content-Type: application/json"));
    return json::parse(request.body);
}

std::string text_of(const json::value& value)
{
    return std::string(value.as_string());
}

TEST(ServiceMessagesTest, EveryServiceOfTheWebHasAForm)
{
    const std::set<std::string_view> others{"webhook", "mail", "amqp", "command"};
    for (const ChannelKind& kind : channel_kinds()) {
        NoticeChannel channel;
        channel.kind = kind.name;
        channel.settings = {{"url", "https://example.com/a"}};
        const bool is_other = others.contains(kind.name);
        EXPECT_EQ(make_service_request(channel, failing(), {}, noon).has_value(), !is_other)
            << kind.name;
    }
}

TEST(ServiceMessagesTest, SlackGetsTextInWhichNothingIsAFormat)
{
    const json::value body =
        body_of(request_of("slack", failing(), {{"url", "https://hooks.slack.com/services/A/B"}}));
    EXPECT_THAT(text_of(body.at("text")),
                AllOf(HasSubstr("&lt;!channel&gt; *b*&amp;\" is failing"), Not(HasSubstr("<"))));
    EXPECT_EQ(body.at("mrkdwn"), false);
}

TEST(ServiceMessagesTest, TeamsGetsAnAdaptiveCard)
{
    const json::value body =
        body_of(request_of("teams", failing(), {{"url", "https://prod.example.com/w"}}));
    EXPECT_EQ(body.at("type"), "message");
    const json::value& attachment = body.at("attachments").at(0);
    EXPECT_EQ(attachment.at("contentType"), "application/vnd.microsoft.card.adaptive");
    const json::value& card = attachment.at("content");
    EXPECT_EQ(card.at("type"), "AdaptiveCard");
    EXPECT_EQ(card.at("version"), "1.4");
    EXPECT_EQ(text_of(card.at("body").at(0).at("inlines").at(0).at("text")),
              describe(failing()).title);
}

TEST(ServiceMessagesTest, DiscordCallsNobodyAndKeepsToItsLimits)
{
    const json::value body = body_of(
        request_of("discord", failing(), {{"url", "https://discord.com/api/webhooks/1/A"}}));
    EXPECT_EQ(body.at("allowed_mentions").at("parse").as_array().size(), 0U);
    const json::value& embed = body.at("embeds").at(0);
    EXPECT_LE(embed.at("title").as_string().size(), 256U);
    EXPECT_LE(embed.at("description").as_string().size(), 4096U);
    EXPECT_THAT(text_of(embed.at("title")), HasSubstr("\\*b\\*"));
}

TEST(ServiceMessagesTest, TelegramGetsPlainTextForTheChat)
{
    const HttpRequest request =
        request_of("telegram", failing(), {{"token", "123:ABC"}, {"chat", "-100123"}});
    EXPECT_EQ(request.url, "https://api.telegram.org/bot123:ABC/sendMessage");
    const json::value body = body_of(request);
    EXPECT_EQ(body.at("chat_id"), "-100123");
    EXPECT_EQ(body.at("text").as_string().size(), 4096U);
    EXPECT_FALSE(body.as_object().contains("parse_mode"));
    EXPECT_EQ(request_of("telegram", failing(),
                         {{"token", "1:A"}, {"chat", "@c"}, {"url", "http://bots.example/"}})
                  .url,
              "http://bots.example/bot1:A/sendMessage");
}

TEST(ServiceMessagesTest, NtfyGetsTheTopicInTheBody)
{
    const HttpRequest request =
        request_of("ntfy", failing(), {{"url", "https://ntfy.sh/my-topic"}, {"token", "tk_1"}});
    EXPECT_EQ(request.url, "https://ntfy.sh/");
    EXPECT_THAT(request.headers, Contains("Authorization: Bearer tk_1"));
    json::value body = body_of(request);
    EXPECT_EQ(body.at("topic"), "my-topic");
    EXPECT_EQ(body.at("priority"), 4);
    EXPECT_LE(body.at("message").as_string().size(), 4'000U);
    body = body_of(request_of("ntfy", recovered(), {{"url", "https://ntfy.sh/my-topic"}}));
    EXPECT_EQ(body.at("priority"), 3);
}

TEST(ServiceMessagesTest, DingTalkIsSignedInTheAddress)
{
    const HttpRequest request = request_of(
        "dingtalk", failing(),
        {{"url", "https://oapi.dingtalk.com/robot/send?access_token=a"}, {"secret", "SEC1"}});
    EXPECT_THAT(request.url,
                AllOf(StartsWith("https://oapi.dingtalk.com/robot/send?access_token=a&timestamp="
                                 "1795262460000&sign="),
                      EndsWith("%3D")));
    const json::value body = body_of(request);
    EXPECT_EQ(body.at("msgtype"), "text");
    EXPECT_THAT(text_of(body.at("text").at("content")), StartsWith("2026-11-21 12:00:05 UTC"));
}

TEST(ServiceMessagesTest, FeishuIsSignedInTheBody)
{
    const json::value body = body_of(
        request_of("feishu", failing(),
                   {{"url", "https://open.feishu.cn/open-apis/bot/v2/hook/a"}, {"secret", "s"}}));
    EXPECT_EQ(body.at("msg_type"), "text");
    EXPECT_EQ(body.at("timestamp"), "1795262460");
    EXPECT_EQ(text_of(body.at("sign")), encode_base64(view(Hmac("1795262460\ns").of({}))));
    EXPECT_THAT(text_of(body.at("content").at("text")), StartsWith("2026-11-21 12:00:05 UTC"));
}

TEST(ServiceMessagesTest, WeComGetsNoMoreThanItTakes)
{
    const json::value body = body_of(
        request_of("wecom", failing(), {{"url", "https://qyapi.weixin.qq.com/send?key=a"}}));
    EXPECT_EQ(body.at("msgtype"), "text");
    EXPECT_LE(body.at("text").at("content").as_string().size(), 2'048U);
}

TEST(ServiceMessagesTest, PagerDutyHasOneIncidentForAJob)
{
    const HttpRequest request = request_of("pagerduty", failing(), {{"key", "R0UTE"}});
    EXPECT_EQ(request.url, "https://events.pagerduty.com/v2/enqueue");
    const json::value trigger = body_of(request);
    EXPECT_EQ(trigger.at("routing_key"), "R0UTE");
    EXPECT_EQ(trigger.at("event_action"), "trigger");
    EXPECT_EQ(trigger.at("payload").at("severity"), "error");
    EXPECT_EQ(trigger.at("payload").at("timestamp"), "2026-11-21T12:00:05.000Z");
    EXPECT_EQ(trigger.at("payload").at("custom_details").at("run").at("exit_code"), 3);
    const json::value resolve = body_of(request_of("pagerduty", recovered(), {{"key", "R0UTE"}}));
    EXPECT_EQ(resolve.at("event_action"), "resolve");
    EXPECT_EQ(resolve.at("dedup_key"), trigger.at("dedup_key"));
}

TEST(ServiceMessagesTest, AlertmanagerEndsTheAlertsThatHaveBegun)
{
    const HttpRequest request =
        request_of("alertmanager", failing(), {{"url", "http://alerts.example:9093/"}});
    EXPECT_EQ(request.url, "http://alerts.example:9093/api/v2/alerts");
    const json::value begun = body_of(request).at(0);
    EXPECT_EQ(begun.at("labels").at("alertname"), "peercron_failing");
    EXPECT_EQ(begun.at("labels").at("cron_id"), "12");
    EXPECT_EQ(begun.at("startsAt"), "2026-11-21T11:00:00.000Z");
    EXPECT_EQ(begun.at("endsAt"), "2026-12-21T12:00:05.000Z");
    const json::value ended =
        body_of(request_of("alertmanager", recovered(), {{"url", "http://alerts.example:9093"}}));
    ASSERT_EQ(ended.as_array().size(), 2U);
    EXPECT_EQ(ended.at(0).at("labels"), begun.at("labels"));
    EXPECT_EQ(ended.at(0).at("endsAt"), "2026-11-21T12:00:05.000Z");
    EXPECT_EQ(ended.at(1).at("labels").at("alertname"), "peercron_silent");
}

TEST(ServiceMessagesTest, EachThingThatIsWrongWithANodeIsAnIncidentOfItsOwn)
{
    Notice gone;
    gone.kind = NoticeKind::node_gone;
    gone.node = "10.0.0.2:9991";
    Notice back = gone;
    back.kind = NoticeKind::recovered;
    back.over = {NoticeKind::node_gone};
    const decltype(NoticeChannel::settings) key{{"key", "k"}};
    const json::value begun = body_of(request_of("pagerduty", gone, key));
    const json::value ended = body_of(request_of("pagerduty", back, key));
    EXPECT_EQ(begun.at("dedup_key"), "peercron-node-gone-10.0.0.2:9991");
    EXPECT_EQ(ended.at("dedup_key"), begun.at("dedup_key"));
    EXPECT_EQ(ended.at("event_action"), "resolve");

    const decltype(NoticeChannel::settings) alerts{{"url", "http://alerts.example:9093"}};
    const json::value alert = body_of(request_of("alertmanager", gone, alerts)).at(0);
    EXPECT_EQ(alert.at("labels").at("alertname"), "peercron_node-gone");
    EXPECT_EQ(alert.at("labels").at("node"), "10.0.0.2:9991");
    EXPECT_EQ(body_of(request_of("alertmanager", back, alerts)).at(0).at("labels"),
              alert.at("labels"));
}

TEST(ServiceMessagesTest, APingSpeaksHealthchecks)
{
    const decltype(NoticeChannel::settings) check{{"url", "https://hc-ping.com/uuid"}};
    EXPECT_EQ(request_of("ping", failing(), check).url, "https://hc-ping.com/uuid/3");
    EXPECT_EQ(request_of("ping", recovered(), check).url, "https://hc-ping.com/uuid");
    Notice missed = failing();
    missed.kind = NoticeKind::missed;
    missed.run->exit_code.reset();
    EXPECT_EQ(request_of("ping", missed, check).url, "https://hc-ping.com/uuid/fail");
    EXPECT_THAT(request_of("ping", missed, check).body, StartsWith("2026-11-21 12:00:05 UTC"));
}

TEST(ServiceMessagesTest, SomeServicesSayNoWithTheStatusOfAYes)
{
    NoticeChannel channel;
    channel.kind = "dingtalk";
    EXPECT_FALSE(find_refusal(channel, R"({"errcode":0,"errmsg":"ok"})"));
    EXPECT_THAT(*find_refusal(channel, R"({"errcode":310000,"errmsg":"no keyword"})"),
                HasSubstr("310000 \"no keyword\""));
    EXPECT_TRUE(find_refusal(channel, "<html>"));
    channel.kind = "feishu";
    EXPECT_TRUE(find_refusal(channel, R"({"code":19021,"msg":"sign match fail"})"));
    EXPECT_FALSE(find_refusal(channel, R"({"code":0,"msg":"success"})"));
    channel.kind = "webhook";
    EXPECT_FALSE(find_refusal(channel, "anything"));
}

}  // namespace
}  // namespace peercron
