#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <type_traits>
#include <utility>

namespace peercron {

namespace asio = boost::asio;

namespace detail {

template <class F>
asio::awaitable<std::invoke_result_t<F&>> call(F job)
{
    co_return job();
}

}  // namespace detail

/// Runs the blocking `job` on `pool` and resumes the caller on its own executor.
///
/// What `job` throws is thrown here. A job that has begun runs to its end even
/// when the caller is cancelled: a blocking call has no safe point to stop at, and
/// Boost 1.81 races when it cancels a co_spawn across executors (Asio issue 1332).
template <class F>
asio::awaitable<std::invoke_result_t<F&>> offload(asio::thread_pool& pool, F job)
{
    auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    co_return co_await asio::co_spawn(pool, detail::call(std::move(job)), std::move(uncancelled));
}

}  // namespace peercron
