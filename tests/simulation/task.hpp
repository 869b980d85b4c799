#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace peercron::simulation {

template <class T>
class Task;

/// What the promises of all tasks share.
class TaskPromise {
public:
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept
        {
            const TaskPromise& promise = done.promise();
            return promise.waiter_ ? promise.waiter_ : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception()
    {
        if (!waiter_) throw;  // a task of its own: nobody would hear of it
        failure_ = std::current_exception();
    }

    void set_waiter(std::coroutine_handle<> waiter) { waiter_ = waiter; }

protected:
    void rethrow() const
    {
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    std::coroutine_handle<> waiter_;
    std::exception_ptr failure_;
};

template <class T>
class ValuePromise : public TaskPromise {
public:
    Task<T> get_return_object();
    void return_value(T value) { value_ = std::move(value); }
    T result()
    {
        rethrow();
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
};

class VoidPromise : public TaskPromise {
public:
    Task<void> get_return_object();
    void return_void() const {}
    void result() const { rethrow(); }
};

/// A coroutine of the simulation. It starts when it is awaited, or by start(); destroying it
/// destroys its frame and everything that it awaits, wherever it is: the way a killed process goes.
template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = std::conditional_t<std::is_void_v<T>, VoidPromise, ValuePromise<T>>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task()
    {
        if (handle_) handle_.destroy();
    }

    void start() { handle_.resume(); }
    bool done() const { return handle_.done(); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter)
    {
        handle_.promise().set_waiter(waiter);
        return handle_;
    }
    T await_resume() { return handle_.promise().result(); }

private:
    Handle handle_;
};

template <class T>
Task<T> ValuePromise<T>::get_return_object()
{
    return Task<T>(std::coroutine_handle<ValuePromise<T>>::from_promise(*this));
}

inline Task<void> VoidPromise::get_return_object()
{
    return Task<void>(std::coroutine_handle<VoidPromise>::from_promise(*this));
}

}  // namespace peercron::simulation
