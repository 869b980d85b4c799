#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"

#include <sys/types.h>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace peercron {

namespace asio = boost::asio;

/// The node's ends of a pipe and a socket to its warden.
struct Lifeline {
    FileDescriptor warden;  ///< closes when the warden dies
    FileDescriptor guard;   ///< see Guard
};

/// What the node tells its warden of runs that must not outlive the node's lease: those of jobs
/// with a limit. A node that is stopped (SIGSTOP, a debugger, a frozen machine) cannot end them
/// itself; the warden does when the lease is over.
///
/// Never blocks. Lives on one thread.
class Guard {
public:
    explicit Guard(FileDescriptor warden) : warden_(std::move(warden)) {}

    /// The group of processes is to be killed once the lease is over.
    void watch(pid_t group);
    /// Before it is reaped: then its number may come to mean another one.
    void forget(pid_t group);
    /// The lease lasts until then.
    void renew(SteadyTime until);

private:
    FileDescriptor warden_;
};

struct WardenSettings {
    std::chrono::milliseconds orphan_grace{1000};    ///< from SIGTERM to SIGKILL of orphans
    std::chrono::milliseconds orphan_limit{10'000};  ///< then the warden gives up and says so
};

/// Runs `node_main` in a child process and stays behind as its warden: a single-threaded process
/// that does nothing but see to it that no command outlives the node.
///
/// While the node lives the warden hands SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 on to it and
/// reaps the orphans that become its own (it is their subreaper), but leaves them alone, as cron
/// does; but when the node does not renew its lease in time, it kills what Guard names. When the
/// node ends, however it does, all that is left of its descendants is killed:
/// SIGTERM, the grace, SIGKILL.
///
/// Returns the node's exit code; 128 + the signal when one ended it (said on standard error).
/// Throws std::system_error when there can be no child.
///
/// Call it before any thread exists: the child is forked and goes on without exec. That is safe
/// in a single-threaded process, needs neither /proc nor a hidden option, and survives that the
/// program's file is replaced by an upgrade.
///
/// Source: prctl(2), PR_SET_CHILD_SUBREAPER.
int run_warden(const std::function<int(Lifeline)>& node_main, const WardenSettings& settings = {});

/// Completes when the warden is gone. The node then must end its runs and itself; before it exits
/// it calls kill_descendants(), since nobody else will.
asio::awaitable<void> wait_for_warden_death(FileDescriptor warden);

/// Kills every descendant of this process and reaps it: SIGTERM, the grace, SIGKILL. Returns how
/// many there were. Blocks up to `orphan_limit`; bounded, since a process may hang in the kernel.
std::size_t kill_descendants(const WardenSettings& settings = {});

}  // namespace peercron
