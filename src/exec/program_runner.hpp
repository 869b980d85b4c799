#pragma once

#include "exec/process.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// A program that gets a text and says something, and belongs to no run.
struct ProgramCall {
    std::string file;                    ///< its path from the root; no shell reads it
    std::vector<std::string> variables;  ///< "NAME=value", beyond the node's environment
    std::string input;                   ///< its standard input
    std::chrono::milliseconds timeout{10'000};
    std::size_t most_output = 2000;  ///< bytes; what comes after them is dropped
};

struct ProgramAnswer {
    bool has_succeeded = false;  ///< it has ended with exit code 0
    std::string end;             ///< in words: "exit code 3", "no end within 10 s; it was killed"
    std::string output;          ///< what it has written to standard output and error
};

/// Runs programs with which a node does something for itself, each in a process group of its own:
/// when the program has ended, or its time is over, what is left of the group is killed, and the
/// program is reaped. Four run at a time, the others wait for their turn.
///
/// Belongs to the executor's thread; the programs have threads of their own, which wait for them.
class ProgramRunner {
public:
    /// @param spawner must outlive this.
    ProgramRunner(asio::any_io_executor executor, const Spawner& spawner);
    ProgramRunner(const ProgramRunner&) = delete;
    ProgramRunner& operator=(const ProgramRunner&) = delete;
    ~ProgramRunner();

    /// Throws only when the coroutine is cancelled, which kills the program.
    asio::awaitable<ProgramAnswer> run(ProgramCall call);

    /// None may be under way, and none can be run any more.
    void close();

private:
    class Run;

    asio::any_io_executor executor_;
    const Spawner& spawner_;
    asio::thread_pool threads_{4};
};

}  // namespace peercron
