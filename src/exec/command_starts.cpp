#include "exec/command_starts.hpp"

#include "base/throw_errno.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/eventfd.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>
#include <string>

namespace peercron {
namespace {

FileDescriptor open_event()
{
    FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) throw_errno("eventfd");
    return event;
}

}  // namespace

CommandStarts::CommandStarts(const Spawner& spawner, const Clock& clock, std::size_t threads)
    : spawner_(spawner), clock_(clock), event_(open_event()), threads_(threads)
{}

CommandStarts::~CommandStarts()
{
    threads_.join();
}

void CommandStarts::begin(Start& start, const RunOrder& order, SteadyTime lease_end)
{
    asio::post(threads_, [this, &start, &order, lease_end] {
        start.outcome.emplace(spawn(order, lease_end));
        hand_over(start);
    });
}

std::vector<CommandStarts::Start*> CommandStarts::take()
{
    eventfd_t count = 0;
    ::eventfd_read(event_.get(), &count);  // before the list, or news could be missed
    std::vector<Start*> done;
    for (Start* start = done_.exchange(nullptr, std::memory_order_acquire); start != nullptr;
         start = start->next_) {
        done.push_back(start);
    }
    std::ranges::reverse(done);
    return done;
}

/// In one of the threads.
Result<Process, SpawnFailure> CommandStarts::spawn(const RunOrder& order,
                                                   SteadyTime lease_end) const
{
    // This process may be stopped before that is done; the warden knows only commands that exist.
    if (is_limited(order) && clock_.steady_now() > lease_end) {
        return SpawnFailure{
            .message = "this node was frozen when it should have started the command",
            .cause = Cause::node_isolated};
    }
    if (order.command.find_first_not_of(" \t\r\n") == std::string::npos) {
        // A shell would do nothing, and call it success.
        return SpawnFailure{
            "it has no command; if its job is of another kind, the dispatcher is of an older "
            "version, which does not know that"};
    }
    try {
        return spawner_.spawn(order);
    } catch (const std::exception& e) {
        return SpawnFailure{fmt::format("cannot start the command: {}", e.what())};
    }
}

/// In one of the threads; the start is the I/O thread's as soon as it is in the list.
void CommandStarts::hand_over(Start& start)
{
    Start* first = done_.load(std::memory_order_relaxed);
    do {
        start.next_ = first;
    } while (!done_.compare_exchange_weak(first, &start, std::memory_order_release,
                                          std::memory_order_relaxed));
    if (first == nullptr) ::eventfd_write(event_.get(), 1);
}

}  // namespace peercron
