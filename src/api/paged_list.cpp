#include "api/paged_list.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace peercron {
namespace {

/// The list that has all rows of this one and is counted first, so that no others are looked at.
std::optional<LogFilter> outer_list(const ListFilter& filter)
{
    const auto* const log = std::get_if<LogFilter>(&filter);
    if (log == nullptr || log->is_by_id() || !log->has_time() || log->is_time_only()) {
        return std::nullopt;
    }
    return log->time_alone();
}

/// Whether nobody else will ask for these rows: they are counted together with the page.
bool is_passing(const ListFilter& filter)
{
    const auto* const log = std::get_if<LogFilter>(&filter);
    return log != nullptr && log->is_by_id();
}

/// Whether it pays to count the list before a page of it is read.
bool needs_blocks(const PagedList::Request& request)
{
    const auto* const log = std::get_if<LogFilter>(&request.filter);
    return request.slice.offset >= far_offset || (log != nullptr && log->is_time_only());
}

/// Whether a page of `rows` rows shows where its list ends: then nothing has to be counted.
bool is_last_page(const Slice& slice, std::size_t rows)
{
    return rows < slice.limit && (rows > 0 || slice.offset == 0);
}

}  // namespace

asio::awaitable<Response> PagedList::answer(Request request)
{
    PageHint hint = co_await prepare(request);
    const auto read_page = [this, &request, &hint](SharedReads::Begins begins) {
        return read(request, hint, std::move(begins));
    };
    SharedReads::Page key(request.filter, request.slice);
    auto page = co_await reads_.read(std::move(key), read_page);
    co_return answer_with(std::move(page));
}

asio::awaitable<PagedList::Found> PagedList::find(Request request)
{
    PageHint hint = co_await prepare(request);
    SharedReads::Begins nobody_else = [] {};
    co_return co_await find(request, std::move(hint), std::move(nobody_else));
}

asio::awaitable<PageHint> PagedList::prepare(const Request& request)
{
    PageHint hint;
    if (const auto outer = outer_list(request.filter)) {
        co_await totals_.renew(*outer, hint);
        auto all = co_await totals_.total(*outer, hint, Totals::Estimate::refused);
        hint.time = std::move(all.blocks);
    }
    if (!is_passing(request.filter)) co_await totals_.renew(request.filter, hint);
    co_return hint;
}

asio::awaitable<ListPage> PagedList::read(const Request& request, PageHint hint,
                                          SharedReads::Begins begins)
{
    Found found = co_await find(request, std::move(hint), std::move(begins));
    write_total(found.page, found.total);
    co_return std::move(found.page);
}

asio::awaitable<PagedList::Found> PagedList::find(const Request& request, PageHint hint,
                                                  SharedReads::Begins begins)
{
    Totals::Total total;
    const bool passing = is_passing(request.filter);
    if (!passing && needs_blocks(request)) {
        total = co_await totals_.total(request.filter, hint, Totals::Estimate::refused);
        hint.list = total.blocks;
    }
    Budget::Share share = co_await budget_.take(request.most_bytes);
    const auto find = [&request, &hint, passing](Store& session) {
        Found found;
        if (passing) found.total = count(session, request.filter, hint, std::nullopt).rows;
        found.page = request.read(session, hint);
        return found;
    };
    Found found = co_await store_.call(find, std::move(begins));
    if (!found.page.parts.empty()) share.resize(found.page.size());
    found.page.share = std::move(share);
    if (passing) co_return found;
    const std::size_t shown = request.slice.offset + found.page.rows;
    if (!total.blocks && is_last_page(request.slice, found.page.rows)) {
        total.rows = static_cast<std::int64_t>(shown);
    } else if (!total.blocks) {
        total = co_await totals_.total(request.filter, hint);
        // An estimate may be less than what is shown.
        if (found.page.rows > 0)
            total.rows = std::max(total.rows, static_cast<std::int64_t>(shown));
    }
    found.total = total.rows;
    co_return found;
}

}  // namespace peercron
