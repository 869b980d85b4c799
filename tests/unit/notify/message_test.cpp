#include "notify/message.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "notify/notice_json.hpp"
#include "notify/webhook_signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <variant>

namespace peercron {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::AllOf;
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
    notice.job_name = "back\"up\n<b>ü";
    notice.tags = {"db", "nightly"};
    notice.since = noon + 5s;
    notice.run = Notice::Run{4711,
                             noon,
                             2,
                             0,
                             RunState::failed,
                             "",
                             "10.0.0.1:9991",
                             noon + 1ms,
                             noon + 5s,
                             3,
                             std::nullopt,
                             "first\n\"quoted\" \\ line\n"};
    return notice;
}

NoticeChannel webhook()
{
    NoticeChannel channel;
    channel.name = "ops";
    channel.kind = "webhook";
    channel.settings["url"] = "https://hooks.example.com/a?token=t0ps3cret";
    return channel;
}

NoticeChannel mail()
{
    NoticeChannel channel;
    channel.name = "post";
    channel.kind = "mail";
    channel.settings = {{"server", "smtp.example.com"},
                        {"user", "cron"},
                        {"password", "pa55word"},
                        {"from", "cron@example.com"},
                        {"to", "a@example.com, b@example.com"}};
    return channel;
}

HttpRequest request_of(const NoticeChannel& channel, const Notice& notice)
{
    return std::get<HttpRequest>(make_message(channel, notice, "n1:9991", noon + 1min));
}

std::string header(const HttpRequest& request, const std::string& name)
{
    for (const std::string& line : request.headers) {
        if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
    }
    return "";
}

TEST(MessageTest, ANoticeBeginsWithItsTimeAndSaysWhichRunItWas)
{
    Notice notice = failing();
    notice.job_name = "backup";
    const NoticeText told = describe(notice);
    EXPECT_EQ(told.title, "backup is failing");
    EXPECT_EQ(told.text,
              "2026-11-21 12:00:05 UTC: backup is failing (job 12).\n"
              "run 4711, due at 2026-11-21 12:00:00 UTC, attempt 2: failed with exit code 3 on "
              "10.0.0.1:9991, after 4 s.\n\n"
              "The end of its output:\nfirst\n\"quoted\" \\ line\n");
}

TEST(MessageTest, ARecoverySaysHowLongItLasted)
{
    Notice notice = failing();
    notice.kind = NoticeKind::recovered;
    notice.job_name = "";
    notice.over = {NoticeKind::failing, NoticeKind::silent};
    notice.since = noon - 26h;
    const NoticeText told = describe(notice);
    EXPECT_EQ(told.title, "job 12 is well again");
    EXPECT_THAT(told.text, HasSubstr("It was failing, had no success for 1 d 2 h since "
                                     "2026-11-20 10:00:00 UTC."));
}

Notice gone()
{
    Notice notice;
    notice.id = "node-gone-10.0.0.2_9991-1795262345000";
    notice.kind = NoticeKind::node_gone;
    notice.at = noon + 5s;
    notice.node = "10.0.0.2:9991";
    notice.since = noon - 55s;
    notice.detail = "Nobody knows why.";
    return notice;
}

TEST(MessageTest, OfANodeItSaysSinceWhenAndThenHowLong)
{
    EXPECT_EQ(describe(gone()).text,
              "2026-11-21 12:00:05 UTC: node 10.0.0.2:9991 is gone.\n"
              "This goes on since 2026-11-21 11:59:05 UTC. Nobody knows why.\n");
    Notice back = gone();
    back.kind = NoticeKind::recovered;
    back.over = {NoticeKind::node_gone};
    EXPECT_EQ(describe(back).text,
              "2026-11-21 12:00:05 UTC: node 10.0.0.2:9991 is back.\n"
              "That lasted 1 m 0 s since 2026-11-21 11:59:05 UTC.\n");
}

TEST(MessageTest, WebhooksTellNodesFromJobs)
{
    const json::value body = json::parse(request_of(webhook(), gone()).body);
    EXPECT_EQ(body.at("type"), "cluster.node-gone");
    EXPECT_EQ(body.at("data").at("node"), "10.0.0.2:9991");
    NoticeChannel channel = webhook();
    channel.settings["format"] = "cloudevents";
    const json::value event = json::parse(request_of(channel, gone()).body);
    EXPECT_EQ(event.at("type"), "peercron.cluster.node-gone");
    EXPECT_EQ(event.at("subject"), "node/10.0.0.2:9991");
    EXPECT_EQ(read_notice(to_json(gone())), gone());
}

TEST(MessageTest, EveryKindHasWords)
{
    for (std::size_t i = 0; i < notice_words.size(); ++i) {
        Notice notice = failing();
        notice.kind = static_cast<NoticeKind>(i);
        notice.over = {NoticeKind::missed};
        const NoticeText told = describe(notice);
        EXPECT_THAT(told.text, StartsWith("2026-11-21 12:00:05 UTC: " + told.title));
    }
}

TEST(MessageTest, ANoticeSurvivesAsJson)
{
    Notice notice = failing();
    notice.over = {NoticeKind::missed, NoticeKind::silent};
    notice.is_reminder = true;
    EXPECT_EQ(read_notice(to_json(notice)), notice);
    EXPECT_EQ(read_notice(to_json(Notice())), Notice());
}

