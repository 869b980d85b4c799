#include "base/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <cassert>
#include <memory>
#include <utility>

namespace peercron {
namespace {

bool is_cancellation(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(std::move(executor)), idle_(executor_, SteadyTime::max())
{}

TaskGroup::~TaskGroup()
{
    [[maybe_unused]] const VirtualLoop* loop = virtual_loop_of(executor_);
    assert((children_.empty() || (loop != nullptr && loop->is_dropped())) &&
           "join() the group before destroying it");
}

void TaskGroup::spawn(std::string name, asio::awaitable<void> task)
{
    // By a child that goes on for a moment: nobody would ask that one to stop.
    if (is_cancelled_) return;
    const auto child = children_.emplace(children_.end());
    child->name = std::move(name);
    child->stop = std::make_shared<asio::cancellation_signal>();
    auto on_end = [this, child](std::exception_ptr error) { finish(child, std::move(error)); };
    asio::co_spawn(executor_, std::move(task),
                   asio::bind_cancellation_slot(child->stop->slot(), std::move(on_end)));
}

void TaskGroup::cancel()
{
    is_cancelled_ = !children_.empty();
    for (Child& child : children_) {
        child.stop->emit(asio::cancellation_type::terminal);
        // From outside of the loop, co_spawn of Boost 1.81 has posted a pointer into the signal now
        // (Asio issue 1332). It comes behind what is ready, which may be the child's end.
        asio::dispatch(executor_, [kept = child.stop] {});
    }
}

asio::awaitable<void> TaskGroup::join()
{
    boost::system::error_code woken;
    while (!children_.empty()) {
        co_await idle_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void TaskGroup::finish(Children::iterator child, std::exception_ptr error)
{
    const bool failed = error && !is_cancellation(error);
    children_.erase(child);
    if (failed) {
        if (!failure_) failure_ = std::move(error);
        cancel();
    }
    if (!children_.empty()) return;
    is_cancelled_ = false;
    idle_.cancel();
}

}  // namespace peercron
