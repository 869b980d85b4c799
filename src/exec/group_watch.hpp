#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "exec/process.hpp"

#include <sys/types.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_set>

namespace peercron {

/// Waits for the ends of process groups that were told to end. Only the list of all processes shows
/// whether somebody of a group is left: it is read again and again while somebody waits. Lives on
/// the I/O thread.
class GroupWatch {
public:
    /// @param threads for reading the list.
    GroupWatch(const asio::any_io_executor& executor, const Clock& clock,
               asio::thread_pool& threads);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// Completes when nobody of the group is left, or `is_forced` was set and look_again() called;
    /// then SIGKILL was sent to whatever the list may not have shown, and nobody has survived that.
    /// Says whether somebody has: after `unkillable_after`. The leader is not reaped before, so
    /// that the group's number cannot come to mean another one.
    asio::awaitable<bool> has_survivor(const Process& leader, const bool& is_forced);

    void look_again() { news_.notify(); }

private:
    const Clock& clock_;
    asio::thread_pool& threads_;
    std::size_t waiting_ = 0;
    std::unordered_set<pid_t> living_;
    Event wanted_;
    Event news_;
    std::uint64_t looks_begun_ = 0;  ///< at the list of processes
    std::uint64_t look_shown_ = 0;   ///< the one that living_ is of
};

}  // namespace peercron
