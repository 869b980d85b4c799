#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "base/result.hpp"
#include "exec/command_setup.hpp"
#include "exec/low_numbers.hpp"
#include "wire/message.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// How a process ended, and what it took.
struct ProcessEnd {
    std::optional<int> exit_code;           ///< or …
    std::optional<int> term_signal;         ///< … the signal that ended it
    std::chrono::milliseconds cpu_time{0};  ///< user and system, with the children it waited for
    /// Peak resident size in bytes. 0 = not known, because it is no more than this program's own
    /// peak: the kernel counts the moment between vfork and exec, when the memory was still ours
    /// (measured; Linux 6.18, exec_mmap()).
    std::int64_t max_rss = 0;
};

/// A command that was started and not yet reaped: as long as reap() was not called, `pid` is its
/// own and its process group's number, and nobody else's.
struct Process {
    pid_t pid = 0;
    FileDescriptor pidfd;   ///< readable once it has ended
    FileDescriptor output;  ///< the reading end of its stdout and stderr, non-blocking
    WallTime started_at{};  ///< right before the spawn
    SteadyTime started{};
    std::unique_ptr<CommandSetup> setup;  ///< to be kept until the run has ended; nullptr: none
};

/// Sends `signal` to the whole process group of an unreaped process.
void signal_group(const Process& process, int signal);

/// How long to wait for a process to vanish after SIGKILL; only one that hangs in the kernel (a
/// dead disk or network file system) takes longer.
inline constexpr std::chrono::seconds unkillable_after{5};

/// Whether an unreaped process has ended.
bool has_exited(const Process& process);

/// Takes the status of a process that has ended (its pidfd is readable).
ProcessEnd reap(const Process& process);

/// Starts commands: each in a session of its own, standard input from /dev/null, standard output
/// and error in one pipe, all signals at their defaults and unblocked, no descriptor of ours.
///
/// The environment is this program's, without what commands must not see (the node's secrets and
/// the variables that systemd set for the node alone), plus
/// - PEERCRON_JOB_ID: the job's id;
/// - PEERCRON_SCHEDULED_AT: when the run was due, RFC 3339 in UTC: 2026-11-21T00:00:00.000Z;
/// - PEERCRON_SCHEDULED_AT_MS: the same as Unix time in milliseconds;
/// - PEERCRON_ATTEMPT: 1, 2, …;
/// - PEERCRON_LAST_ATTEMPT: the number of the last one that the job's retries allow; when it is the
///   same, a failure is not tried again;
/// - PEERCRON_NODE: the name of this node;
/// - PEERCRON_EPOCH: the epoch of the dispatcher that ordered it;
/// - PEERCRON_SHARD: which part of its fire it is, from 0; and PEERCRON_SHARDS: how many parts
/// there
///   are; 0 and 1 of a fire that is one run;
/// - of a rehearsal, PEERCRON_REHEARSAL: 1;
/// - of a job that runs after others, PEERCRON_PARENT_…: see model/chain.hpp.
///
/// What the order's job asks for beyond that, it gets as CommandSetups says, or is not started.
///
/// Does not fork, which copies the page tables: 20 ms a time at 500 MB. See start_program().
/// spawn() blocks for the time of an exec; it may be called from several threads at once.
class Spawner {
public:
    /// Gives SIGCHLD its default action: while it is ignored, no exit code can be read.
    /// @param open_files the commands' RLIMIT_NOFILE, if different from this process's.
    Spawner(NodeName node, std::string shell, CommandRules rules, const Clock& clock,
            std::optional<rlimit> open_files = std::nullopt);
    Spawner(const Spawner&) = delete;
    Spawner& operator=(const Spawner&) = delete;
    ~Spawner() = default;

    /// Starts the order's command: directly when it needs no shell and its first word is a program,
    /// else as `SHELL -c COMMAND`. The error says what could not be started and why.
    Result<Process, SpawnFailure> spawn(const RunOrder& order) const;

    /// Starts a program that belongs to no run, with this program's environment and these variables
    /// ("NAME=value") in it.
    /// @param file its path from the root; no shell reads it.
    /// @param input what it can read.
    Result<Process, SpawnFailure> spawn_program(const std::string& file,
                                                const std::vector<std::string>& variables,
                                                const std::string& input) const;

    const CommandSetups& setups() const { return setups_; }

private:
    Result<Process, SpawnFailure> start_command(const RunOrder& order,
                                                const CommandSetup* setup) const;
    Result<Process, SpawnFailure> start(const std::vector<std::string>& words,
                                        const std::vector<std::string>& paths,
                                        char* const* environment, const CommandSetup* setup) const;

    std::vector<std::string> paths_of(const std::string& name, const CommandSetup* setup) const;

    NodeName node_;
    std::string shell_;
    CommandSetups setups_;
    const Clock& clock_;
    std::optional<rlimit> open_files_;
    FileDescriptor null_;
    mutable LowNumbers low_numbers_;
    std::vector<std::string> environment_;
    std::string search_path_;
};

}  // namespace peercron
