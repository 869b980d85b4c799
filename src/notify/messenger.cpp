#include "notify/messenger.hpp"

#include "base/utf8.hpp"
#include "notify/message.hpp"
#include "notify/service_messages.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace peercron {
namespace {

constexpr std::size_t shown_answer = 2000;  // bytes

/// What comes from outside may be anything.
std::string readable(std::string text)
{
    cut_utf8(text, shown_answer);
    return is_utf8(text) ? text : quote_utf8(text);
}

SendReport report_of(const NoticeChannel& channel, const HttpAnswer& answer)
{
    SendReport report;
    // The status says what became of it, however much more is said.
    if (answer.end != HttpAnswer::End::whole && !answer.is_cut) {
        report.problem = answer.failure;
        return report;
    }
    const std::string_view headers = answer.headers;
    report.answer = fmt::format("{}\n\n{}", headers.substr(0, headers.find('\n')), answer.body);
    const int kind = answer.status / 100;
    if (kind == 2) {
        const auto refusal = find_refusal(channel, answer.body);
        report.is_sent = !refusal;
        report.problem = refusal.value_or("");
        return report;
    }
    // Too Many Requests and Request Timeout are about now, and a login may be mended.
    constexpr int bad_request = 400;
    constexpr int too_large = 413;
    constexpr int unprocessable = 422;
    report.is_refused = answer.status == bad_request || answer.status == too_large ||
                        answer.status == unprocessable;
    report.problem = kind == 3
                         ? fmt::format(
                               "the server redirects ({}); give the address to which "
                               "it does",
                               answer.status)
                         : fmt::format("the server has answered with status {}", answer.status);
    return report;
}

SendReport report_of(const MailAnswer& answer)
{
    SendReport report;
    report.is_sent = answer.is_sent;
    report.is_refused = answer.is_refused;
    report.problem = answer.failure;
    report.answer = answer.said;
    return report;
}

SendReport report_of(const ProgramAnswer& answer)
{
    SendReport report;
    report.is_sent = answer.has_succeeded;
    const std::string output = readable(answer.output);
    report.answer = fmt::format("{}\n\n{}", answer.end, output);
    if (!report.is_sent) report.problem = "the program: " + answer.end;
    report.kept = output.empty() ? answer.end : fmt::format("{}: {}", answer.end, output);
    return report;
}

/// A row that was written by hand, or by a later version, may be one that no message can be made
/// for: then the report says so.
std::optional<NoticeMessage> make(const NoticeChannel& channel, const Notice& notice,
                                  const std::string& node, WallTime now, SendReport& report)
{
    std::string why;
    try {
        if (find_channel_kind(channel.kind) != nullptr) {
            return make_message(channel, notice, node, now);
        }
    } catch (const std::exception& error) {
        why = error.what();
    }
    report.problem = fmt::format("the channel's row makes no sense: {}",
                                 readable(find_problem(channel).value_or(why)));
    return std::nullopt;
}

}  // namespace

asio::awaitable<SendReport> Messenger::send(NoticeChannel channel, Notice notice)
{
    SendReport report;
    auto message = make(channel, notice, node_, clock_.now(), report);
    if (!message) co_return report;
    std::string request = shown(*message, channel);
    if (auto* const http = std::get_if<HttpRequest>(&*message)) {
        const HttpAnswer answer = co_await ways_.http.request(std::move(*http));
        report = report_of(channel, answer);
    } else if (auto* const amqp = std::get_if<AmqpMessage>(&*message)) {
        const AmqpAnswer answer = co_await ways_.amqp.send(std::move(*amqp));
        report.is_sent = answer.is_sent;
        report.problem = answer.failure;
        if (answer.is_sent) report.answer = "confirmed by the broker";
    } else if (auto* const call = std::get_if<ProgramCall>(&*message)) {
        report = co_await start(std::move(*call));
    } else {
        const MailAnswer answer = co_await ways_.mail.send(std::get<Mail>(*std::move(message)));
        report = report_of(answer);
    }
    report.request = std::move(request);
    report.answer = without_secrets(channel, readable(std::move(report.answer)));
    report.problem = without_secrets(channel, readable(std::move(report.problem)));
    co_return report;
}

asio::awaitable<SendReport> Messenger::start(ProgramCall call)
{
    SendReport report;
    if (std::ranges::find(commands_, call.file) == commands_.end()) {
        report.problem = fmt::format(
            "node {} does not start {}: its [notify] commands {}", node_, call.file,
            commands_.empty() ? "is empty" : fmt::format("allows {}", fmt::join(commands_, ", ")));
        co_return report;
    }
    const ProgramAnswer answer = co_await ways_.programs.run(std::move(call));
    co_return report_of(answer);
}

}  // namespace peercron
