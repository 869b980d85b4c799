#pragma once

#include "api/list_page.hpp"
#include "api/shared_reads.hpp"
#include "api/totals.hpp"
#include "store/store.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

/// A list that is shown page by page, and what it remembers from request to request: a page is read
/// once for all requests that wait for it (SharedReads), and the rows are not counted again for
/// each page (Totals). Lives on the I/O thread; outlives every call.
class PagedList {
public:
    /// See Totals.
    PagedList(TaskGroup& tasks, Budget& budget) : totals_(tasks), budget_(budget) {}

    struct Found {
        ListPage page;           ///< up to its last row
        std::size_t rows = 0;    ///< how many it has
        std::int64_t total = 0;  ///< of the list; as `find` returns it only when Asked::with_total
    };
    /// Where rows are, as far as that is known.
    struct Places {
        std::shared_ptr<const IdBlocks> rows;    ///< those of the list
        std::shared_ptr<const IdBlocks> within;  ///< those of Asked::within
    };
    /// Another list.
    struct Outer {
        std::string list;  ///< names its filters
        Totals::Count count;
    };
    struct Asked {
        std::string list;  ///< names the filters
        std::string page;  ///< names filters and page
        std::size_t offset = 0;
        std::size_t limit = 0;
        std::size_t most_bytes = 0;  ///< how much memory its rows may take
        bool with_total = false;     ///< `find` counts, too: nobody else will ask for these rows
        bool with_blocks = false;    ///< also for the first pages: see far_offset
        /// Has all rows of the list, and is counted first: no others need to be looked at.
        std::optional<Outer> within;
        std::function<Found(Store&, const Places&)> find;  ///< reads the page
        /// Counts the rows of the list, as Totals::Count does.
        std::function<Totals::Part(Store&, const std::optional<CountRest>&, const Places&)> count;
    };

    /// Throws what `find` and `count` throw.
    asio::awaitable<Response> answer(StorePool& store, Asked asked);

    /// The same for one caller alone, as `find` returns it.
    asio::awaitable<Found> find(StorePool& store, Asked asked);

private:
    asio::awaitable<Places> prepare(StorePool& store, const Asked& asked);
    asio::awaitable<ListPage> read(StorePool& store, const Asked& asked, Places places,
                                   SharedReads::Begins begins);
    asio::awaitable<Found> find(StorePool& store, const Asked& asked, Places places,
                                SharedReads::Begins begins);

    Totals totals_;
    Budget& budget_;
    SharedReads reads_;
};

}  // namespace peercron
