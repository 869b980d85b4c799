#include "notify/message.hpp"

#include "base/base64.hpp"
#include "base/overloaded.hpp"
#include "notify/cluster_rules.hpp"
#include "notify/notice_json.hpp"
#include "notify/service_messages.hpp"
#include "notify/webhook_signature.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace peercron {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds send_timeout{10'000};

/// "2026-11-29 02:00:00 UTC".
std::string time_text_of(WallTime moment)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(moment);
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
}

/// "3 d 4 h", "5 m 12 s", "0 s": the two largest units.
std::string span_text(std::chrono::milliseconds time)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(std::max(time, 0ms));
    const auto days = std::chrono::floor<std::chrono::days>(seconds);
    const auto hours = std::chrono::floor<std::chrono::hours>(seconds - days);
    const auto minutes = std::chrono::floor<std::chrono::minutes>(seconds - days - hours);
    const auto rest = seconds - days - hours - minutes;
    if (days.count() > 0) return fmt::format("{} d {} h", days.count(), hours.count());
    if (hours.count() > 0) return fmt::format("{} h {} m", hours.count(), minutes.count());
    if (minutes.count() > 0) return fmt::format("{} m {} s", minutes.count(), rest.count());
    return fmt::format("{} s", rest.count());
}

/// "backup", or "job 12".
std::string label_of(const Notice& notice)
{
    return notice.job_name.empty() ? fmt::format("job {}", notice.job) : notice.job_name;
}

/// "run 4711, due at 2026-11-29 02:00:00 UTC, failed with exit code 1 on 10.0.0.1:9991".
std::string run_text_of(const Notice::Run& run)
{
    std::string text = fmt::format("run {}, due at {}", run.id, time_text_of(run.scheduled_at));
    if (run.part != 0) text += fmt::format(", part {}", run.part);
    if (run.attempt > 1) text += fmt::format(", attempt {}", run.attempt);
    text += fmt::format(": {}", to_string(run.state));
    if (run.state == RunState::failed && run.exit_code && *run.exit_code != 0) {
        text += fmt::format(" with exit code {}", *run.exit_code);
    }
    if (run.http_status) text += fmt::format(" with HTTP status {}", *run.http_status);
    if (!run.node.empty()) text += " on " + run.node;
    if (!run.reason.empty()) text += fmt::format(" ({})", run.reason);
    if (run.started_at && run.ended_at) {
        text += fmt::format(", after {}", span_text(*run.ended_at - *run.started_at));
    }
    return text;
}

std::string title_of(const Notice& notice)
{
    if (is_about_cluster(notice.subject())) return cluster_title(notice);
    const std::string label = label_of(notice);
    switch (notice.kind) {
        case NoticeKind::failing:
            return label + (notice.is_reminder ? " is still failing" : " is failing");
        case NoticeKind::recovered:
            return label + " is well again";
        case NoticeKind::missed:
            return notice.count == 1 ? label + " missed a fire"
                                     : fmt::format("{} missed {} fires", label, notice.count);
        case NoticeKind::late:
            return label + " starts late";
        case NoticeKind::slow:
            return label + " takes long";
        case NoticeKind::fast:
            return label + " was over soon";
        case NoticeKind::silent:
            return label + " has no success";
        case NoticeKind::flapping:
            return label + " keeps changing";
        case NoticeKind::failed:
            return label + " failed";
        case NoticeKind::success:
            return label + " succeeded";
        case NoticeKind::skipped:
            return label + " was skipped";
        case NoticeKind::lost:
            return label + " was lost";
        case NoticeKind::grouped:
            return fmt::format("{} notices", notice.notices.size());
        default:
            break;
    }
    return "a test of this channel";
}

/// What a job was, in the past.
std::string_view past_of(NoticeKind kind)
{
    switch (kind) {
        case NoticeKind::failing:
            return "was failing";
        case NoticeKind::missed:
            return "missed fires";
        case NoticeKind::late:
            return "started late";
        case NoticeKind::slow:
            return "took long";
        case NoticeKind::fast:
            return "was over soon";
        case NoticeKind::silent:
            return "had no success";
        default:
            return "kept changing";
    }
}

/// What it is about, beyond the title and the run.
std::string detail_of(const Notice& notice)
{
    const std::string since =
        notice.since ? fmt::format(" since {}", time_text_of(*notice.since)) : std::string();
    const auto lasted = [&notice] { return span_text(notice.at - *notice.since); };
    if (is_about_cluster(notice.subject()) && notice.kind != NoticeKind::flapping) {
        if (notice.kind == NoticeKind::recovered) {
            return fmt::format("That lasted {}{}.", lasted(), since);
        }
        std::string text = notice.since && *notice.since < notice.at
                               ? fmt::format("This goes on{}.", since)
                               : std::string();
        if (!text.empty() && !notice.detail.empty()) text += ' ';
        return text + notice.detail;
    }
    switch (notice.kind) {
        case NoticeKind::failing:
            return notice.count == 1
                       ? std::string()
                       : fmt::format("{} fires in a row have failed{}.", notice.count, since);
        case NoticeKind::recovered: {
            std::vector<std::string_view> was;
            for (const NoticeKind kind : notice.over) was.push_back(past_of(kind));
            return fmt::format("It {} for {}{}.", fmt::join(was, ", "), lasted(), since);
        }
        case NoticeKind::silent:
            return fmt::format("There is no success that was expected until {}.",
                               time_text_of(notice.since.value_or(notice.at)));
        case NoticeKind::flapping:
            return fmt::format(
                "There were {} changes within an hour; the next message comes when it has been "
                "quiet for an hour.",
                notice.count);
        case NoticeKind::test:
            return "Somebody tries whether messages arrive here. They do.";
        default:
            return notice.is_reminder ? fmt::format("This goes on{}.", since) : std::string();
    }
}

