#include "notify/service_messages.hpp"

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "base/percent.hpp"
#include "base/utf8.hpp"
#include "notify/notice_json.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace peercron {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

/// What a request is made of.
struct Service {
    const NoticeChannel& channel;
    const Notice& notice;
    const NoticeText& text;
    WallTime now;

    std::string setting(std::string_view name, std::string_view otherwise = "") const
    {
        const auto found = channel.settings.find(name);
        return found == channel.settings.end() ? std::string(otherwise) : found->second;
    }
};

HttpRequest post_json(std::string url, const json::value& body)
{
    HttpRequest request;
    request.method = "POST";
    request.url = std::move(url);
    request.headers.emplace_back("Content-Type: application/json");
    request.body = json::serialize(body);
    return request;
}

std::string cut_bytes(std::string text, std::size_t most)
{
    cut_utf8(text, most);
    return text;
}

std::string cut_characters(const std::string& text, std::size_t most)
{
    return std::string(first_characters(text, most));
}

/// Whether it tells of trouble, and not of its end.
bool is_trouble(NoticeKind kind)
{
    return kind != NoticeKind::recovered && kind != NoticeKind::success &&
           kind != NoticeKind::skipped && kind != NoticeKind::test;
}

/// Source: https://api.slack.com/reference/surfaces/formatting, escaping text.
std::string slack_escaped(std::string_view text)
{
    std::string escaped;
    for (const char c : text) {
        if (c == '&') {
            escaped += "&amp;";
        } else if (c == '<') {
            escaped += "&lt;";
        } else if (c == '>') {
            escaped += "&gt;";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

/// Source: https://api.slack.com/messaging/webhooks. `mrkdwn` off: nothing in it is a format.
HttpRequest slack(const Service& service)
{
    constexpr std::size_t most = 12'000;
    return post_json(service.setting("url"),
                     json::object{{"text", slack_escaped(cut_characters(service.text.text, most))},
                                  {"mrkdwn", false}});
}

/// Source: https://learn.microsoft.com/power-automate, "Post to a channel when a webhook request is
/// received", and adaptivecards.io: a RichTextBlock knows no Markdown.
HttpRequest teams(const Service& service)
{
    constexpr std::size_t most = 12'000;
    const auto block = [](const std::string& text, bool is_title) {
        json::object run{{"type", "TextRun"}, {"text", text}};
        if (is_title) run["weight"] = "bolder";
        return json::object{{"type", "RichTextBlock"}, {"inlines", json::array{std::move(run)}}};
    };
    const json::object card{
        {"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
        {"type", "AdaptiveCard"},
        {"version", "1.4"},
        {"body", json::array{block(service.text.title, true),
                             block(cut_characters(service.text.text, most), false)}}};
    return post_json(
        service.setting("url"),
        json::object{{"type", "message"},
                     {"attachments", json::array{json::object{
                                         {"contentType", "application/vnd.microsoft.card.adaptive"},
                                         {"content", card}}}}});
}

/// A text in which Discord finds no format.
std::string discord_escaped(std::string_view text)
{
    std::string escaped;
    for (const char c : text) {
        if (std::string_view("\\*_~`|>[]()#-").find(c) != std::string_view::npos) escaped += '\\';
        escaped += c;
    }
    return escaped;
}

/// Source: https://discord.com/developers/docs/resources/webhook. Nobody is called by a text.
HttpRequest discord(const Service& service)
{
    constexpr std::size_t most_of_title = 256;
    constexpr std::size_t most_of_text = 2'000;  // escaped no more than 4096
    const json::object embed{
        {"title", cut_characters(discord_escaped(service.text.title), most_of_title)},
        {"description", discord_escaped(cut_characters(service.text.text, most_of_text))}};
    return post_json(service.setting("url"),
                     json::object{{"embeds", json::array{embed}},
                                  {"allowed_mentions", json::object{{"parse", json::array()}}}});
}

/// Source: https://core.telegram.org/bots/api#sendmessage; without parse_mode it is plain text.
HttpRequest telegram(const Service& service)
{
    constexpr std::size_t most = 4'096;
    std::string server = service.setting("url", "https://api.telegram.org");
    while (server.ends_with('/')) server.pop_back();
    return post_json(fmt::format("{}/bot{}/sendMessage", server, service.setting("token")),
                     json::object{{"chat_id", service.setting("chat")},
                                  {"text", cut_characters(service.text.text, most)},
                                  {"link_preview_options", json::object{{"is_disabled", true}}}});
}

/// Source: https://docs.ntfy.sh/publish/#publish-as-json: the topic is in the body.
HttpRequest ntfy(const Service& service)
{
    constexpr std::size_t most = 4'000;  // bytes; a longer one becomes a file
    const std::string url = service.setting("url");
    const std::size_t slash = url.find_last_of('/');
    const bool is_bad = is_trouble(service.notice.kind);
    HttpRequest request =
        post_json(url.substr(0, slash + 1),
                  json::object{{"topic", url.substr(slash + 1)},
                               {"title", service.text.title},
                               {"message", cut_bytes(service.text.text, most)},
                               {"priority", is_bad ? 4 : 3},
                               {"tags", json::array{is_bad ? "warning" : "white_check_mark"}}});
    const std::string token = service.setting("token");
    if (!token.empty()) request.headers.push_back("Authorization: Bearer " + token);
    return request;
}

/// Source: https://open.dingtalk.com/document/robots/custom-robot-access, and its signature.
HttpRequest dingtalk(const Service& service)
{
    constexpr std::size_t most = 18'000;
    std::string url = service.setting("url");
    const std::string secret = service.setting("secret");
    if (!secret.empty()) {
        const std::string moment = std::to_string(to_unix_millis(service.now));
        const std::string sign = encode_base64(view(Hmac(secret).of({moment, "\n", secret})));
        url += fmt::format("{}timestamp={}&sign={}", url.find('?') == url.npos ? '?' : '&', moment,
                           encode_percent(sign));
    }
    return post_json(
        url, json::object{{"msgtype", "text"},
                          {"text", json::object{{"content", cut_bytes(service.text.text, most)}}}});
}

/// Source: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot: the key of its
/// signature is what others sign.
HttpRequest feishu(const Service& service)
{
    constexpr std::size_t most = 18'000;
    json::object body{{"msg_type", "text"},
                      {"content", json::object{{"text", cut_bytes(service.text.text, most)}}}};
    const std::string secret = service.setting("secret");
    if (!secret.empty()) {
        const std::string moment = std::to_string(to_unix_seconds(service.now));
        body["timestamp"] = moment;
        body["sign"] = encode_base64(view(Hmac(moment + "\n" + secret).of({})));
    }
    return post_json(service.setting("url"), body);
}

/// Source: https://developer.work.weixin.qq.com/document/path/91770.
HttpRequest wecom(const Service& service)
{
    constexpr std::size_t most = 2'048;
    return post_json(
        service.setting("url"),
        json::object{{"msgtype", "text"},
                     {"text", json::object{{"content", cut_bytes(service.text.text, most)}}}});
}

/// All about one job is one incident, and so is each thing that is wrong with a node.
std::string incident_of(const Notice& notice)
{
    if (notice.kind == NoticeKind::test) return "peercron-" + notice.id;
    const NoticeKind subject = notice.subject();
    if (!is_about_cluster(subject)) return fmt::format("peercron-{}", notice.job);
    return fmt::format("peercron-{}-{}", to_string(subject), notice.node);
}

/// Source: https://developer.pagerduty.com/docs/events-api-v2. An incident ends when all is well
/// again.
HttpRequest pagerduty(const Service& service)
{
    constexpr std::size_t most_of_summary = 1'024;
    const Notice& notice = service.notice;
    const bool is_over = notice.kind == NoticeKind::recovered;
    json::object details = to_json(notice);
    details["text"] = service.text.text;
    return post_json(
        service.setting("url", "https://events.pagerduty.com/v2/enqueue"),
        json::object{{"routing_key", service.setting("key")},
                     {"event_action", is_over ? "resolve" : "trigger"},
                     {"dedup_key", incident_of(notice)},
                     {"payload",
                      json::object{{"summary", cut_characters(service.text.title, most_of_summary)},
                                   {"source", "peercron"},
                                   {"severity", is_trouble(notice.kind) ? "error" : "info"},
                                   {"timestamp", rfc3339_text(notice.at)},
                                   {"custom_details", std::move(details)}}}});
}

/// Source: Alertmanager's API v2, POST /api/v2/alerts. An alert without an end would be taken for
/// over after some minutes.
HttpRequest alertmanager(const Service& service)
{
    constexpr auto longest = std::chrono::days(30);
    const Notice& notice = service.notice;
    const bool is_over = notice.kind == NoticeKind::recovered;
    const bool goes_on = is_trouble(notice.kind) && notice.since.has_value();
    const auto alert = [&](NoticeKind kind) {
        const WallTime begin = is_over || goes_on ? notice.since.value_or(notice.at) : notice.at;
        const WallTime end = is_over ? notice.at : goes_on ? notice.at + longest : notice.at + 5min;
        json::object labels{{"alertname", fmt::format("peercron_{}", to_string(kind))},
                            {"severity", is_trouble(kind) ? "error" : "info"}};
        if (is_about_cluster(notice.subject())) {
            labels["node"] = notice.node;
        } else {
            labels["cron_id"] = std::to_string(notice.job);
            labels["job_name"] = notice.job_name;
        }
        return json::object{{"labels", std::move(labels)},
                            {"annotations", json::object{{"summary", service.text.title},
                                                         {"description", service.text.text}}},
                            {"startsAt", rfc3339_text(begin)},
                            {"endsAt", rfc3339_text(end)}};
    };
    json::array alerts;
    if (is_over) {
        for (const NoticeKind kind : notice.over) alerts.push_back(alert(kind));
    } else {
        alerts.push_back(alert(notice.kind));
    }
    std::string server = service.setting("url");
    while (server.ends_with('/')) server.pop_back();
    return post_json(server + "/api/v2/alerts", alerts);
}

/// Source: https://healthchecks.io/docs/http_api/: success, failure with the exit code, or a note.
HttpRequest ping(const Service& service)
{
    const Notice& notice = service.notice;
    std::string suffix;
    if (is_trouble(notice.kind)) {
        const bool has_code = notice.run && notice.run->exit_code.value_or(0) > 0;
        suffix = has_code ? fmt::format("/{}", *notice.run->exit_code) : "/fail";
    } else if (notice.kind == NoticeKind::skipped || notice.kind == NoticeKind::test) {
        suffix = "/log";
    }
    HttpRequest request;
    request.method = "POST";
    request.url = service.setting("url");
    while (request.url.ends_with('/')) request.url.pop_back();
    request.url += suffix;
    request.headers.emplace_back("Content-Type: text/plain; charset=utf-8");
    request.body = service.text.text;
    return request;
}

using Make = HttpRequest (*)(const Service& service);

constexpr std::array<std::pair<std::string_view, Make>, 11> services{{
    {"slack", slack},
    {"teams", teams},
    {"discord", discord},
    {"telegram", telegram},
    {"ntfy", ntfy},
    {"dingtalk", dingtalk},
    {"feishu", feishu},
    {"wecom", wecom},
    {"pagerduty", pagerduty},
    {"alertmanager", alertmanager},
    {"ping", ping},
}};

}  // namespace

std::optional<HttpRequest> make_service_request(const NoticeChannel& channel, const Notice& notice,
                                                const NoticeText& text, WallTime now)
{
    for (const auto& [kind, make] : services) {
        if (kind == channel.kind) return make({channel, notice, text, now});
    }
    return std::nullopt;
}

std::optional<std::string> find_refusal(const NoticeChannel& channel, std::string_view body)
{
    std::string_view code_name = "errcode";
    std::string_view text_name = "errmsg";
    if (channel.kind == "feishu") {
        code_name = "code";
        text_name = "msg";
    } else if (channel.kind != "dingtalk" && channel.kind != "wecom") {
        return std::nullopt;
    }
    boost::system::error_code bad;
    const json::value answer = json::parse(body, bad);
    if (bad || !answer.is_object()) return "the answer is no JSON object";
    const json::value* const code = answer.get_object().if_contains(code_name);
    if (code == nullptr || (code->is_int64() && code->get_int64() == 0)) return std::nullopt;
    const json::value* const text = answer.get_object().if_contains(text_name);
    return fmt::format("the service says {} {}", json::serialize(*code),
                       text != nullptr ? json::serialize(*text) : "");
}

}  // namespace peercron
