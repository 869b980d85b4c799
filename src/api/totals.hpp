#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "store/lists.hpp"
#include "store/store_pool.hpp"

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>

namespace peercron {

/// Counts a list of the store, or a part of it.
ListCount count(Store& store, const ListFilter& list, const PageHint& hint,
                const std::optional<CountRest>& from);

/// How many rows a list has in all. Counting millions of rows takes seconds, and each page of a
/// list needs the number: so a large count is used again for a time that grows with its cost, and
/// no request waits long for one.
///
/// Exact below 10,000 rows that are found within 2 s. Above, it is the newest count; a request
/// begins the next one when that is older than a hundred times its duration, or a minute. While
/// there is none, and the first has been running for 2 s, it is an estimate from the part already
/// counted. The 200 most recently requested lists are remembered. Lives on the I/O thread.
class Totals {
public:
    struct Total {
        std::int64_t rows = 0;
        std::shared_ptr<const IdBlocks> blocks;  ///< where they are; not with an estimate
    };
    enum class Estimate : std::uint8_t { allowed, refused };

    /// Counts continue in `tasks` after the caller has its answer.
    Totals(StorePool& store, TaskGroup& tasks)
        : store_(store), tasks_(tasks), rest_counted_(tasks.executor())
    {}

    /// Throws StoreError when the rows cannot be counted, unless there is an older total.
    /// @param hint for the store, if the rows have to be counted.
    asio::awaitable<Total> total(ListFilter list, PageHint hint,
                                 Estimate estimate = Estimate::allowed);

    /// Begins a new count if the known one is too old and none is running, and waits a moment for
    /// it: most counts take no longer. A caller should call this before it begins a shared read, so
    /// that no other caller waits for it.
    asio::awaitable<void> renew(ListFilter list, PageHint hint);

private:
    struct Known {
        explicit Known(asio::any_io_executor executor) : news(std::move(executor)) {}
        std::optional<Total> total;  ///< of many
        SteadyTime good_until{};
        SteadyTime used{};  ///< when it was asked for last
        bool is_counting = false;
        SteadyTime begun{};                    ///< of the last count
        std::optional<std::int64_t> estimate;  ///< by the count that is under way
        std::optional<Total> few;              ///< by the last count, if it found no more
        std::exception_ptr error;              ///< of the last count
        Event news;
    };
    using KnownList = std::shared_ptr<Known>;

    void begin(const ListFilter& list, const PageHint& hint, const KnownList& known);
    asio::awaitable<void> count_all(ListFilter list, PageHint hint, KnownList known);
    asio::awaitable<Total> count_parts(ListFilter list, PageHint hint, KnownList known);
    void forget_oldest();

    StorePool& store_;
    TaskGroup& tasks_;
    bool is_counting_rest_ = false;  ///< one long count at a time: pages want sessions, too
    Event rest_counted_;
    std::map<ListFilter, KnownList> known_;
};

}  // namespace peercron
