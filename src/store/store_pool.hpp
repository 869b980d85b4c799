#pragma once

#include "base/clock.hpp"
#include "base/timer.hpp"
#include "store/store.hpp"
#include "store/store_sessions.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace peercron {

/// Sessions with the store, for coroutines of the I/O thread.
///
///     const auto find = [id](Store& store) { return store.find_job(id); };
///     const auto job = co_await pool.call(find);
///
/// Calls wait for a free session in the order they came; one that is cancelled leaves the queue.
/// Each kind of work has a pool of its own, so that a slow list request never delays a commit.
/// Lives on the I/O thread; outlives every call.
class StorePool {
public:
    using Open = SessionThreads::Open;

    /// The cause when the database ends a call at its time limit (TookTooLong).
    enum class TooLong : std::uint8_t {
        caller,  ///< it asked for too much; the store works
        store,   ///< all calls here are small, so the store fails
    };

    /// Sessions on threads of their own; see SessionThreads.
    StorePool(asio::any_io_executor io, std::size_t sessions, const Open& open,
              TooLong too_long = TooLong::caller);
    StorePool(asio::any_io_executor io, const Clock& clock, std::unique_ptr<StoreSessions> sessions,
              TooLong too_long);

    /// Runs `job` on a session; throws what it throws. A job that has begun runs to its end even
    /// when the caller is cancelled.
    template <class F>
    asio::awaitable<std::invoke_result_t<F&, Store&>> call(F job)
    {
        return call(std::move(job), [] {});
    }

    /// The same; `begins` is called here, on the I/O thread, when there is a session for the job
    /// and it is about to run.
    template <class F, class Begins>
    asio::awaitable<std::invoke_result_t<F&, Store&>> call(F job, Begins begins)
    {
        // Released by the guard's destructor, on the I/O thread.
        const Loan loan = co_await borrow();
        Stopwatch watch(*this);
        begins();
        try {
            using Value = std::invoke_result_t<F&, Store&>;
            if constexpr (std::is_void_v<Value>) {
                const StoreSessions::Job work = [&job](Store& store) { job(store); };
                co_await sessions_->run(loan.slot(), work);
                co_return;
            } else {
                std::optional<Value> outcome;
                const StoreSessions::Job work = [&job, &outcome](Store& store) {
                    outcome.emplace(job(store));
                };
                co_await sessions_->run(loan.slot(), work);
                co_return std::move(*outcome);
            }
        } catch (const TookTooLong& error) {
            if (too_long_ == TooLong::store) watch.trouble = error.what();
            throw;
        } catch (const StoreError& error) {
            watch.trouble = error.what();
            throw;
        }
    }

    /// Since when calls have failed because of the store, and the newest failure. Not set: the call
    /// that ended last did not fail.
    struct Trouble {
        WallTime since{};
        std::string why;
    };
    const std::optional<Trouble>& trouble() const { return trouble_; }

    /// `observe` is told after each call how long it took, and whether it failed because of the
    /// store.
    using Observe = std::function<void(std::chrono::steady_clock::duration took, bool failed)>;
    void observe(Observe observe) { observe_ = std::move(observe); }

private:
    class Loan {
    public:
        Loan(StorePool& pool, std::size_t slot) : pool_(&pool), slot_(slot) {}
        Loan(Loan&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_)
        {}
        Loan& operator=(Loan&&) = delete;
        ~Loan();
        std::size_t slot() const { return slot_; }

    private:
        StorePool* pool_;
        std::size_t slot_;
    };

    /// Notes how a call went when it ends.
    struct Stopwatch {
        explicit Stopwatch(StorePool& measured)
            : pool(measured), begun(measured.clock_.steady_now())
        {}
        Stopwatch(const Stopwatch&) = delete;
        Stopwatch& operator=(const Stopwatch&) = delete;
        ~Stopwatch()
        {
            const bool failed = trouble.has_value();
            pool.note(std::move(trouble));
            if (pool.observe_) pool.observe_(pool.clock_.steady_now() - begun, failed);
        }

        StorePool& pool;
        const SteadyTime begun;
        std::optional<std::string> trouble;
    };

    /// A call that waits. It gets the slot of the call that ends, so none can overtake it.
    struct Waiter {
        explicit Waiter(const asio::any_io_executor& io) : woken(io, SteadyTime::max()) {}

        Timer woken;  // never expires; cancelled when the slot is there
        std::optional<std::size_t> slot;
    };
    class Place;

    asio::awaitable<Loan> borrow();
    void release(std::size_t slot);
    void note(std::optional<std::string> trouble);

    asio::any_io_executor io_;
    const Clock& clock_;
    const TooLong too_long_;
    std::vector<std::size_t> free_;  // empty while somebody waits
    std::list<Waiter> waiting_;
    Observe observe_;
    std::optional<Trouble> trouble_;
    std::unique_ptr<StoreSessions> sessions_;
};

/// How long background work, which makes one call after another, pauses after a call that took this
/// long: it leaves four fifths of the time to others.
inline std::chrono::steady_clock::duration pause_after(std::chrono::steady_clock::duration took)
{
    constexpr std::chrono::milliseconds shortest{20};
    return std::max<std::chrono::steady_clock::duration>(4 * took, shortest);
}

}  // namespace peercron
