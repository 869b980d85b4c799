#include "http/list_chunks.hpp"
#include "http/routes.hpp"
#include "http/rows.hpp"
#include "http/text.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {
namespace {

std::optional<RunState> read_state(const Params& params)
{
    const auto given = params.text("state");
    if (!given) return std::nullopt;
    const auto state = parse_run_state(*given);
    if (!state) {
        refuse(
            fmt::format("state: given {}; planned, running, success, failed, timeout, killed, "
                        "lost, fenced, skipped or revoked is allowed",
                        quote_utf8(*given)));
    }
    return state;
}

asio::awaitable<Response> list_log(const ApiContext& context, const Call& call)
{
    const Page page = read_page(call.params);
    LogQuery query;
    if (const auto id = call.params.text("cron_id")) query.cron_id = parse_job_id("cron_id", *id);
    query.search = call.params.text("search");
    query.dispatch_server = call.params.text("dispatch_server");
    query.run_server = call.params.text("run_server");
    query.state = read_state(call.params);
    query.from = call.params.time("from");
    query.to = call.params.time("to");
    if (query.from && query.to && *query.from >= *query.to) {
        refuse("to: it must be later than from; the rows from `from` on and before `to` are shown");
    }
    query.offset = page.offset;
    query.limit = page.limit;
    const auto find = [&query](Store& store) { return store.find_log(query); };
    LogPage found = co_await context.store.call(find);
    auto chunks = page_of(std::move(found.rows), found.total, write_log_row);
    co_return co_await answer_in_chunks(std::move(chunks));
}

}  // namespace

void add_log_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/log/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "cron_id", .type = ParamType::integer},
                   {.name = "search"},
                   {.name = "dispatch_server"},
                   {.name = "run_server"},
                   {.name = "state"},
                   {.name = "from", .type = ParamType::time},
                   {.name = "to", .type = ParamType::time},
                   {.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = bind(context, list_log),
    });
}

}  // namespace peercron
