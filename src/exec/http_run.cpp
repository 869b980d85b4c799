#include "exec/http_run.hpp"

#include "base/lossy_text.hpp"
#include "base/utf8.hpp"
#include "model/http_forms.hpp"
#include "model/job_kinds.hpp"
#include "model/placeholders.hpp"

#include <spdlog/fmt/fmt.h>
#include <strings.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <limits>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view key_header = "Idempotency-Key";
constexpr std::string_view rehearsal_header = "Peercron-Rehearsal";

bool is_named(std::string_view header, std::string_view name)
{
    return header.size() > name.size() && header[name.size()] == ':' &&
           ::strncasecmp(header.data(), name.data(), name.size()) == 0;
}

void add_number(std::string& text, std::int64_t number)
{
    std::array<char, std::numeric_limits<std::int64_t>::digits10 + 2> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    text.append(digits.data(), end.ptr);
}

/// "0.105 s"
void add_seconds(std::string& text, std::chrono::microseconds time)
{
    const std::int64_t all = std::chrono::round<std::chrono::milliseconds>(time).count();
    add_number(text, all / 1000);
    text.push_back('.');
    for (std::int64_t unit = 100; unit > 0; unit /= 10) {
        text.push_back(static_cast<char>('0' + all / unit % 10));
    }
    text += " s";
}

/// " (connect 0.002 s, wait 0.100 s)"
void add_parts(std::string& text, const HttpTimes& times)
{
    bool is_first = true;
    const auto add_part = [&](std::string_view what, std::chrono::microseconds time) {
        if (time.count() == 0) return;
        text.append(std::exchange(is_first, false) ? " (" : ", ").append(what).push_back(' ');
        add_seconds(text, time);
    };
    add_part("lookup", times.lookup);
    add_part("connect", times.connect);
    add_part("TLS", times.tls);
    add_part("wait", times.wait);
    add_part("body", times.receive);
    if (!is_first) text.push_back(')');
}

