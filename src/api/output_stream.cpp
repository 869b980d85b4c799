#include "api/output_stream.hpp"

#include "api/rows.hpp"
#include "http/json_writer.hpp"
#include "model/output_to_come.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Between two looks at a row that is not what it will be; and when its run has just ended.
constexpr auto look_interval = 500ms;
constexpr auto short_interval = 100ms;

/// What comes line by line is told a few times a second, however often it is written; but not what
/// is there already.
constexpr auto line_interval = 50ms;
constexpr std::size_t much_at_once = 32U * 1024U;

/// A node that has just died, or is being connected to, is not worth a word.
constexpr auto trouble_patience = 3s;

template <class Write>
std::string object_of(Write write)
{
    std::string data;
    JsonWriter json(data);
    json.begin_object();
    write(json);
    json.end_object();
    return data;
}

std::string end_of(const LogRow& row)
{
    const RunReport& run = row.run;
    return object_of([&](JsonWriter& json) {
        json.field("id", row.id);
        json.field("state", to_string(run.state));
        json.field("reason", to_string(run.reason));
        json.field("cause", to_string(run.reason.cause));
        json.field("exit_code", run.exit_code);
        json.field("term_signal", run.term_signal);
        json.field("http_status", run.http_status);
        field_millis(json, "ended_at", run.ended_at);
        json.field("use_time", std::int64_t{run.use_time.count()});
        json.field("output_bytes", run.output_bytes);
    });
}

}  // namespace

std::optional<LogRow> read_row_head(Store& store, std::int64_t id)
{
    LogFilter filter;
    filter.ids = {id};
    std::vector<LogRow> rows = store.log_page(filter, Slice{0, 1}, {}, 1);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

SteadyTime::duration OutputPace::told(std::size_t bytes, SteadyTime now)
{
    if (since_ != SteadyTime{}) {
        const std::chrono::duration<double> passed = now - since_;
        left_ = std::min(left_ + passed.count() * per_second, burst);
    }
    since_ = now;
    left_ -= static_cast<double>(bytes);
    const std::chrono::duration<double> wait(std::max(-left_ / per_second, 0.0));
    return std::chrono::duration_cast<SteadyTime::duration>(wait);
}

OutputStream::OutputStream(const ApiContext& context, std::int64_t id, std::int64_t from)
    : EventStream(context.streams),
      context_(context),
      id_(id),
      text_(from),
      woken_(context.tasks.executor())
{}

void OutputStream::wake()
{
    woken_.notify();
    if (output_) output_->interrupt();
}

void OutputStream::pause(SteadyTime::duration time)
{
    paused_until_ = std::chrono::steady_clock::now() + time;
}

asio::awaitable<void> OutputStream::collect(std::string& out, SteadyTime latest)
{
    share_ = {};
    if (std::chrono::steady_clock::now() < paused_until_) {
        co_await woken_.wait_until(std::min(paused_until_, latest));
    } else if (is_running_) {
        co_await read(out, latest);
    } else {
        co_await look_at_row(out);
    }
}

asio::awaitable<void> OutputStream::look_at_row(std::string& out)
{
    pause(look_interval);
    const auto find = [id = id_](Store& store) { return read_row_head(store, id); };
    std::optional<LogRow> row;
    std::string trouble;
    try {
        row = co_await context_.store.call(find);
        if (!row) finish();  // it was deleted
    } catch (const StoreError& error) {
        trouble = fmt::format("the database does not answer: {}", error.what());
    }
    if (!trouble.empty()) tell_trouble(out, trouble);
    if (!row) co_return;
    if (is_final(row->run.state)) {
        co_await tell_end(out);
        co_return;
    }
    if (row->run.run_server.empty()) co_return;  // it waits for its time
    run_ = row->run.id;
    if (!output_ || node_ != row->run.run_server) {
        node_ = row->run.run_server;
        output_ = context_.output_at(node_);
    }
    is_running_ = true;
    paused_until_ = {};
}

/// All that is left in one part, so that no whole output waits here for a slow client.
asio::awaitable<void> OutputStream::tell_end(std::string& out)
{
    const auto find = [id = id_](Store& store) { return store.find_log_row(id); };
    std::optional<LogRow> row;
    try {
        share_ = co_await context_.budget.take(3 * context_.max_output);
        row = co_await context_.store.call(find);
    } catch (const StoreError&) {
        co_return;  // the next look tells
    } catch (const HttpError&) {
        co_return;  // there is no memory for it now
    }
    if (row && awaits_output(row->run, context_.clock.now())) {
        pause(pause_for_output);
        co_return;
    }
    if (row) {
        append_output(out, text_.take_rest(row->run.output, row->run.output_bytes));
        append_event(out, "end", end_of(*row), text_.told());
        share_.resize(out.size());
    }
    finish();
}

asio::awaitable<void> OutputStream::read(std::string& out, SteadyTime latest)
{
    const auto left = latest - std::chrono::steady_clock::now();
    const auto wait = std::max(std::chrono::floor<std::chrono::milliseconds>(left), 1ms);
    const Result<OutputPart> part = co_await output_->read(run_, text_.next(), wait);
    if (!part || !part->is_there) {
        is_running_ = false;  // the ledger may know more
        if (!part && !is_stopped()) tell_trouble(out, part.error().message);
        pause(std::exchange(was_there_, false) ? short_interval : look_interval);
        co_return;
    }
    was_there_ = true;
    trouble_since_.reset();
    append_output(out, text_.take(*part));
    const auto pace = pace_.told(part->bytes.size(), std::chrono::steady_clock::now());
    const bool is_much = part->bytes.size() >= much_at_once;
    pause(is_much ? pace : std::max<SteadyTime::duration>(pace, line_interval));
}

void OutputStream::tell_trouble(std::string& out, const std::string& trouble)
{
    const SteadyTime now = std::chrono::steady_clock::now();
    if (!trouble_since_) trouble_since_ = now;
    if (now - *trouble_since_ < trouble_patience || trouble == told_trouble_) return;
    told_trouble_ = trouble;
    append_event(out, "trouble",
                 object_of([&](JsonWriter& json) { json.field("message", trouble); }));
}

void append_output(std::string& out, const std::vector<OutputSpan>& spans)
{
    for (const OutputSpan& span : spans) {
        const std::string data = object_of([&span](JsonWriter& json) {
            json.field("from", span.from);
            if (span.is_gap()) {
                json.field("to", span.to);
            } else {
                json.field("text", span.text);
            }
        });
        EventStream::append_event(out, span.is_gap() ? "gap" : "output", data, span.to);
    }
}

}  // namespace peercron