HttpRequest post_of(const NoticeChannel& channel, std::string body, std::string_view type)
{
    HttpRequest request;
    request.method = "POST";
    request.url = channel.settings.at("url");
    request.headers.push_back(fmt::format("Content-Type: {}", type));
    request.body = std::move(body);
    return request;
}

std::string setting(const NoticeChannel& channel, std::string_view name)
{
    const auto found = channel.settings.find(name);
    return found == channel.settings.end() ? std::string() : found->second;
}

json::object with_text(const Notice& notice)
{
    const NoticeText text = describe(notice);
    json::object data = to_json(notice);
    data["title"] = text.title;
    data["text"] = text.text;
    return data;
}

/// "job.failing", "cluster.node-gone".
std::string event_type(const Notice& notice)
{
    return fmt::format("{}.{}", is_about_cluster(notice.subject()) ? "cluster" : "job",
                       to_string(notice.kind));
}

std::string subject_of(const Notice& notice)
{
    if (!is_about_cluster(notice.subject())) return fmt::format("job/{}", notice.job);
    return notice.node.empty() ? "cluster" : "node/" + notice.node;
}

/// Source: CloudEvents 1.0.2, JSON event format, structured mode.
std::string cloud_event(const Notice& notice, const std::string& node)
{
    return json::serialize(json::object{
        {"specversion", "1.0"},
        {"id", notice.id},
        {"source", "/peercron/" + node},
        {"type", "peercron." + event_type(notice)},
        {"time", rfc3339_text(notice.at)},
        {"subject", subject_of(notice)},
        {"datacontenttype", "application/json"},
        {"data", with_text(notice)},
    });
}

/// What programs get: a webhook of the form json, a queue, and a command.
std::string event_json(const Notice& notice)
{
    return json::serialize(json::object{{"type", event_type(notice)},
                                        {"timestamp", rfc3339_text(notice.at)},
                                        {"data", with_text(notice)}});
}

HttpRequest webhook(const NoticeChannel& channel, const Notice& notice, const std::string& node,
                    WallTime now)
{
    const bool is_cloud_event = setting(channel, "format") == "cloudevents";
    std::string body = is_cloud_event ? cloud_event(notice, node) : event_json(notice);
    HttpRequest request =
        post_of(channel, std::move(body),
                is_cloud_event ? "application/cloudevents+json" : "application/json");
    const std::string moment = std::to_string(to_unix_seconds(now));
    request.headers.push_back("webhook-id: " + notice.id);
    request.headers.push_back("webhook-timestamp: " + moment);
    std::string signatures;
    for (const std::string_view name : {"secret", "old_secret"}) {
        const std::string secret = setting(channel, name);
        if (secret.empty()) continue;
        if (!signatures.empty()) signatures += ' ';
        signatures += webhook_signature(secret, notice.id, moment, request.body);
    }
    if (!signatures.empty()) request.headers.push_back("webhook-signature: " + signatures);
    return request;
}

/// Source: RFC 2047; plain ASCII stays as it is. Each word has at most 75 characters, and whole
/// characters of UTF-8.
std::string header_text(std::string_view text)
{
    const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
    if (std::ranges::all_of(text, is_plain)) return std::string(text);
    constexpr std::size_t bytes_of_word = 45;
    std::string encoded;
    while (!text.empty()) {
        std::size_t size = std::min(bytes_of_word, text.size());
        const auto is_inside = [&text](std::size_t at) {
            return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
        };
        while (size > 1 && is_inside(size)) --size;
        if (!encoded.empty()) encoded += "\r\n ";
        encoded += fmt::format("=?utf-8?B?{}?=", encode_base64(text.substr(0, size)));
        text.remove_prefix(size);
    }
    return encoded;
}

std::vector<std::string> split_addresses(std::string_view text)
{
    std::vector<std::string> addresses;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view one = text.substr(0, comma);
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (!one.empty()) addresses.emplace_back(one);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return addresses;
}

/// Lines of base64, so that neither the length of a line nor a dot at its beginning matters.
std::string body_lines(std::string_view text)
{
    constexpr std::size_t width = 76;
    const std::string encoded = encode_base64(text);
    std::string lines;
    for (std::size_t at = 0; at < encoded.size(); at += width) {
        lines.append(encoded, at, width).append("\r\n");
    }
    return lines;
}

std::string one_line_of(std::string text)
{
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    return text;
}