/// "HTTP/1.1 503 Service Unavailable" without its version.
std::string_view status_text(const HttpAnswer& answer)
{
    std::string_view line = answer.headers;
    line = line.substr(0, line.find('\n'));
    line.remove_prefix(std::min(line.find(' '), line.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return line.substr(0, line.find_last_not_of(' ') + 1);
}

std::string expected_text(const Job& job)
{
    return job.http_expect.empty() ? std::string("200-299")
                                   : fmt::format("{}", fmt::join(job.http_expect, ","));
}

}  // namespace

HttpRequest http_request_of(const RunOrder& order)
{
    const Job& job = order.fields.job();
    HttpRequest request;
    request.method = policy_name(method_of(job));
    request.url = fill_placeholders(job.http_url, order.id);
    bool has_key = false;
    for (const std::string& header : job.http_headers) {
        has_key |= is_named(header, key_header);
        request.headers.push_back(fill_placeholders(header, order.id));
    }
    if (!has_key) {
        std::string key(key_header);
        add_number(key.append(": peercron-"), order.id.job);
        add_number(key.append("-"), to_unix_millis(order.id.scheduled_at));
        if (order.id.parts > 1) add_number(key.append("-"), order.id.part);
        request.headers.push_back(std::move(key));
    }
    if (order.rehearsal) request.headers.push_back(fmt::format("{}: 1", rehearsal_header));
    request.body = fill_placeholders(job.http_body, order.id);
    request.redirects = static_cast<int>(job.http_redirects);
    request.verify = job.http_verify;
    request.timeout = std::chrono::milliseconds(0);
    return request;
}

void TextSearch::see(std::string_view piece)
{
    if (is_found_) return;
    last_.append(piece.substr(0, text_.size() - 1));
    is_found_ =
        last_.find(text_) != std::string::npos || piece.find(text_) != std::string_view::npos;
    const std::size_t kept = text_.size() - 1;
    if (piece.size() >= kept) last_ = piece.substr(piece.size() - kept);
    if (last_.size() > kept) last_.erase(0, last_.size() - kept);
}

HttpVerdict judge(const HttpAnswer& answer, const Job& job, bool has_text)
{
    HttpVerdict verdict;
    if (answer.end == HttpAnswer::End::not_sent) {
        verdict.state = RunState::fenced;
        verdict.reason = {Cause::node_isolated,
                          "this node was frozen when it should have sent the request"};
    } else if (answer.end == HttpAnswer::End::failed) {
        verdict.reason.detail = answer.failure;
    } else if (!is_expected_status(job.http_expect, answer.status)) {
        verdict.reason.detail = fmt::format("the answer was {}; expected was {}",
                                            status_text(answer), expected_text(job));
    } else if (!has_text) {
        verdict.reason.detail =
            fmt::format("the answer does not have the text {}", quote_utf8(job.http_expect_text));
    } else {
        verdict.state = RunState::success;
    }
    return verdict;
}

std::string head_of_output(const HttpAnswer& answer)
{
    constexpr std::size_t usual_line = 120;
    std::string text;
    text.reserve(usual_line + answer.headers.size());
    if (answer.status == 0) {
        text += "no answer";
    } else {
        add_number(text.append(answer.version).append(" "), answer.status);
    }
    if (!answer.peer.empty()) text.append(" from ").append(answer.peer);
    text += " in ";
    add_seconds(text, answer.times.total);
    add_parts(text, answer.times);
    if (answer.is_reused) text += ", on an open connection";
    if (answer.redirects > 0) {
        text += fmt::format(", after {} {} to {}", answer.redirects,
                            answer.redirects == 1 ? "redirect" : "redirects", answer.url);
    }
    text += '\n';
    if (!answer.headers.empty()) text.append(answer.headers).push_back('\n');
    return text;
}

HttpRun::HttpRun(HttpClient& client, const RunOrder& order, std::size_t max_output)
    : client_(client),
      job_(order.fields.job()),
      request_(http_request_of(order)),
      body_(max_output),
      search_(job_.http_expect_text)
{
    request_.progress = &progress_;
    request_.on_body = [this](std::string_view bytes) {
        body_.append(bytes);
        search_.see(bytes);
    };
}

void HttpRun::start(const asio::any_io_executor& executor, std::function<bool()> may_send,
                    std::function<void()> on_end)
{
    request_.may_send = std::move(may_send);
    auto ended = [this, executor, on_end = std::move(on_end)](const std::exception_ptr& error) {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const boost::system::system_error&) {
            // It was stopped.
        } catch (const std::exception& e) {
            trouble_ = e.what();
        }
        head_ = answer_ ? head_of_output(*answer_) : fmt::format("ended while {}\n\n", progress());
        // Not from here: what is called destroys this handler.
        asio::post(executor, on_end);
    };
    asio::co_spawn(executor, carry_out(*this),
                   asio::bind_cancellation_slot(stop_.slot(), std::move(ended)));
}

asio::awaitable<void> HttpRun::carry_out(HttpRun& run)
{
    run.answer_ = co_await run.client_.request(std::move(run.request_));
}

void HttpRun::stop()
{
    stop_.emit(asio::cancellation_type::terminal);
}

HttpVerdict HttpRun::verdict() const
{
    if (answer_) return judge(*answer_, job_, search_.is_found());
    HttpVerdict verdict;
    verdict.reason.detail = trouble_.empty() ? "ended while " + progress() : trouble_;
    return verdict;
}

std::optional<int> HttpRun::status() const
{
    if (!answer_ || answer_->status == 0) return std::nullopt;
    return answer_->status;
}

std::string HttpRun::output() const
{
    constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    const std::string body = body_.text();
    std::string text;
    text.reserve(head_.size() + body.size());
    append_lossy(text, head_, all, false);  // its headers are the server's
    text += body;
    return text;
}

std::int64_t HttpRun::output_bytes() const
{
    return static_cast<std::int64_t>(answer_ ? head_.size() : 0) + body_.total();
}

}  // namespace peercron
