#include "dispatch/retention.hpp"

#include "base/event.hpp"
#include "dispatch/dispatcher_metrics.hpp"
#include "dispatch/until_it_works.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto interval = 1min;
/// One deletion should not take longer; in SQLite nobody else can write meanwhile.
constexpr auto good_time = 25ms;
constexpr std::size_t most_at_once = 1000;
constexpr std::size_t least_at_once = 10;

}  // namespace

asio::awaitable<void> Retention::run()
{
    Retry retry;
    retry.trouble = "retention: old rows of the ledger cannot be deleted";
    retry.first_pause = 1s;
    retry.longest_pause = 1min;
    const auto attempt = [this] { return delete_all(); };
    for (;;) {
        co_await until_it_works(retry, attempt);
        if (const std::size_t deleted = std::exchange(deleted_, 0); deleted > 0) {
            spdlog::info("retention: deleted {} rows of the ledger that were older than {} days",
                         deleted, keep_ / 24h);
        }
        co_await sleep_for(interval);
    }
}

/// Throws StoreError.
asio::awaitable<void> Retention::delete_all()
{
    for (bool is_more = true; is_more;) is_more = co_await delete_some();
}

/// Says whether there may be more.
asio::awaitable<bool> Retention::delete_some()
{
    const std::size_t limit = at_once_;
    const auto work = [keep = keep_, now = clock_.now(), limit](Store& store) {
        return store.delete_expired(keep, now, limit);
    };
    const SteadyTime begun = clock_.steady_now();
    const std::size_t deleted = co_await store_.call(work);
    const auto took = clock_.steady_now() - begun;
    deleted_ += deleted;
    metrics_.expired(deleted);
    if (took > 2 * good_time) {
        at_once_ = std::max(least_at_once, limit / 2);
    } else if (took < good_time / 2 && deleted == limit) {
        at_once_ = std::min(most_at_once, limit * 2);
    }
    if (deleted < limit) co_return false;
    co_await sleep_for(pause_after(took));
    co_return true;
}

}  // namespace peercron
