#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace peercron {

namespace asio = boost::asio;

namespace detail {

/// What a job returned or threw.
template <class Value>
class JobOutcome {
public:
    template <class F>
    void take_from(F& job)
    {
        try {
            if constexpr (std::is_void_v<Value>) {
                job();
            } else {
                value_.emplace(job());
            }
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

    Value give()
    {
        if (failure_) std::rethrow_exception(failure_);
        if constexpr (!std::is_void_v<Value>) return *std::move(value_);
    }

private:
    using Kept = std::conditional_t<std::is_void_v<Value>, std::monostate, Value>;

    std::optional<Kept> value_;
    std::exception_ptr failure_;
};

}  // namespace detail

/// Runs the blocking `job` on `pool` and resumes the caller on its own executor.
///
/// What `job` throws is thrown here. A job that has begun runs to its end even when the caller is
/// cancelled: a blocking call has no safe point to stop at. The pool gets the job alone: a
/// coroutine spawned there would wake a second thread for its end, and Boost 1.81 races when it
/// cancels a co_spawn across executors (Asio issue 1332).
template <class F>
asio::awaitable<std::invoke_result_t<F&>> offload(asio::thread_pool& pool, F job)
{
    detail::JobOutcome<std::invoke_result_t<F&>> outcome;
    const asio::any_io_executor caller = co_await asio::this_coro::executor;
    const auto begin = [&pool, &job, &outcome, &caller](auto resume) {
        // It keeps the caller's loop running, and outlives what it resumes.
        auto guard = asio::make_work_guard(caller);
        auto work = [&job, &outcome, resume = std::move(resume),
                     guard = std::move(guard)]() mutable {
            outcome.take_from(job);
            asio::post(guard.get_executor(), std::move(resume));
        };
        asio::post(pool, std::move(work));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(begin,
                                                                          asio::use_awaitable);
    co_return outcome.give();
}

}  // namespace peercron
