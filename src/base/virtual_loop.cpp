#include "base/virtual_loop.hpp"

#include <random>

namespace peercron {

/// A wait that ended before its moment, and has not been told yet.
class VirtualLoop::Cancelled final : public Work {
public:
    explicit Cancelled(std::unique_ptr<Wait> wait) : wait_(std::move(wait)) {}
    void run() override { wait_->complete(false); }

private:
    std::unique_ptr<Wait> wait_;
};

void VirtualLoop::drop_all()
{
    is_dropped_ = true;
    // What is destroyed may cancel and post in its destructors.
    while (first_ != nullptr || !ready_.empty()) {
        if (first_ != nullptr) {
            const std::unique_ptr<Wait> gone = take(*first_);
        } else {
            const std::unique_ptr<Work> gone = std::move(ready_.front());
            ready_.pop_front();
        }
    }
}

void VirtualLoop::start(SteadyTime when, std::unique_ptr<Wait> wait, Wait*& held_by)
{
    Wait& started = *wait.release();  // in the list now
    started.is_pending_ = true;
    started.held_by_ = &held_by;
    held_by = &started;
    started.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &started;
    first_ = &started;
    if (when != SteadyTime::max() && !is_dropped_) started.alarm_ = set_alarm(when, started);
}

void VirtualLoop::cancel(Wait& wait)
{
    if (wait.is_pending_) post(std::make_unique<Cancelled>(take(wait)));
}

void VirtualLoop::expire(Wait& wait)
{
    wait.alarm_ = 0;
    const std::unique_ptr<Wait> due = take(wait);
    work([&due] { due->complete(true); });
}

void VirtualLoop::post(std::unique_ptr<Work> work)
{
    ready_.push_back(std::move(work));
    if (!is_working_ && !is_dropped_ && ready_.size() == 1) call_soon();
}

void VirtualLoop::run_ready()
{
    while (!ready_.empty()) {
        const std::unique_ptr<Work> next = std::move(ready_.front());
        ready_.pop_front();
        next->run();
    }
}

std::unique_ptr<VirtualLoop::Wait> VirtualLoop::take(Wait& wait)
{
    wait.is_pending_ = false;
    *std::exchange(wait.held_by_, nullptr) = nullptr;
    if (wait.alarm_ != 0) stop_alarm(std::exchange(wait.alarm_, 0));
    (wait.previous_ != nullptr ? wait.previous_->next_ : first_) = wait.next_;
    if (wait.next_ != nullptr) wait.next_->previous_ = wait.previous_;
    wait.previous_ = wait.next_ = nullptr;
    return std::unique_ptr<Wait>(&wait);
}

VirtualLoop* virtual_loop_of(const asio::any_io_executor& executor)
{
    const auto* there = executor.target<VirtualLoop::Executor>();
    return there == nullptr ? nullptr : &there->loop();
}

SteadyTime steady_now(const asio::any_io_executor& executor)
{
    const VirtualLoop* loop = virtual_loop_of(executor);
    return loop == nullptr ? std::chrono::steady_clock::now() : loop->now();
}

std::uint64_t random_seed(const asio::any_io_executor& executor)
{
    VirtualLoop* loop = virtual_loop_of(executor);
    return loop == nullptr ? std::random_device{}() : loop->draw();
}

}  // namespace peercron
