#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "store/store_pool.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

/// How many rows a list has in all. Counting millions of rows takes seconds, and each page of a
/// list wants to know: so a count of many is used again for a time that grows with what it took,
/// and whoever asks meanwhile waits for no other one.
///
/// Exact below 10,000 rows that are found within 2 s. Above, it is as old as a hundred counts take
/// and a minute at most. Lives on the I/O thread.
class Totals {
public:
    struct Total {
        std::int64_t rows = 0;
        std::shared_ptr<const IdBlocks> blocks;  ///< where they are, when there are many
    };
    using Count = std::function<Total(Store&)>;

    /// @param list names the list and its filters. Throws what `count` throws.
    asio::awaitable<Total> total(StorePool& store, std::string list, Count count);

    /// Counts anew what is known and too old by now, unless somebody is about it. total() does so
    /// as well; but who calls this first keeps nobody waiting who shares what he goes on to do.
    asio::awaitable<void> renew(StorePool& store, std::string list, Count count);

private:
    struct Known {
        explicit Known(asio::any_io_executor executor) : counted(std::move(executor)) {}
        std::optional<Total> total;
        SteadyTime good_until{};
        bool is_counting = false;
        Event counted;
    };
    asio::awaitable<Total> count_anew(StorePool& store, std::string list, Count count,
                                      std::shared_ptr<Known> known);

    std::map<std::string, std::shared_ptr<Known>> known_;
};

}  // namespace peercron
