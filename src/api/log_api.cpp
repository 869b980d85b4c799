#include "api/list_chunks.hpp"
#include "api/list_page.hpp"
#include "api/paged_list.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "http/budget.hpp"
#include "http/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// A list has the first bytes of each output, this many at most; /openapi.json says so.
constexpr std::size_t excerpt_bytes = 4096;

/// A row of a list, with what is written of it.
constexpr std::size_t most_row_bytes = 2 * excerpt_bytes + 4096;

/// How much memory a whole row may take: as the database sends it, as it was read, and written.
std::size_t most_whole_row_bytes(const ApiContext& context)
{
    return 3 * context.max_output;
}

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

/// "1,2,3"; not empty.
std::vector<std::int64_t> read_ids(std::string_view text)
{
    constexpr std::size_t most = 1000;
    std::vector<std::int64_t> ids;
    for (bool more = true; more;) {
        const auto comma = text.find(',');
        ids.push_back(parse_row_id("ids", text.substr(0, comma)));
        more = comma != std::string_view::npos;
        if (more) text.remove_prefix(comma + 1);
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
    return fmt::format("{} {} {} {} {} {} {} {}", query.cron_id.value_or(0),
                       query.state ? to_string(*query.state) : "", query.missed, moment(query.from),
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
    query.missed = call.params.boolean("missed").value_or(false);
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
    query.most_output = excerpt_bytes;
    // A client that follows the log by ids asks for a few rows, different ones each time.
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
    part.with_blocks = !list.state && !list.missed;
    part.count_from = from;
    part.time_blocks = std::move(within);
    LogPage counted = store.find_log(part);
    return Totals::Part{counted.total, std::move(counted.blocks), counted.count_rest};
}

PagedList::Asked ask_for(const LogQuery& query)
{
    PagedList::Asked asked;
    asked.list = name_of(query);
    asked.page = page_name(query);
    asked.offset = query.offset;
    asked.limit = query.limit;
    asked.most_bytes = query.limit * most_row_bytes;
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

/// The rows of a page with their whole outputs, each read when its turn to be sent has come.
class WholeRows final : public ListChunks {
public:
    WholeRows(const ApiContext& context, std::vector<LogRow> rows, std::int64_t total,
              Budget::Share share)
        : ListChunks(fmt::format(R"({}{{"list":[)", envelope_begin),
                     fmt::format(R"(],"total":{}}}{})", total, envelope_end)),
          context_(context),
          rows_(std::move(rows)),
          share_(std::move(share))
    {}

private:
    bool append_row(std::string& out) override
    {
        if (position_ == rows_.size()) return false;
        if (rows_[position_].output_cut && !is_read_) return false;
        const LogRow row = std::move(rows_[position_++]);  // freed here
        JsonWriter json(out);
        write_log_row(json, row);
        is_read_ = false;
        return true;
    }

    asio::awaitable<bool> fetch() override
    {
        if (position_ == rows_.size()) co_return false;
        const std::int64_t id = rows_[position_].id;
        const auto find = [id](Store& store) { return store.find_log_row(id); };
        std::optional<LogRow> whole = co_await context_.store.call(find);
        if (whole) rows_[position_] = *std::move(whole);  // else it was deleted meanwhile
        is_read_ = true;
        co_return true;
    }

    const ApiContext& context_;
    std::vector<LogRow> rows_;
    const Budget::Share share_;  // for rows_, and one that is read whole
    std::size_t position_ = 0;
    bool is_read_ = false;  // the one at position_
};

asio::awaitable<Response> list_whole_rows(const ApiContext& context, PagedList& list,
                                          LogQuery query)
{
    PagedList::Asked asked = ask_for(query);
    // One share for all its rows: a caller that holds one must not wait for another.
    asked.most_bytes += most_whole_row_bytes(context);
    auto rows = std::make_shared<std::vector<LogRow>>();
    asked.find = [query, rows](Store& store, const PagedList::Places& places) {
        LogQuery page = query;
        page.blocks = places.rows;
        page.time_blocks = places.within;
        LogPage read = store.find_log(page);
        PagedList::Found found;
        found.rows = read.rows.size();
        found.total = read.total;
        *rows = std::move(read.rows);
        return found;
    };
    PagedList::Found found = co_await list.find(context.store, std::move(asked));
    auto chunks = std::make_unique<WholeRows>(context, std::move(*rows), found.total,
                                              std::move(found.page.share));
    co_return co_await answer_in_chunks(std::move(chunks));
}

asio::awaitable<Response> list_log(const ApiContext& context, PagedList& list, const Call& call)
{
    LogQuery query = read_query(call);
    if (call.params.boolean("full").value_or(false)) {
        co_return co_await list_whole_rows(context, list, std::move(query));
    }
    PagedList::Asked asked = ask_for(query);
    co_return co_await list.answer(context.store, std::move(asked));
}

asio::awaitable<Response> show_row(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    std::vector<DoubledRun> doubled;
    Budget::Share share = co_await context.budget.take(most_whole_row_bytes(context));
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
    Response response = answer(write);
    share.resize(response.body.size());
    response.share = std::move(share);
    co_return response;
}

}  // namespace

void add_log_routes(Router& router, const ApiContext& context)
{
    const auto list = std::make_shared<PagedList>(context.tasks, context.budget);
    router.add({
        .pattern = "/log/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "cron_id", .type = ParamType::integer},
                   {.name = "search"},
                   {.name = "dispatch_server"},
                   {.name = "run_server"},
                   {.name = "state"},
                   {.name = "missed", .type = ParamType::boolean},
                   {.name = "from", .type = ParamType::time},
                   {.name = "to", .type = ParamType::time},
                   {.name = "after_id", .type = ParamType::integer},
                   {.name = "ids"},
                   {.name = "full", .type = ParamType::boolean},
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
