#include "http/paged_list.hpp"

#include "store/id_blocks.hpp"

namespace peercron {

asio::awaitable<Response> PagedList::answer(StorePool& store, Asked asked)
{
    const auto read_page = [this, &store, &asked](SharedReads::Begins begins) {
        return read(store, asked, std::move(begins));
    };
    if (!asked.with_total) co_await totals_.renew(store, asked.list, asked.count);
    auto page = co_await reads_.read(asked.page, read_page);
    co_return answer_with(std::move(page));
}

asio::awaitable<ListPage> PagedList::read(StorePool& store, const Asked& asked,
                                          SharedReads::Begins begins)
{
    Totals::Total total;
    const bool wants_blocks = asked.with_blocks || asked.offset >= far_offset;
    if (!asked.with_total && wants_blocks) {
        total = co_await totals_.total(store, asked.list, asked.count, Totals::Estimate::refused);
    }
    const auto find = [&asked, &total](Store& session) {
        return asked.find(session, total.blocks);
    };
    Found found = co_await store.call(find, std::move(begins));
    if (asked.with_total) {
        total.rows = found.total;
    } else if (!total.blocks && is_last_page(asked.offset, asked.limit, found.rows)) {
        total.rows = static_cast<std::int64_t>(asked.offset + found.rows);
    } else if (!total.blocks) {
        total = co_await totals_.total(store, asked.list, asked.count);
    }
    write_total(found.page, total.rows);
    co_return std::move(found.page);
}

}  // namespace peercron
