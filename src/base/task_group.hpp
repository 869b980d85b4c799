#pragma once

#include "base/timer.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <list>
#include <memory>
#include <string>

namespace peercron {

namespace asio = boost::asio;

/// Long-running coroutines that live and die together.
///
/// When one child throws, the others are asked to stop and join() rethrows what
/// it threw: the process never runs with a part missing. A child that ends
/// because it was cancelled is not a failure.
///
/// Every member must be called on the executor's single thread, and the group
/// must be joined before it is destroyed, or its VirtualLoop be dropped.
class TaskGroup {
public:
    explicit TaskGroup(asio::any_io_executor executor);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    /// Starts `task`; `name` is for the log.
    void spawn(std::string name, asio::awaitable<void> task);

    /// Asks every child to stop; until the last one has, spawn() starts nothing. Returns at once;
    /// join() waits for them.
    void cancel();
    bool is_cancelled() const { return is_cancelled_; }

    asio::any_io_executor executor() const { return executor_; }

    /// Completes when no child is left. Throws the first failure, if any.
    asio::awaitable<void> join();

private:
    struct Child {
        std::string name;
        std::shared_ptr<asio::cancellation_signal> stop;
    };
    using Children = std::list<Child>;

    void finish(Children::iterator child, std::exception_ptr error);

    asio::any_io_executor executor_;
    Timer idle_;  // never expires; cancelled when the last child ends
    Children children_;
    bool is_cancelled_ = false;  // until nobody is left
    std::exception_ptr failure_;
};

}  // namespace peercron
