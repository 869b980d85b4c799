#pragma once

#include "base/backoff.hpp"
#include "base/event.hpp"
#include "store/store.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

namespace peercron {

/// How something that needs the store is tried again.
struct Retry {
    /// What is logged, once, before the cause: "dispatch: the store does not …"; "" = nothing.
    std::string trouble;
    std::chrono::milliseconds first_pause{100};
    std::chrono::milliseconds longest_pause{2000};
    /// Called after each pause; throws when there is no point in going on. May be empty.
    std::function<void()> check = {};
};

/// Runs `attempt`, a function that returns an awaitable, until it does not throw StoreError, and
/// returns what it returns. Other exceptions pass.
template <class Attempt>
std::invoke_result_t<const Attempt&> until_it_works(const Retry& retry, const Attempt& attempt)
{
    Backoff backoff(co_await asio::this_coro::executor, retry.first_pause, retry.longest_pause);
    bool is_told = retry.trouble.empty();
    for (;;) {
        std::string trouble;
        try {
            co_return co_await attempt();
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        if (!std::exchange(is_told, true)) {
            spdlog::warn("{}, trying again: {}", retry.trouble, trouble);
        }
        co_await sleep_for(backoff.next());
        if (retry.check) retry.check();
    }
}

}  // namespace peercron
