#include "api/totals.hpp"

#include "base/contain.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <variant>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// Fewer are counted for each page, unless finding them takes long.
constexpr std::int64_t many = 10'000;
constexpr auto long_time = 2s;
constexpr int reuse = 100;  // times what the count took
constexpr Steady::duration longest_reuse = 1min;
/// How long a page waits for a newer total than the one that is known.
constexpr auto short_time = 100ms;
/// Filters are chosen by whoever asks: they must not fill the memory.
constexpr std::size_t most_lists = 200;

/// How many there will be in all, when those that are not counted lie as close.
std::int64_t extrapolate(std::int64_t rows, const CountRest& rest)
{
    const auto counted = static_cast<double>(rest.top - rest.before);
    const auto all = static_cast<double>(rest.top - rest.first);
    return static_cast<std::int64_t>(static_cast<double>(rows) * all / std::max(counted, 1.0));
}

}  // namespace

ListCount count(Store& store, const ListFilter& list, const PageHint& hint,
                const std::optional<CountRest>& from)
{
    if (const auto* const log = std::get_if<LogFilter>(&list)) {
        return store.count_log(*log, hint, from);
    }
    return store.count_jobs(std::get<JobFilter>(list));
}

asio::awaitable<Totals::Total> Totals::total(ListFilter list, PageHint hint, Estimate estimate)
{
    const auto executor = co_await asio::this_coro::executor;
    KnownList& place = known_[list];
    if (!place) place = std::make_shared<Known>(executor);
    const KnownList known = place;
    known->used = Steady::now();
    if (known->total) co_return *known->total;
    const bool was_counting = known->is_counting;
    if (!was_counting) begin(list, hint, known);
    const SteadyTime patience = known->begun + long_time;
    while (known->is_counting) {
        const bool is_patient = Steady::now() < patience;
        if (!is_patient && known->estimate && estimate == Estimate::allowed) {
            co_return Total{*known->estimate, nullptr};
        }
        const SteadyTime limit = is_patient ? patience : SteadyTime::max();
        co_await known->news.wait_until(limit);
    }
    if (known->error) std::rethrow_exception(known->error);
    if (known->total) co_return *known->total;
    if (!was_counting && known->few) co_return *known->few;
    // There are few, so everybody gets what is true after he asked; or this node is about to end.
    co_return co_await count_parts(std::move(list), std::move(hint), nullptr);
}

asio::awaitable<void> Totals::renew(ListFilter list, PageHint hint)
{
    const auto place = known_.find(list);
    if (place == known_.end()) co_return;
    const KnownList known = place->second;
    known->used = Steady::now();
    if (!known->total || known->is_counting || Steady::now() < known->good_until) co_return;
    begin(list, hint, known);
    const SteadyTime patience = Steady::now() + short_time;
    while (known->is_counting && Steady::now() < patience) {
        co_await known->news.wait_until(patience);
    }
}

void Totals::begin(const ListFilter& list, const PageHint& hint, const KnownList& known)
{
    if (tasks_.is_cancelled()) return;
    known->is_counting = true;
    known->begun = Steady::now();
    known->error = nullptr;
    const std::string name = "count of rows";
    tasks_.spawn(name, contain(name, count_all(list, hint, known)));
}

asio::awaitable<void> Totals::count_all(ListFilter list, PageHint hint, KnownList known)
{
    // Also when it is cancelled: nobody must wait for ever.
    struct Counting {
        Totals& totals;
        const ListFilter& list;
        const KnownList& known;
        ~Counting()
        {
            known->is_counting = false;
            known->estimate.reset();
            known->news.notify();
            if (!known->total) totals.known_.erase(list);
        }
    } counting{*this, list, known};
    try {
        Total total = co_await count_parts(list, std::move(hint), known);
        const auto took = Steady::now() - known->begun;
        if (total.rows >= many || took >= long_time) {
            known->total = std::move(total);
            known->good_until = Steady::now() + std::min(took * reuse, longest_reuse);
            forget_oldest();
        } else {
            known->total.reset();
            known->few = std::move(total);
        }
    } catch (const StoreError& error) {
        spdlog::debug("http: a list could not be counted: {}", error.what());
        known->error = std::current_exception();
        known->good_until = Steady::now() + long_time;
    }
}

/// Makes room by the lists that nobody has asked for since long ago.
void Totals::forget_oldest()
{
    while (known_.size() > most_lists) {
        const auto age = [](const auto& list) {
            return list.second->is_counting ? SteadyTime::max() : list.second->used;
        };
        const auto oldest = std::ranges::min_element(known_, {}, age);
        if (oldest->second->is_counting) break;
        known_.erase(oldest);
    }
}

asio::awaitable<Totals::Total> Totals::count_parts(ListFilter list, PageHint hint, KnownList known)
{
    /// Of those who count what comes after their first part.
    struct Turn {
        Totals& totals;
        bool is_taken = false;
        ~Turn()
        {
            if (!is_taken) return;
            totals.is_counting_rest_ = false;
            totals.rest_counted_.notify();
        }
    };
    Total total;
    IdBlocks all;
    std::optional<CountRest> rest;
    do {
        Turn turn{*this};
        if (rest) {
            while (is_counting_rest_) co_await rest_counted_.wait();
            is_counting_rest_ = turn.is_taken = true;
        }
        const auto count_next = [&list, &hint, &rest](Store& session) {
            return count(session, list, hint, rest);
        };
        ListCount part = co_await store_.call(count_next);
        total.rows += part.rows;
        all.end = std::max(all.end, part.blocks.end);
        all.blocks.insert(all.blocks.begin(), part.blocks.blocks.begin(), part.blocks.blocks.end());
        rest = part.rest;
        if (known && rest) {
            known->estimate = extrapolate(total.rows, *rest);
            known->news.notify();
        }
    } while (rest);
    total.blocks = std::make_shared<const IdBlocks>(std::move(all));
    co_return total;
}

}  // namespace peercron
