#include "node/store_readiness.hpp"

#include "base/backoff.hpp"
#include "base/offload.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <utility>
#include <vector>

namespace peercron {

using namespace std::chrono_literals;

StoreReadiness::StoreReadiness(const asio::any_io_executor& executor, const Clock& clock,
                               const Backend& backend, StorePool& store)
    : backend_(backend), store_(store), since_(clock.now()), stopped_(executor)
{}

asio::awaitable<void> StoreReadiness::prepare()
{
    asio::thread_pool thread(1);
    const auto apply = [this] { return backend_.migrate(stop_.get_token()); };
    // A dispatcher that takes over when the store is back waits for this node's copies of steps,
    // though no longer than lease and margin.
    Backoff backoff(co_await asio::this_coro::executor, 500ms, 2s);
    while (!stop_.stop_requested()) {
        std::string trouble;
        try {
            const std::vector<std::string> applied = co_await offload(thread, apply);
            for (const std::string& name : applied) {
                spdlog::info("store: applied migration {}", name);
            }
            is_new_ = !applied.empty();
            is_ready_ = true;
            tell("");
            co_return;
        } catch (const StoreError& error) {
            if (!backend_.waits_for_store() && !stop_.stop_requested()) throw;
            trouble = error.what();
        }
        if (stop_.stop_requested()) {
            spdlog::info("store: {}", trouble);
            co_return;
        }
        tell(std::move(trouble));
        co_await stopped_.wait_for(backoff.next());
    }
}

void StoreReadiness::stop()
{
    stop_.request_stop();
    stopped_.notify();
}

asio::awaitable<Epoch> StoreReadiness::newest_epoch()
{
    const auto read = [](Store& store) { return store.newest_epoch(); };
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    for (;;) {
        std::string trouble;
        try {
            const Epoch newest = co_await store_.call(read);
            tell("");
            co_return newest;
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        tell(std::move(trouble));
        co_await sleep_for(backoff.next());
    }
}

std::optional<StorePool::Trouble> StoreReadiness::trouble() const
{
    if (is_ready_) return std::nullopt;
    return StorePool::Trouble{since_, told_};
}

void StoreReadiness::tell(std::string trouble)
{
    if (trouble == told_) return;
    if (trouble.empty()) {
        spdlog::info("store: ready");
    } else {
        spdlog::warn(
            "store: not ready, so nothing is planned here; this node keeps trying, check that "
            "the database runs and accepts its login: {}",
            trouble);
    }
    told_ = std::move(trouble);
}

}  // namespace peercron
