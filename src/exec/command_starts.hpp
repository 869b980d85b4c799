#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "exec/process.hpp"
#include "wire/message.hpp"

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// Starts commands on threads of its own: a spawn blocks its thread until the child has got a core
/// and become the command. What has become of them is handed over many at a time. Lives on the I/O
/// thread.
class CommandStarts {
public:
    /// The start of one command.
    struct Start {
        std::optional<Result<Process, SpawnFailure>> outcome;  ///< set when take() returns it

    private:
        friend class CommandStarts;
        Start* next_ = nullptr;
    };

    CommandStarts(const Spawner& spawner, const Clock& clock, std::size_t threads);
    CommandStarts(const CommandStarts&) = delete;
    CommandStarts& operator=(const CommandStarts&) = delete;
    /// Waits for those that are under way.
    ~CommandStarts();

    /// Both stay where they are, and as they are, until take() returns the start. A command that
    /// may run only under a lease is not started when that has ended by then.
    void begin(Start& start, const RunOrder& order, SteadyTime lease_end);

    /// A descriptor, readable while take() returns something.
    int event() const { return event_.get(); }
    /// Those that are done, in the order in which they were.
    std::vector<Start*> take();

    /// For other work that blocks.
    asio::thread_pool& threads() { return threads_; }

private:
    Result<Process, SpawnFailure> spawn(const RunOrder& order, SteadyTime lease_end) const;
    void hand_over(Start& start);

    const Spawner& spawner_;
    const Clock& clock_;
    std::atomic<Start*> done_ = nullptr;  // the newest, which leads to the others
    FileDescriptor event_;
    asio::thread_pool threads_;
};

}  // namespace peercron
