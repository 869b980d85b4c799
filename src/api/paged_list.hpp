#pragma once

#include "api/list_text.hpp"
#include "api/shared_reads.hpp"
#include "api/totals.hpp"
#include "store/lists.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace peercron {

/// Lists that are shown page by page, and what is remembered of them from request to request: a
/// page is read once for all requests that wait for it (SharedReads), and the rows are not counted
/// again for each page (Totals), whose counts also say where a far page is. Lives on the I/O
/// thread; outlives every call.
class PagedList {
public:
    /// See Totals.
    PagedList(StorePool& store, TaskGroup& tasks, Budget& budget)
        : store_(store), totals_(store, tasks), budget_(budget)
    {}

    struct Request {
        ListFilter filter;
        Slice slice;
        std::size_t most_bytes = 0;  ///< how much memory the rows of the page may take
        /// Reads the page, and writes it up to its last row; on the store's thread.
        std::function<ListPage(Store&, const PageHint&)> read = nullptr;
    };
    struct Found {
        ListPage page;           ///< as `read` returns it
        std::int64_t total = 0;  ///< how many rows the list has
    };

    /// The page as an answer. Throws what `read` throws, StoreError, and HttpError 503 when no
    /// memory is free in time.
    asio::awaitable<Response> answer(Request request);

    /// The same for one caller alone, before it is an answer.
    asio::awaitable<Found> find(Request request);

private:
    asio::awaitable<PageHint> prepare(const Request& request);
    asio::awaitable<ListPage> read(const Request& request, PageHint hint,
                                   SharedReads::Begins begins);
    asio::awaitable<Found> find(const Request& request, PageHint hint, SharedReads::Begins begins);

    StorePool& store_;
    Totals totals_;
    Budget& budget_;
    SharedReads reads_;
};

}  // namespace peercron
