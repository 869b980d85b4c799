#include "api/paged_list.hpp"

#include "store/id_blocks.hpp"

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

Totals::Count count_of(const PagedList::Asked& asked, const PagedList::Places& places)
{
    return [count = asked.count, places](Store& store, const std::optional<CountRest>& from) {
        return count(store, from, places);
    };
}

}  // namespace

asio::awaitable<Response> PagedList::answer(StorePool& store, Asked asked)
{
    Places places = co_await prepare(store, asked);
    const auto read_page = [this, &store, &asked, &places](SharedReads::Begins begins) {
        return read(store, asked, places, std::move(begins));
    };
    auto page = co_await reads_.read(asked.page, read_page);
    co_return answer_with(std::move(page));
}

asio::awaitable<PagedList::Found> PagedList::find(StorePool& store, Asked asked)
{
    Places places = co_await prepare(store, asked);
    SharedReads::Begins nobody_else = [] {};
    co_return co_await find(store, asked, std::move(places), std::move(nobody_else));
}

asio::awaitable<PagedList::Places> PagedList::prepare(StorePool& store, const Asked& asked)
{
    Places places;
    if (asked.within) {
        const auto& [list, count] = *asked.within;
        co_await totals_.renew(store, list, count);
        auto all = co_await totals_.total(store, list, count, Totals::Estimate::refused);
        places.within = std::move(all.blocks);
    }
    if (!asked.with_total) co_await totals_.renew(store, asked.list, count_of(asked, places));
    co_return places;
}

asio::awaitable<ListPage> PagedList::read(StorePool& store, const Asked& asked, Places places,
                                          SharedReads::Begins begins)
{
    Found found = co_await find(store, asked, std::move(places), std::move(begins));
    write_total(found.page, found.total);
    co_return std::move(found.page);
}

asio::awaitable<PagedList::Found> PagedList::find(StorePool& store, const Asked& asked,
                                                  Places places, SharedReads::Begins begins)
{
    Totals::Total total;
    const bool wants_blocks = asked.with_blocks || asked.offset >= far_offset;
    if (!asked.with_total && wants_blocks) {
        total = co_await totals_.total(store, asked.list, count_of(asked, places),
                                       Totals::Estimate::refused);
        places.rows = total.blocks;
    }
    Budget::Share share = co_await budget_.take(asked.most_bytes);
    const auto find = [&asked, &places](Store& session) { return asked.find(session, places); };
    Found found = co_await store.call(find, std::move(begins));
    if (!found.page.parts.empty()) share.resize(found.page.size());
    found.page.share = std::move(share);
    if (asked.with_total) {
        total.rows = found.total;
    } else if (!total.blocks && is_last_page(asked.offset, asked.limit, found.rows)) {
        total.rows = static_cast<std::int64_t>(asked.offset + found.rows);
    } else if (!total.blocks) {
        total = co_await totals_.total(store, asked.list, count_of(asked, places));
        // An estimate may be less than what is shown.
        const auto shown = static_cast<std::int64_t>(asked.offset + found.rows);
        if (found.rows > 0) total.rows = std::max(total.rows, shown);
    }
    found.total = total.rows;
    co_return found;
}

}  // namespace peercron
