#include "api/list_text.hpp"
#include "api/paged_list.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "http/budget.hpp"

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

/// nullopt: in anything.
std::optional<Oddity> read_oddity(std::string_view given)
{
    constexpr std::string_view any = "any";
    const auto oddity = parse_oddity(given);
    if (!oddity && given != any) {
        refuse(fmt::format("unusual: given {}; {}, {} is allowed", quote_utf8(given), any,
                           fmt::join(oddity_words, ", ")));
    }
    return oddity;
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

LogFilter read_filter(const Params& params)
{
    LogFilter filter;
    if (const auto id = params.text("cron_id")) filter.cron_id = parse_job_id("cron_id", *id);
    filter.tag = params.text("tag");
    filter.search = params.text("search");
    filter.dispatch_server = params.text("dispatch_server");
    filter.run_server = params.text("run_server");
    filter.state = read_state(params);
    filter.missed = params.boolean("missed").value_or(false);
    if (const auto given = params.text("unusual")) {
        filter.unusual = true;
        filter.oddity = read_oddity(*given);
    }
    filter.from = params.time("from");
    filter.to = params.time("to");
    if (filter.from && filter.to && *filter.from >= *filter.to) {
        refuse("to: it must be later than from; the rows from `from` on and before `to` are shown");
    }
    if (const auto after = params.text("after_id")) {
        filter.after_id = parse_row_id("after_id", *after);
    }
    if (const auto ids = params.text("ids")) filter.ids = read_ids(*ids);
    return filter;
}

std::vector<LogRow> read_excerpts(Store& store, const LogFilter& filter, const Slice& slice,
                                  const PageHint& hint)
{
    return store.log_page(filter, slice, hint, excerpt_bytes);
}

/// The rows of a page with their whole outputs, each read when its turn to be sent has come.
class WholeRows final : public ListChunks {
public:
    WholeRows(const ApiContext& context, std::vector<LogRow> rows, NamesOfJobs names,
              std::int64_t total, Budget::Share share)
        : ListChunks(fmt::format(R"({}{{"list":[)", envelope_begin),
                     fmt::format(R"(],"total":{}}}{})", total, envelope_end)),
          context_(context),
          rows_(std::move(rows)),
          names_(std::move(names)),
          share_(std::move(share))
    {}

private:
    bool append_row(std::string& out) override
    {
        if (position_ == rows_.size()) return false;
        if (rows_[position_].output_cut && !is_read_) return false;
        const LogRow row = std::move(rows_[position_++]);  // freed here
        JsonWriter json(out);
        write_log_row(json, row, names_);
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
    const NamesOfJobs names_;
    const Budget::Share share_;  // for rows_, and one that is read whole
    std::size_t position_ = 0;
    bool is_read_ = false;  // the one at position_
};

asio::awaitable<Response> list_whole_rows(const ApiContext& context, PagedList& list,
                                          LogFilter filter, Slice slice)
{
    auto rows = std::make_shared<std::vector<LogRow>>();
    auto names = std::make_shared<NamesOfJobs>();
    PagedList::Request request{filter, slice};
    // One share for all its rows: a caller that holds one must not wait for another.
    request.most_bytes = slice.limit * most_row_bytes + most_whole_row_bytes(context);
    request.read = [filter, slice, rows, names](Store& store, const PageHint& hint) {
        *rows = read_excerpts(store, filter, slice, hint);
        *names = read_names(store, *rows);
        ListPage page;
        page.rows = rows->size();
        return page;
    };
    PagedList::Found found = co_await list.find(std::move(request));
    auto chunks = std::make_unique<WholeRows>(context, std::move(*rows), std::move(*names),
                                              found.total, std::move(found.page.share));
    co_return co_await answer_in_chunks(std::move(chunks));
}

asio::awaitable<Response> list_log(const ApiContext& context, PagedList& list, const Call& call)
{
    const Slice slice = read_slice(call.params);
    LogFilter filter = read_filter(call.params);
    filter.any_tag = call.caller.tags;
    if (call.params.boolean("full").value_or(false)) {
        co_return co_await list_whole_rows(context, list, filter, slice);
    }
    PagedList::Request request{filter, slice};
    request.most_bytes = slice.limit * most_row_bytes;
    request.read = [filter, slice](Store& store, const PageHint& hint) {
        std::vector<LogRow> rows = read_excerpts(store, filter, slice, hint);
        const NamesOfJobs names = read_names(store, rows);
        return write_rows(std::move(rows), [&names](JsonWriter& json, const LogRow& row) {
            write_log_row(json, row, names);
        });
    };
    co_return co_await list.answer(std::move(request));
}

asio::awaitable<Response> show_row(const ApiContext& context, const Call& call)
{
    const std::int64_t id = parse_row_id("id", call.id);
    std::vector<DoubledRun> doubled;
    NamesOfJobs names;
    Budget::Share share = co_await context.budget.take(most_whole_row_bytes(context));
    const auto find = [id, &doubled, &names](Store& store) {
        DoubledQuery query;
        query.log_id = id;
        query.limit = 10;
        query.with_output = true;
        doubled = store.find_doubled(query);
        std::optional<LogRow> row = store.find_log_row(id);
        if (row) names = read_names(store, {&*row, 1});
        return row;
    };
    const std::optional<LogRow> row = co_await context.store.call(find);
    if (!row) refuse_unknown_row(call.id);
    const auto write = [&](JsonWriter& json) { write_whole_row(json, *row, names, doubled); };
    Response response = answer(write);
    share.resize(response.body.size());
    response.share = std::move(share);
    co_return response;
}

}  // namespace

void add_log_routes(Router& router, const ApiContext& context)
{
    const auto list = std::make_shared<PagedList>(context.store, context.tasks, context.budget);
    router.add({
        .pattern = "/log/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .params = {{.name = "cron_id", .type = ParamType::integer},
                   {.name = "tag"},
                   {.name = "search"},
                   {.name = "dispatch_server"},
                   {.name = "run_server"},
                   {.name = "state"},
                   {.name = "missed", .type = ParamType::boolean},
                   {.name = "unusual"},
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
        .scope = Scope::run,
        .handler = bind(context, show_row),
    });
}

}  // namespace peercron
