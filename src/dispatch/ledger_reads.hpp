#pragma once

#include "base/result.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/until_it_works.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace peercron {

/// How the readers of a term read the ledger beside the dispatch loop. A ledger that lacks steps
/// does not know of all rows, so each read first waits for the steps that were added before it.
///
/// A query is a function (Store&, WallTime) of the store's thread; its time is when that attempt
/// began. Lives on the I/O thread; outlives every call.
class LedgerReads {
public:
    template <class Query>
    using Answer = std::invoke_result_t<const Query&, Store&, WallTime>;

    /// @param wake has the dispatch loop look at what the readers have told the rules.
    LedgerReads(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                StepWriter& writer, std::function<void()> wake)
        : executor_(std::move(executor)),
          clock_(clock),
          store_(store),
          writer_(writer),
          wake_(std::move(wake))
    {}

    const asio::any_io_executor& executor() const { return executor_; }
    Moment now() const { return clock_.now(); }
    void wake() const { wake_(); }

    /// What `query` returns; waits for as long as the store is away.
    template <class Query>
    asio::awaitable<Answer<Query>> read(const Retry& retry, const Query& query) const
    {
        co_await writer_.store_added();
        const auto attempt = [this, &query] { return ask(query); };
        co_return co_await until_it_works(retry, attempt);
    }

    /// The same for a person who waits: an Error when the store is away or fails.
    template <class Query>
    asio::awaitable<Result<Answer<Query>>> try_read(const Query& query) const
    {
        const std::uint64_t added = writer_.added();
        while (writer_.stored() < added && !writer_.is_away()) co_await writer_.changed().wait();
        if (writer_.stored() < added) co_return Error{"the ledger cannot be written at the moment"};
        std::optional<Answer<Query>> answer;
        std::string trouble;
        try {
            Answer<Query> found = co_await ask(query);
            answer.emplace(std::move(found));
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        if (!answer) co_return Error{std::move(trouble)};
        co_return *std::move(answer);
    }

private:
    /// Throws StoreError.
    template <class Query>
    asio::awaitable<Answer<Query>> ask(const Query& query) const
    {
        const auto work = [&query, now = clock_.now().wall](Store& store) {
            return query(store, now);
        };
        co_return co_await store_.call(work);
    }

    const asio::any_io_executor executor_;
    const PlanClock& clock_;
    StorePool& store_;
    StepWriter& writer_;
    const std::function<void()> wake_;
};

}  // namespace peercron
