#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "http/list_page.hpp"
#include "http/paged_list.hpp"
#include "http/routes.hpp"
#include "http/rows.hpp"
#include "http/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <string>

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

/// "1,2,3".
std::vector<std::int64_t> read_ids(std::string_view text)
{
    constexpr std::size_t most = 1000;
    std::vector<std::int64_t> ids;
    while (!text.empty()) {
        const auto comma = text.find(',');
        ids.push_back(parse_row_id("ids", text.substr(0, comma)));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    if (ids.size() > most) {
        refuse(fmt::format("ids: given {} ids; at most {} are allowed", ids.size(), most));
    }
    return ids;
}

/// Names the filters of a query, whatever its page.
std::string name_of(const LogQuery& query)
{
    const auto moment = [](const std::optional<WallTime>& time) {
        return time ? std::to_string(to_unix_millis(*time)) : "";
    };
    const auto text = [](const std::optional<std::string>& given) {
        return given ? fmt::format("{}:{}", given->size(), *given) : "";
    };
    return fmt::format("{} {} {} {} {} {} {}", query.cron_id.value_or(0),
                       query.state ? to_string(*query.state) : "", moment(query.from),
                       moment(query.to), text(query.search), text(query.dispatch_server),
                       text(query.run_server));
}

LogQuery read_query(const Call& call)
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
    if (const auto after = call.params.text("after_id")) {
        query.after_id = parse_row_id("after_id", *after);
    }
    if (const auto ids = call.params.text("ids")) query.ids = read_ids(*ids);
    query.offset = page.offset;
    query.limit = page.limit;
    // Whoever follows the log by ids asks for a few rows, each time others.
    query.with_total = query.after_id || !query.ids.empty();
    return query;
}

/// Names a page of a query.
std::string page_name(const LogQuery& query)
{
    return fmt::format("{} {} {} {} {}", query.offset, query.limit, query.after_id.value_or(-1),
                       fmt::join(query.ids, ","), name_of(query));
}

PagedList::Found find_page(Store& store, const LogQuery& query)
{
    LogPage read = store.find_log(query);
    PagedList::Found found;
    found.rows = read.rows.size();
    found.total = read.total;
    found.page = write_rows(std::move(read.rows), write_log_row);
    return found;
}

Totals::Part count_part(Store& store, const LogQuery& list, const std::optional<CountRest>& from,
                        std::shared_ptr<const IdBlocks> within)
{
    LogQuery part = list;
    part.limit = 0;
    part.with_total = true;
    part.with_blocks = !list.state;
    part.count_from = from;
    part.time_blocks = std::move(within);
    LogPage counted = store.find_log(part);
    return Totals::Part{counted.total, std::move(counted.blocks), counted.count_rest};
}

PagedList::Asked read_asked(const Call& call)
{
    const LogQuery query = read_query(call);
    PagedList::Asked asked;
    asked.list = name_of(query);
    asked.page = page_name(query);
    asked.offset = query.offset;
    asked.limit = query.limit;
    asked.with_total = query.with_total;
    asked.with_blocks = query.is_time_only();
    asked.find = [query](Store& store, const PagedList::Places& places) {
        LogQuery page = query;
        page.blocks = places.rows;
        page.time_blocks = places.within;
        return find_page(store, page);
    };
    asked.count = [query](Store& store, const std::optional<CountRest>& from,
                          const PagedList::Places& places) {
        return count_part(store, query, from, places.within);
    };
    if (query.has_time() && !query.with_total && !query.is_time_only()) {
        LogQuery of_time;
        of_time.from = query.from;
        of_time.to = query.to;
        const auto count = [of_time](Store& store, const std::optional<CountRest>& from) {
            return count_part(store, of_time, from, nullptr);
        };
        asked.within = PagedList::Outer{name_of(of_time), count};
    }
    return asked;
}

asio::awaitable<Response> list_log(const ApiContext& context, PagedList& list, const Call& call)
{
    PagedList::Asked asked = read_asked(call);
    co_return co_await list.answer(context.store, std::move(asked));
}

asio::awaitable<Response> show_row(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    std::vector<DoubledRun> doubled;
    const auto find = [id, &doubled](Store& store) {
        DoubledQuery query;
        query.log_id = id;
        query.limit = 10;
        query.with_output = true;
        doubled = store.find_doubled(query);
        return store.find_log_row(id);
    };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) refuse_unknown_row(call.id);
    const auto write = [&](JsonWriter& json) { write_whole_row(json, *row, doubled); };
    co_return answer(write);
}

}  // namespace

void add_log_routes(Router& router, const ApiContext& context)
{
    const auto list = std::make_shared<PagedList>(context.tasks);
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
                   {.name = "after_id", .type = ParamType::integer},
                   {.name = "ids"},
                   {.name = "page", .type = ParamType::integer},
                   {.name = "limit", .type = ParamType::integer}},
        .handler = [&context, list](const Call& call) { return list_log(context, *list, call); },
    });
    router.add({
        .pattern = "/log/{id}",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = bind(context, show_row),
    });
}

}  // namespace peercron
