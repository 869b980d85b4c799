#include "exec/group_watch.hpp"

#include "base/offload.hpp"
#include "exec/process_table.hpp"

#include <chrono>
#include <csignal>
#include <vector>

namespace peercron {
namespace {

constexpr std::chrono::milliseconds scan_interval{50};

/// Counts a coroutine as long as it is in a scope.
class Counted {
public:
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count_; }

private:
    std::size_t& count_;
};

}  // namespace

GroupWatch::GroupWatch(const asio::any_io_executor& executor, const Clock& clock,
                       asio::thread_pool& threads)
    : clock_(clock), threads_(threads), wanted_(executor), news_(executor)
{}

asio::awaitable<void> GroupWatch::run()
{
    for (;;) {
        while (waiting_ == 0) co_await wanted_.wait();
        const std::uint64_t look = ++looks_begun_;
        const std::vector<ProcessEntry> processes = co_await offload(threads_, &list_processes);
        look_shown_ = look;
        living_.clear();
        for (const ProcessEntry& process : processes) {
            if (!process.is_zombie) living_.insert(process.group);
        }
        news_.notify();
        co_await sleep_for(scan_interval);
    }
}

asio::awaitable<bool> GroupWatch::has_survivor(const Process& leader, const bool& is_forced)
{
    const Counted counted(waiting_);
    wanted_.notify();
    while (!is_forced) {
        co_await news_.wait();
        if (!living_.contains(leader.pid)) break;
    }
    // Also when nobody was found: a fork may have slipped through the list of processes.
    signal_group(leader, SIGKILL);
    // The kernel takes a moment, and where there is a mutex the next run starts as soon as this one
    // is reported: so a look that began after the signal has to show that nobody is left.
    const std::uint64_t before_signal = looks_begun_;
    const SteadyTime limit = clock_.steady_now() + unkillable_after;
    const auto may_live = [&] {
        return look_shown_ <= before_signal || living_.contains(leader.pid);
    };
    while (may_live()) {
        const bool is_told = co_await news_.wait_until(limit);
        if (!is_told) co_return true;
    }
    co_return false;
}

}  // namespace peercron
