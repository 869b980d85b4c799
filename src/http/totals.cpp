#include "http/totals.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// Fewer are counted for each page, unless finding them takes long.
constexpr std::int64_t many = 10'000;
constexpr auto long_time = 2s;
constexpr int reuse = 100;  // times what the count took
constexpr Steady::duration longest_reuse = 1min;
/// Filters are chosen by whoever asks: they must not fill the memory.
constexpr std::size_t most_lists = 200;

}  // namespace

asio::awaitable<Totals::Total> Totals::total(StorePool& store, std::string list, Count count)
{
    const auto executor = co_await asio::this_coro::executor;
    std::shared_ptr<Known>& place = known_[list];
    if (!place) place = std::make_shared<Known>(executor);
    const std::shared_ptr<Known> known = place;
    if (known->total && (known->is_counting || Steady::now() < known->good_until)) {
        co_return *known->total;
    }
    if (!known->is_counting) {
        co_return co_await count_anew(store, std::move(list), std::move(count), known);
    }
    while (known->is_counting) co_await known->counted.wait();
    if (known->total) co_return *known->total;
    // There are few, so everybody gets the exact number.
    co_return co_await store.call(std::move(count));
}

asio::awaitable<void> Totals::renew(StorePool& store, std::string list, Count count)
{
    const auto place = known_.find(list);
    if (place == known_.end()) co_return;
    const std::shared_ptr<Known> known = place->second;
    if (!known->total || known->is_counting || Steady::now() < known->good_until) co_return;
    co_await count_anew(store, std::move(list), std::move(count), known);
}

asio::awaitable<Totals::Total> Totals::count_anew(StorePool& store, std::string list, Count count,
                                                  std::shared_ptr<Known> known)
{
    // Also when the caller gives up: the others must not wait for ever.
    struct Counting {
        Totals& totals;
        std::string list;
        std::shared_ptr<Known> known;
        ~Counting()
        {
            known->is_counting = false;
            known->counted.notify();
            if (!known->total) totals.known_.erase(list);
        }
    } counting{*this, std::move(list), known};
    known->is_counting = true;
    const Steady::time_point begun = Steady::now();
    const Total total = co_await store.call(std::move(count));
    const auto took = Steady::now() - begun;
    const bool is_costly = total.rows >= many || took >= long_time;
    if (is_costly && known_.size() <= most_lists) {
        known->total = total;
        known->good_until = Steady::now() + std::min(took * reuse, longest_reuse);
    } else {
        known->total.reset();
    }
    co_return total;
}

}  // namespace peercron
