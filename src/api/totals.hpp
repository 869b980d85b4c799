#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "store/store_pool.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

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
    /// A part of a count.
    struct Part {
        std::int64_t rows = 0;
        IdBlocks blocks;
        std::optional<CountRest> rest;  ///< none = that was all
    };
    /// Counts the first part, or the one that is to come next.
    using Count = std::function<Part(Store&, const std::optional<CountRest>& from)>;
    enum class Estimate : std::uint8_t { allowed, refused };

    /// Counts continue in `tasks` after the caller has its answer.
    explicit Totals(TaskGroup& tasks) : tasks_(tasks), rest_counted_(tasks.executor()) {}

    /// @param list names the list and its filters. Throws what `count` throws, unless there is an
    /// older total.
    asio::awaitable<Total> total(StorePool& store, std::string list, Count count,
                                 Estimate estimate = Estimate::allowed);

    /// Begins a new count if the known one is too old and none is running, and waits a moment for
    /// it: most counts take no longer. A caller should call this before it begins a shared read, so
    /// that no other caller waits for it.
    asio::awaitable<void> renew(StorePool& store, std::string list, Count count);

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

    void begin(StorePool& store, const std::string& list, Count count, const KnownList& known);
    asio::awaitable<void> count_all(StorePool& store, std::string list, Count count,
                                    KnownList known);
    asio::awaitable<Total> count_parts(StorePool& store, Count count, KnownList known);
    void forget_oldest();

    TaskGroup& tasks_;
    bool is_counting_rest_ = false;  ///< one long count at a time: pages want sessions, too
    Event rest_counted_;
    std::map<std::string, KnownList> known_;
};

}  // namespace peercron
