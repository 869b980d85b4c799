#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "wire/greeting.hpp"

#include <sys/socket.h>
#include <sys/types.h>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace peercron {

namespace asio = boost::asio;

/// The node's ends of a pipe and a socket to its warden.
struct Lifeline {
    FileDescriptor warden;  ///< closes when the warden dies
    FileDescriptor guard;   ///< see Guard
};

/// What the node tells its warden: the runs that must not outlive the node's lease (those of jobs
/// with a limit), and the port at which it has to answer. A node that is stopped (SIGSTOP, a
/// debugger, a frozen machine) cannot end such runs itself; the warden does when the lease is over.
///
/// Never blocks. Lives on one thread.
class Guard {
public:
    explicit Guard(FileDescriptor warden) : warden_(std::move(warden)) {}

    /// The group of processes is to be killed once the lease is over.
    void watch(pid_t group);
    /// To be called before it is reaped: after that its number may be used for another one.
    void forget(pid_t group);
    /// The lease lasts until then.
    void renew(SteadyTime until);
    /// This process, of that incarnation, listens with this socket from now on. The warden gets a
    /// copy and answers with it when the process is dead.
    void hand_over(int listener, std::uint64_t incarnation);

private:
    FileDescriptor warden_;
};

/// A request that the warden sends to a server, over TCP, when the node has died. The answer is
/// ignored.
struct DeathReport {
    sockaddr_storage server{};
    socklen_t server_size = 0;
    std::string request;
};

struct WardenSettings {
    std::chrono::milliseconds orphan_grace{1000};    ///< from SIGTERM to SIGKILL of orphans
    std::chrono::milliseconds orphan_limit{10'000};  ///< then the warden gives up and says so
    /// How a node of a cluster greets its peers; none: it has no peers to be told of its death.
    std::optional<GreetingSettings> greeting;
    /// How long after a death the warden waits for a dispatcher to hear of it. Longer than an
    /// election with some tries; the node's next process has to wait for the port as long.
    std::chrono::milliseconds last_word{3000};
    /// The same after an orderly stop, when there is hardly anything to tell.
    std::chrono::milliseconds farewell{500};
    std::optional<DeathReport> report;  ///< sent when the node did not stop in good order
};

/// Runs `node_main` in a child process and stays behind as its warden: a single-threaded process
/// whose only task is that no command outlives the node.
///
/// While the node lives the warden passes SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 on to it;
/// when the node does not renew its lease in time, it kills what Guard names. When the node ends,
/// in any way, the warden kills its remaining descendants: SIGTERM, the grace, SIGKILL.
///
/// Both are child subreapers. Orphans of the node's commands become children of the node, which
/// leaves them alone, as cron does, and reaps them (reap_orphans()). So when either process dies
/// the other one has all of them as descendants, including those in sessions of their own. When
/// both die at once the kernel kills the commands (see start_program()); what the commands had
/// started lives on, and only the service manager can end it.
///
/// Only the warden knows for certain that the node is dead. While it ends the commands, and until a
/// dispatcher has heard of the death or the time for that is over, it answers in the node's place
/// (Herald) and keeps the port, so that no other process can take it.
///
/// Returns the node's exit code; 128 + the signal when one ended it (said on standard error).
/// Throws std::system_error when there can be no child.
///
/// Call it before any thread exists: the child is forked and goes on without exec. That is safe in
/// a single-threaded process, needs neither /proc nor a hidden option, and still works after an
/// upgrade has replaced the program's file.
///
/// Source: prctl(2), PR_SET_CHILD_SUBREAPER.
int run_warden(const std::function<int(Lifeline)>& node_main, const WardenSettings& settings = {});

/// Reaps the orphans that have become this process's children, about at this interval; ends only by
/// cancellation. Runs on the process's first thread, whose children they become (Linux's
/// find_alive_thread()), and reaps no children of other threads. So this one must start no programs
/// of its own.
asio::awaitable<void> reap_orphans(const Clock& clock, std::chrono::milliseconds interval);

/// Completes when the warden is gone. The node then must end its runs and itself; before it exits
/// it calls kill_descendants(), since no other process will.
asio::awaitable<void> wait_for_warden_death(FileDescriptor warden);

/// Kills every descendant of this process, which has to be a subreaper, and reaps it: SIGTERM, the
/// grace, SIGKILL. Returns how many there were. Blocks up to `orphan_limit`; bounded, since a
/// process may hang in the kernel.
/// @param meanwhile  what to do for a while before the next look, instead of just waiting.
std::size_t kill_descendants(
    const WardenSettings& settings = {},
    const std::function<void(std::chrono::milliseconds)>& meanwhile = nullptr);

}  // namespace peercron
