#pragma once

#include "base/file_descriptor.hpp"
#include "base/result.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The user that a program gets.
struct ProgramUser {
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups;  ///< all of them, as initgroups(3) sets them
};

/// What a program gets otherwise than this process has it.
struct ProgramSetting {
    /// The first that can be entered, as the program's user, is its working folder; empty: this
    /// process's.
    std::vector<std::string> folders;
    std::optional<mode_t> umask;
    int nice = 0;  ///< added to this process's; the sum ends at -20 and 19
    std::optional<ProgramUser> user;
    /// The file `cgroup.procs` of the control group that it joins, open for writing; -1: none.
    int cgroup = -1;
};

/// A program to be started, and what it gets. The pointers have the form of execve(2), and must
/// stay valid until start_program() returns.
struct Program {
    const std::vector<std::string>& paths;  ///< where it may be; the first that can be run is taken
    char* const* arguments;
    char* const* environment;
    int input;                           ///< becomes standard input
    int output;                          ///< becomes standard output and standard error
    const rlimit* open_files = nullptr;  ///< its RLIMIT_NOFILE; null: this process's
    const ProgramSetting* setting = nullptr;
};

/// Why there is no program.
struct NotStarted {
    std::string message;         ///< the call, and what the system says
    int error = 0;               ///< errno
    bool is_of_setting = false;  ///< the program was not tried: it cannot have its setting
};

/// Whether an error means a shortage that may pass: descriptors, processes, memory.
bool is_shortage(int error);

struct StartedProgram {
    pid_t pid = 0;
    FileDescriptor pidfd;
};

/// Starts the program as the leader of a session and process group of its own, with all signals at
/// their defaults and unblocked, and without any other descriptor (those above 2 go by their
/// close-on-exec flags where the kernel is older than Linux 5.9). Blocks until it is executed.
/// `input` and `output` must be above 2; all descriptors below the higher one are copied, so low
/// ones cost less.
///
/// The kernel kills the program (SIGKILL) when the calling *thread* ends, so that it does not
/// outlive this process even if that is killed together with its warden. This does not hold for
/// what the program starts itself, nor for a program that gives itself another user (set-user-ID,
/// as sudo) or other capabilities. Source: prctl(2), PR_SET_PDEATHSIG.
///
/// The error is what the call says that failed: clone(2), one of the setting, or execve(2); the
/// program is not there then. Of several paths it is EACCES if one of them had it, as execvp(3) has
/// it.
///
/// The child has this process's memory until it is the program. So once one has become another
/// user, the kernel lets nobody but root look into this process, and writes no core of it:
/// otherwise that user could read our secrets in that moment. Source: ptrace(2), "Ptrace access
/// mode checking"; prctl(2), PR_SET_DUMPABLE.
///
/// Does the same as posix_spawn(3) at less cost: that maps and unmaps a stack each time, which in a
/// program of several threads interrupts all their cores, and the pidfd is another call. Measured
/// on two cores beside a running reaper: 70 us a time instead of 105.
///
/// Thread-safe.
Result<StartedProgram, NotStarted> start_program(const Program& program);

/// Where a program of this name may be, in the order of `search_path` (the value of PATH); a name
/// with a slash is where it says.
std::vector<std::string> program_paths(const std::string& name, const std::string& search_path);

}  // namespace peercron
