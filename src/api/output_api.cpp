#include "api/output_stream.hpp"
#include "api/routes.hpp"
#include "base/event.hpp"
#include "model/output_to_come.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view event_stream = "text/event-stream";

std::string_view header(const Call& call, std::string_view name)
{
    const auto value = call.headers[boost::beast::string_view(name.data(), name.size())];
    return {value.data(), value.size()};
}

bool wants_events(const Call& call)
{
    const auto follow = call.params.boolean("follow");
    return follow.value_or(header(call, "Accept").find(event_stream) != std::string_view::npos);
}

/// The first byte wanted: where a stream broke off, or what the caller asks for.
std::int64_t read_position(const Call& call)
{
    const std::int64_t given =
        call.params.integer("from", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
    const std::string_view last = header(call, "Last-Event-ID");
    std::int64_t position = 0;
    const auto [stop, bad] = std::from_chars(last.data(), last.data() + last.size(), position);
    const bool is_number = bad == std::errc() && stop == last.data() + last.size() && position >= 0;
    return is_number ? position : given;
}

/// What a reader of plain text gets.
std::string text_of(const std::vector<OutputSpan>& spans)
{
    std::string text;
    for (const OutputSpan& span : spans) {
        if (span.is_gap()) {
            text += fmt::format("\n[… {} bytes left out …]\n", span.to - span.from);
        } else {
            text += span.text;
        }
    }
    return text;
}

/// What a command that runs has written so far. False: it does not run there any more, or not yet.
asio::awaitable<bool> read_running(const ApiContext& context, const LogRow& row, OutputText& place,
                                   std::string& text)
{
    const NodeName& node = row.run.run_server;
    const std::unique_ptr<RunOutput> output = context.output_at(node);
    // No further than what is there now: a command may write faster than it is read.
    std::optional<std::int64_t> end;
    while (!end || place.next() < *end) {
        const std::chrono::milliseconds no_wait{0};
        const Result<OutputPart> part = co_await output->read(row.run.id, place.next(), no_wait);
        if (!part) {
            HttpError away(http::status::service_unavailable,
                           fmt::format("run {} is under way at {}, and its output cannot be had "
                                       "there: {}",
                                       row.id, node, part.error().message));
            throw away.with(http::field::retry_after, "1");
        }
        if (!part->is_there) co_return false;
        if (!end) end = part->total;
        text += text_of(place.take(*part));
        if (part->bytes.empty()) break;
    }
    co_return true;
}

asio::awaitable<LogRow> find_row(const ApiContext& context, std::int64_t id)
{
    const auto find = [id](Store& store) { return store.find_log_row(id); };
    std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) refuse_unknown_row(std::to_string(id));
    co_return std::move(*row);
}

asio::awaitable<Response> show_output(const ApiContext& context, std::int64_t id, std::int64_t from)
{
    OutputText place(from);
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    Budget::Share share = co_await context.budget.take(3 * context.max_output);
    LogRow row = co_await find_row(context, id);
    const bool may_run = !is_final(row.run.state) && !row.run.run_server.empty();
    if (may_run) {
        const bool runs = co_await read_running(context, row, place, response.body);
        if (runs) row.run.state = RunState::running;
        if (!runs) row = co_await find_row(context, id);  // it may have ended just now
    }
    while (awaits_output(row.run, context.clock.now())) {
        co_await sleep_for(pause_for_output);
        row = co_await find_row(context, id);
    }
    if (is_final(row.run.state)) {
        response.body += text_of(place.take_rest(row.run.output, row.run.output_bytes));
    }
    response.own_headers.emplace_back("X-Peercron-State", to_string(row.run.state));
    response.own_headers.emplace_back("X-Peercron-Next", std::to_string(place.told()));
    share.resize(response.body.size());
    response.share = std::move(share);
    co_return response;
}

asio::awaitable<Response> read_output(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    const std::int64_t from = read_position(call);
    if (!wants_events(call)) co_return co_await show_output(context, id, from);
    auto stream = std::make_unique<OutputStream>(context, id, from);
    const auto find = [id](Store& store) { return read_row_head(store, id); };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) refuse_unknown_row(call.id);
    co_return EventStream::answer(std::move(stream));
}

}  // namespace

void add_output_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/run/{id}/output",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::run,
        .params = {{.name = "from", .type = ParamType::integer},
                   {.name = "follow", .type = ParamType::boolean}},
        .handler = bind(context, read_output),
    });
}

}  // namespace peercron