TEST(MessageTest, AWebhookIsSignedAsStandardWebhooksHasIt)
{
    // The example of the specification's reference implementations.
    EXPECT_EQ(
        webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                          "1614265330", "{\"test\": 2432232314}"),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    // No base64: the key itself.
    EXPECT_EQ(webhook_signature("whsec_====", "a", "1", ""),
              "v1," + encode_base64(view(Hmac("whsec_====").of({"a.1."}))));

    NoticeChannel channel = webhook();
    channel.settings["secret"] = "new";
    channel.settings["old_secret"] = "old";
    const HttpRequest request = request_of(channel, failing());
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, channel.settings["url"]);
    EXPECT_EQ(header(request, "webhook-id"), "failing-12-1795262405000");
    EXPECT_EQ(header(request, "webhook-timestamp"), "1795262460");
    EXPECT_EQ(header(request, "webhook-signature"),
              webhook_signature("new", "failing-12-1795262405000", "1795262460", request.body) +
                  " " +
                  webhook_signature("old", "failing-12-1795262405000", "1795262460", request.body));
    const json::value body = json::parse(request.body);
    EXPECT_EQ(body.at("type"), "job.failing");
    EXPECT_EQ(body.at("timestamp"), "2026-11-21T12:00:05.000Z");
    EXPECT_EQ(body.at("data").at("name"), "back\"up\n<b>ü");
    EXPECT_EQ(body.at("data").at("run").at("exit_code"), 3);
    EXPECT_EQ(body.at("data").at("tags").as_array().size(), 2U);
    EXPECT_EQ(header(request_of(webhook(), failing()), "webhook-signature"), "");
}

TEST(MessageTest, AWebhookMayBeACloudEvent)
{
    NoticeChannel channel = webhook();
    channel.settings["format"] = "cloudevents";
    const HttpRequest request = request_of(channel, failing());
    EXPECT_EQ(header(request, "Content-Type"), "application/cloudevents+json");
    const json::value body = json::parse(request.body);
    EXPECT_EQ(body.at("specversion"), "1.0");
    EXPECT_EQ(body.at("id"), "failing-12-1795262405000");
    EXPECT_EQ(body.at("source"), "/peercron/n1:9991");
    EXPECT_EQ(body.at("type"), "peercron.job.failing");
    EXPECT_EQ(body.at("subject"), "job/12");
    EXPECT_EQ(body.at("data").at("cron_id"), 12);
}

TEST(MessageTest, AMailHasItsHeadersAndItsTextWhateverTheJobIsCalled)
{
    const Mail sent = std::get<Mail>(make_message(mail(), failing(), "n1:9991", noon + 1min));
    EXPECT_EQ(sent.security, Mail::Security::starttls);
    EXPECT_THAT(sent.to, ::testing::ElementsAre("a@example.com", "b@example.com"));
    EXPECT_THAT(sent.data,
                AllOf(StartsWith("From: cron@example.com\r\nTo: a@example.com, b@example.com\r\n"
                                 "Subject: =?utf-8?B?"),
                      HasSubstr("\r\nDate: Sat, 21 Nov 2026 12:01:00 +0000\r\n"),
                      HasSubstr("Message-ID: <failing-12-1795262405000.post@peercron>\r\n"),
                      HasSubstr("Content-Transfer-Encoding: base64\r\n\r\n")));
    const std::string body = sent.data.substr(sent.data.find("\r\n\r\n") + 4);
    const std::string first_line = body.substr(0, body.find("\r\n"));
    EXPECT_EQ(first_line, encode_base64(describe(failing()).text).substr(0, 76));
    for (std::size_t at = sent.data.find('\n'); at != std::string::npos;
         at = sent.data.find('\n', at + 1)) {
        EXPECT_EQ(sent.data[at - 1], '\r');
    }
}

/// A server that hangs must not hold up what comes after.
TEST(MessageTest, NoChannelHasMoreThanTenSeconds)
{
    for (const std::string_view kind : {"webhook", "slack", "mail", "amqp", "command"}) {
        NoticeChannel channel = webhook();
        channel.kind = kind;
        const auto timeout = [](const auto& message) {
            return std::chrono::milliseconds(message.timeout);
        };
        EXPECT_EQ(std::visit(timeout, make_message(channel, failing(), "n1:9991", noon)), 10s)
            << kind;
    }
}

TEST(MessageTest, WhatIsShownHasNoSecrets)
{
    NoticeChannel hook = webhook();
    hook.settings["secret"] = "s1gn";
    const std::string request = shown(make_message(hook, failing(), "n1:9991", noon), hook);
    EXPECT_THAT(request, AllOf(HasSubstr("https://hooks.example.com/***"), HasSubstr("job.failing"),
                               Not(HasSubstr("t0ps3cret")), Not(HasSubstr("s1gn"))));
    const NoticeChannel post = mail();
    EXPECT_THAT(shown(make_message(post, failing(), "n1:9991", noon), post),
                AllOf(HasSubstr("smtp.example.com"), Not(HasSubstr("pa55word"))));
}

}  // namespace
}  // namespace peercron
