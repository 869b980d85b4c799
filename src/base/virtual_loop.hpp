#pragma once

#include "base/clock.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>

namespace peercron {

namespace asio = boost::asio;

/// What an io_context is for the program, without threads, without the kernel and without a clock:
/// a derived class says when time passes. Coroutines, co_spawn() and cancellation work on it
/// unchanged, and so does everything that waits by a Timer; a socket does not.
///
/// What is ready runs at the same moment, first come, first served. That order, the time and draw()
/// are all that decides the course of events, so the same input gives the same course.
///
/// Only tests and simulations make one. A derived class calls drop_all() in its destructor. Belongs
/// to one thread.
class VirtualLoop : public asio::execution_context {
public:
    class Executor;

    /// Somebody waits for a moment (see Timer). Belongs to the loop until it completes.
    class Wait {
    public:
        Wait() = default;
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;
        virtual ~Wait() = default;

        /// `in_time`: the moment has come; otherwise the wait was cancelled.
        virtual void complete(bool in_time) = 0;

        bool is_pending() const { return is_pending_; }

    private:
        friend class VirtualLoop;

        bool is_pending_ = false;
        Wait* previous_ = nullptr;
        Wait* next_ = nullptr;
        Wait** held_by_ = nullptr;
        std::uint64_t alarm_ = 0;
    };

    virtual ~VirtualLoop() = default;

    Executor executor();

    virtual SteadyTime now() const = 0;

    /// A number drawn by chance: a seed for whatever has to be left to chance.
    virtual std::uint64_t draw() = 0;

    /// Does `first` as a part of the loop, and then all that has become ready. To be used for
    /// whatever enters from outside, such as a message that arrives or a cancellation: dispatched
    /// from outside, co_spawn of Boost 1.81 lets one come after its coroutine has gone.
    template <class F>
    void work(F first)
    {
        const bool is_nested = std::exchange(is_working_, true);
        first();
        if (!is_nested) run_ready();
        is_working_ = is_nested;
    }

    /// Destroys what waits and what is ready, and runs none of it: every coroutine ends where it
    /// stands, as when a process is killed. Only destructors run. Afterwards the objects that the
    /// coroutines referred to may go.
    void drop_all();
    bool is_dropped() const { return is_dropped_; }

    /// Starts a wait. `held_by` points to it until it completes.
    void start(SteadyTime when, std::unique_ptr<Wait> wait, Wait*& held_by);

    /// Ends a wait before its moment: it completes as soon as what is ready has run. Does nothing
    /// when it is no longer pending.
    void cancel(Wait& wait);

protected:
    VirtualLoop() = default;

    /// Something is ready while nothing of the loop runs: work() is to be called before time
    /// passes.
    virtual void call_soon() = 0;

    /// expire() is to be called at that moment, unless stop_alarm() is called first. Returns a
    /// number by which stop_alarm() knows it; not 0.
    virtual std::uint64_t set_alarm(SteadyTime when, Wait& wait) = 0;
    virtual void stop_alarm(std::uint64_t alarm) = 0;

    /// The moment that `wait` waits for has come.
    void expire(Wait& wait);

private:
    class Work {
    public:
        Work() = default;
        Work(const Work&) = delete;
        Work& operator=(const Work&) = delete;
        virtual ~Work() = default;
        virtual void run() = 0;
    };
    class Cancelled;

    void post(std::unique_ptr<Work> work);
    void run_ready();
    std::unique_ptr<Wait> take(Wait& wait);

    std::deque<std::unique_ptr<Work>> ready_;
    Wait* first_ = nullptr;  // of those that wait, in no order that matters
    bool is_working_ = false;
    bool is_dropped_ = false;
};

/// Runs functions on a VirtualLoop; as io_context's executor, dispatch() from within the loop runs
/// the function at once.
class VirtualLoop::Executor {
public:
    explicit Executor(VirtualLoop& loop) : Executor(loop, asio::execution::blocking.possibly) {}

    VirtualLoop& loop() const { return *loop_; }

    VirtualLoop& query(asio::execution::context_t) const noexcept { return *loop_; }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept
    {
        return blocking_;
    }
    Executor require(asio::execution::blocking_t::never_t never) const { return {*loop_, never}; }
    // Without this co_spawn of Boost 1.81 posts a cancellation that outlives its signal.
    Executor require(asio::execution::blocking_t::possibly_t possibly) const
    {
        return {*loop_, possibly};
    }

    template <class F>
    void execute(F&& function) const
    {
        using Function = std::decay_t<F>;
        const bool may_block = blocking_ == asio::execution::blocking.possibly;
        if (may_block && loop_->is_working_) {
            Function here(std::forward<F>(function));
            std::move(here)();
            return;
        }
        class Call final : public Work {
        public:
            explicit Call(F&& posted) : function_(std::forward<F>(posted)) {}
            void run() override { std::move(function_)(); }

        private:
            Function function_;
        };
        loop_->post(std::make_unique<Call>(std::forward<F>(function)));
    }

    friend bool operator==(const Executor& a, const Executor& b) noexcept
    {
        return a.loop_ == b.loop_ && a.blocking_ == b.blocking_;
    }
    friend bool operator!=(const Executor& a, const Executor& b) noexcept { return !(a == b); }

private:
    Executor(VirtualLoop& loop, asio::execution::blocking_t blocking)
        : loop_(&loop), blocking_(blocking)
    {}

    VirtualLoop* loop_;
    asio::execution::blocking_t blocking_;
};

inline VirtualLoop::Executor VirtualLoop::executor()
{
    return Executor(*this);
}

/// The loop that the executor belongs to; null: none, so it is a real one.
VirtualLoop* virtual_loop_of(const asio::any_io_executor& executor);

/// The time by which the timers of that executor run.
SteadyTime steady_now(const asio::any_io_executor& executor);

/// A seed: in a VirtualLoop of the loop's choice, otherwise by the machine's chance.
std::uint64_t random_seed(const asio::any_io_executor& executor);

}  // namespace peercron