Mail mail_of(const NoticeChannel& channel, const Notice& notice, WallTime now)
{
    Mail mail;
    mail.server = setting(channel, "server");
    const std::string tls = setting(channel, "tls");
    mail.security = tls == "none"  ? Mail::Security::none
                    : tls == "tls" ? Mail::Security::tls
                                   : Mail::Security::starttls;
    mail.user = setting(channel, "user");
    mail.password = setting(channel, "password");
    mail.from = setting(channel, "from");
    mail.to = split_addresses(setting(channel, "to"));
    mail.timeout = send_timeout;
    const NoticeText text = describe(notice);
    const auto whole = std::chrono::floor<std::chrono::seconds>(now);
    mail.data = fmt::format(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} +0000\r\n"
        "Message-ID: <{}.{}@peercron>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: "
        "1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        mail.from, fmt::join(mail.to, ", "), header_text(one_line_of(text.title)),
        fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), notice.id, channel.name,
        body_lines(text.text));
    return mail;
}

AmqpMessage amqp_message(const NoticeChannel& channel, const Notice& notice)
{
    AmqpMessage message;
    message.server = setting(channel, "server");
    message.has_tls = setting(channel, "tls") != "none";
    message.user = setting(channel, "user");
    message.password = setting(channel, "password");
    const std::string vhost = setting(channel, "vhost");
    if (!vhost.empty()) message.vhost = vhost;
    message.exchange = setting(channel, "exchange");
    message.routing_key = setting(channel, "routing_key");
    message.id = notice.id;
    message.type = event_type(notice);
    message.timestamp = to_unix_seconds(notice.at);
    message.body = event_json(notice);
    message.timeout = send_timeout;
    return message;
}

/// Nothing that a job's owner or its output says is in the variables.
ProgramCall program_call(const NoticeChannel& channel, const Notice& notice,
                         const std::string& node)
{
    ProgramCall call;
    call.file = setting(channel, "program");
    call.variables = {"PEERCRON_CHANNEL=" + channel.name, "PEERCRON_NODE=" + node,
                      "PEERCRON_NOTICE_ID=" + notice.id,
                      fmt::format("PEERCRON_NOTICE={}", to_string(notice.kind)),
                      fmt::format("PEERCRON_JOB_ID={}", notice.job)};
    call.input = event_json(notice) + '\n';
    call.timeout = send_timeout;
    return call;
}

}  // namespace

NoticeText describe(const Notice& notice)
{
    NoticeText told;
    told.title = title_of(notice);
    std::string& text = told.text;
    text = fmt::format("{}: {}", time_text_of(notice.at), told.title);
    if (!notice.job_name.empty()) text += fmt::format(" (job {})", notice.job);
    text += ".\n";
    for (const Notice& one : notice.notices) {
        text += fmt::format("{}: {}\n", time_text_of(one.at), title_of(one));
    }
    const std::string detail = detail_of(notice);
    if (!detail.empty()) text += detail + '\n';
    if (!notice.run) return told;
    text += fmt::format("{}.\n", run_text_of(*notice.run));
    std::string_view output = notice.run->output;
    while (output.ends_with('\n')) output.remove_suffix(1);
    if (!output.empty()) text += fmt::format("\nThe end of its output:\n{}\n", output);
    return told;
}

NoticeMessage make_message(const NoticeChannel& channel, const Notice& notice,
                           const std::string& node, WallTime now)
{
    if (channel.kind == "mail") return mail_of(channel, notice, now);
    if (channel.kind == "amqp") return amqp_message(channel, notice);
    if (channel.kind == "command") return program_call(channel, notice, node);
    std::optional<HttpRequest> request =
        make_service_request(channel, notice, describe(notice), now);
    if (!request) request = webhook(channel, notice, node, now);
    request->timeout = send_timeout;
    request->redirects = 0;
    request->max_body = 64 << 10;
    return *std::move(request);
}

std::string shown(const NoticeMessage& message, const NoticeChannel& channel)
{
    const auto of_request = [](const HttpRequest& request) {
        std::string text = fmt::format("{} {}\n", request.method, request.url);
        for (const std::string& header : request.headers) text += header + '\n';
        return text + '\n' + request.body;
    };
    const auto of_mail = [](const Mail& mail) {
        return fmt::format("mail server {}, login {}, from {}, to {}\n\n{}", mail.server,
                           mail.user.empty() ? "none" : mail.user, mail.from,
                           fmt::join(mail.to, ", "), mail.data);
    };
    const auto of_call = [](const ProgramCall& call) {
        return fmt::format("{}\n{}\n\n{}", call.file, fmt::join(call.variables, "\n"), call.input);
    };
    const auto of_amqp = [](const AmqpMessage& amqp) {
        return fmt::format(
            "broker {}, login {}, vhost {}, exchange \"{}\", routing key \"{}\"\n"
            "message-id: {}\ntype: {}\n\n{}",
            amqp.server, amqp.user, amqp.vhost, amqp.exchange, amqp.routing_key, amqp.id, amqp.type,
            amqp.body);
    };
    return without_secrets(channel,
                           std::visit(Overloaded{of_request, of_mail, of_amqp, of_call}, message));
}

}  // namespace peercron
