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
    using Count = std::function<std::int64_t(Store&)>;

    /// @param list names the list and its filters. Throws what `count` throws.
    asio::awaitable<std::int64_t> total(StorePool& store, std::string list, Count count);

private:
    struct Known {
        explicit Known(asio::any_io_executor executor) : counted(std::move(executor)) {}
        std::optional<std::int64_t> total;
        SteadyTime good_until{};
        bool is_counting = false;
        Event counted;
    };
    asio::awaitable<std::int64_t> count_anew(StorePool& store, std::string list, Count count,
                                             std::shared_ptr<Known> known);

    std::map<std::string, std::shared_ptr<Known>> known_;
};

}  // namespace peercron
