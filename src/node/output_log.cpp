#include "node/output_log.hpp"

#include "exec/output_capture.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How often a reader that takes nothing is looked at.
constexpr auto reader_pause = 20ms;

std::string as_text(std::string_view bytes)
{
    OutputCapture capture(2 * bytes.size() * std::string_view("\xEF\xBF\xBD").size());
    capture.append(bytes);
    return capture.text();
}

}  // namespace

OutputLog::OutputLog(asio::any_io_executor executor, const Clock& clock, int descriptor,
                     NameOf name_of)
    : clock_(clock),
      descriptor_(descriptor),
      name_of_(std::move(name_of)),
      news_(std::move(executor))
{}

void OutputLog::add(const RunId& run, std::string_view output)
{
    std::string& begun = begun_[run];
    begun += output;
    std::string_view rest = begun;
    for (;;) {
        const std::size_t end = rest.find('\n');
        const bool is_line = end != std::string_view::npos && end <= longest_line;
        if (!is_line && rest.size() <= longest_line) break;
        add_line(run, rest.substr(0, is_line ? end : longest_line));
        rest.remove_prefix(is_line ? end + 1 : longest_line);
    }
    begun.erase(0, begun.size() - rest.size());
}

void OutputLog::note(const RunReport& report)
{
    if (!is_final(report.state) || !report.started_at) return;
    const auto begun = begun_.find(report.id);
    if (begun != begun_.end()) {
        if (!begun->second.empty()) add_line(report.id, begun->second);
        begun_.erase(begun);
    }
    std::string object;
    JsonWriter json(object);
    begin_object(json, report.id);
    json.field("state", to_string(report.state));
    json.field("reason", to_string(report.reason));
    json.field("exit_code", report.exit_code);
    json.field("term_signal", report.term_signal);
    json.field("use_time", std::int64_t{report.use_time.count()});
    json.end_object();
    append(object);
}

void OutputLog::add_line(const RunId& run, std::string_view line)
{
    std::string object;
    JsonWriter json(object);
    begin_object(json, run);
    json.field("line", std::string_view(as_text(line)));
    json.end_object();
    append(object);
}

void OutputLog::begin_object(JsonWriter& json, const RunId& run) const
{
    json.begin_object();
    json.field("time", to_unix_millis(clock_.now()));
    json.field("job", run.job);
    json.field("name", std::string_view(name_of_(run.job)));
    json.field("scheduled_at", to_unix_millis(run.scheduled_at));
    json.field("attempt", run.attempt);
    json.field("part", run.part);
}

void OutputLog::append(std::string_view object)
{
    if (waiting_.size() + object.size() > most_waiting) {
        ++left_out_;
        return;
    }
    if (left_out_ > 0) tell_what_was_left_out();
    waiting_.append(object).push_back('\n');
    news_.notify();
}

void OutputLog::tell_what_was_left_out()
{
    JsonWriter json(waiting_);
    json.begin_object();
    json.field("time", to_unix_millis(clock_.now()));
    json.field("left_out", std::uint64_t{std::exchange(left_out_, 0)});
    json.end_object();
    waiting_.push_back('\n');
}

/// Whether something was written, or can never be again.
bool OutputLog::write_some()
{
    pollfd writable{descriptor_, POLLOUT, 0};
    if (::poll(&writable, 1, 0) <= 0) return false;
    // What poll(2) calls writable takes this much without blocking: pipe(7).
    const std::size_t size = std::min<std::size_t>(waiting_.size(), PIPE_BUF);
    const ssize_t written = ::write(descriptor_, waiting_.data(), size);
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (written < 0) {
        waiting_.clear();  // nobody reads any more
    } else {
        waiting_.erase(0, static_cast<std::size_t>(written));
    }
    if (waiting_.empty() && left_out_ > 0) tell_what_was_left_out();
    return true;
}

asio::awaitable<void> OutputLog::run()
{
    for (;;) {
        while (waiting_.empty()) co_await news_.wait();
        while (!waiting_.empty()) {
            if (!write_some()) co_await sleep_for(reader_pause);
        }
    }
}

asio::awaitable<void> OutputLog::flush(SteadyTime limit)
{
    while (!waiting_.empty() && clock_.steady_now() < limit) {
        if (!write_some()) co_await sleep_for(reader_pause);
    }
}

}  // namespace peercron
