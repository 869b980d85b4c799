#include "exec/warden.hpp"

#include "exec/process_table.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::array<int, 5> forwarded{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

[[noreturn]] void fail(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

void say(const std::string& line)
{
    const std::string whole = "peercron: warden: " + line + "\n";
    // Nothing can be done when standard error is gone.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

sigset_t watched_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    for (const int signal : forwarded) sigaddset(&signals, signal);
    return signals;
}

void become_subreaper()
{
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail("PR_SET_CHILD_SUBREAPER");
}

/// Reaps every child that has ended; the node's status when it was among them.
std::optional<int> reap_ended(pid_t node)
{
    std::optional<int> node_status;
    for (;;) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return node_status;
        if (pid == node) node_status = status;
    }
}

/// What the node tells its warden: a message each.
struct GuardNote {
    enum class Kind : std::int64_t { watch, forget, renew };
    Kind kind{};
    std::int64_t value = 0;  // a group, or nanoseconds of the steady clock
};

/// The groups that end with the node's lease.
class Guarded {
public:
    explicit Guarded(FileDescriptor node) : node_(std::move(node)) {}

    int node() const { return node_.get(); }

    /// How long poll() may wait; -1 = for ever.
    int wait_ms() const
    {
        if (groups_.empty()) return -1;
        const auto left = std::chrono::ceil<milliseconds>(until_ - Steady::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }

    void read_notes()
    {
        GuardNote note;
        for (;;) {
            const ssize_t size = ::recv(node_.get(), &note, sizeof(note), MSG_DONTWAIT);
            if (size == 0) node_.close();  // the node is gone, or about to be
            if (size <= 0) return;
            if (size == sizeof(note)) take(note);
        }
    }

    void kill_when_over()
    {
        if (groups_.empty() || Steady::now() < until_) return;
        for (const pid_t group : groups_) ::kill(-group, SIGKILL);
        say(fmt::format(
            "the node has not renewed its lease in time (is it stopped?): killed what was left of "
            "{} runs, whose jobs another node may start from now on",
            groups_.size()));
        groups_.clear();
    }

private:
    void take(const GuardNote& note)
    {
        switch (note.kind) {
            case GuardNote::Kind::watch:
                groups_.insert(static_cast<pid_t>(note.value));
                break;
            case GuardNote::Kind::forget:
                groups_.erase(static_cast<pid_t>(note.value));
                break;
            case GuardNote::Kind::renew:
                until_ = Steady::time_point(std::chrono::nanoseconds(note.value));
                break;
        }
    }

    FileDescriptor node_;
    std::set<pid_t> groups_;
    Steady::time_point until_ = Steady::time_point::max();
};

/// Waits for the node to end, handing signals on to it.
int attend(pid_t node, const sigset_t& signals, FileDescriptor guard)
{
    Guarded guarded(std::move(guard));
    FileDescriptor arrived(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (arrived.get() < 0) fail("signalfd");
    for (;;) {
        std::array<pollfd, 2> wanted{pollfd{arrived.get(), POLLIN, 0},
                                     pollfd{guarded.node(), POLLIN, 0}};
        ::poll(wanted.data(), wanted.size(), guarded.wait_ms());
        if (guarded.node() >= 0) guarded.read_notes();
        guarded.kill_when_over();
        signalfd_siginfo info{};
        while (::read(arrived.get(), &info, sizeof(info)) == sizeof(info)) {
            const int signal = static_cast<int>(info.ssi_signo);
            if (signal == SIGCHLD) {
                if (const auto status = reap_ended(node)) return *status;
            } else if (info.ssi_code != SI_KERNEL) {
                // What the terminal sends (Ctrl-C) the node has got itself.
                ::kill(node, signal);
            }
        }
    }
}

/// Signals every child, with its group when it leads one, and puts it into `seen`.
void signal_children(int signal, std::set<pid_t>& seen, bool is_repeated)
{
    const pid_t self = ::getpid();
    const pid_t own_group = ::getpgrp();
    for (const ProcessEntry& process : list_processes()) {
        if (process.parent != self || process.is_zombie) continue;
        const bool is_new = seen.insert(process.pid).second;
        if (!is_new && !is_repeated) continue;
        ::kill(process.pid, signal);
        if (process.group != own_group) ::kill(-process.group, signal);
    }
}

/// Reaps until there is no child left (true) or `deadline` has passed, signalling those that show
/// up.
bool end_children(int signal, Steady::time_point deadline, std::set<pid_t>& seen, bool is_repeated)
{
    std::set<pid_t> signalled;
    for (;;) {
        signal_children(signal, signalled, is_repeated);
        seen.insert(signalled.begin(), signalled.end());
        pid_t reaped = 0;
        do {
            reaped = ::waitpid(-1, nullptr, WNOHANG);
        } while (reaped > 0);
        if (reaped < 0 && errno == ECHILD) return true;
        if (Steady::now() >= deadline) return false;
        ::usleep(5000);
    }
}

void tell(const FileDescriptor& warden, const GuardNote& note)
{
    // It holds hundreds of notes. When it is full or closed the warden is stopped or gone, and then
    // there is nobody to tell.
    ::send(warden.get(), &note, sizeof(note), MSG_NOSIGNAL | MSG_DONTWAIT);
}

[[noreturn]] void be_node(const std::function<int(Lifeline)>& node_main, Lifeline lifeline)
{
    int code = 1;
    try {
        code = node_main(std::move(lifeline));
    } catch (const std::exception& e) {
        say(fmt::format("the node failed: {}", e.what()));
    }
    std::exit(code);
}

}  // namespace

int run_warden(const std::function<int(Lifeline)>& node_main, const WardenSettings& settings)
{
    become_subreaper();
    // Blocked before the fork, so that none is lost between it and the first wait.
    const sigset_t signals = watched_signals();
    sigset_t before;
    if (::sigprocmask(SIG_BLOCK, &signals, &before) != 0) fail("sigprocmask");
    ::signal(SIGCHLD, SIG_DFL);  // an inherited SIG_IGN would take the exit codes away
    std::array<int, 2> life{};
    std::array<int, 2> guard{};
    if (::pipe2(life.data(), O_CLOEXEC) != 0) fail("pipe");
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard.data()) != 0) {
        fail("socketpair");
    }
    Lifeline lifeline{FileDescriptor(life[0]), FileDescriptor(guard[1])};
    FileDescriptor own_end(life[1]);
    FileDescriptor notes(guard[0]);

    std::fflush(nullptr);
    const pid_t node = ::fork();
    if (node < 0) fail("fork");
    if (node == 0) {
        own_end.close();
        notes.close();
        // A terminal signals its whole foreground group: Ctrl-C would reach the node twice, and the
        // second one ends it at once.
        ::setpgid(0, 0);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        be_node(node_main, std::move(lifeline));
    }
    lifeline.warden.close();
    lifeline.guard.close();
    ::prctl(PR_SET_NAME, "peercron-warden", 0, 0, 0);

    const int status = attend(node, signals, std::move(notes));
    const std::size_t orphans = kill_descendants(settings);
    const std::string killed =
        orphans == 0 ? std::string() : fmt::format("; killed {} processes that it left", orphans);
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        const char* name = ::sigdescr_np(signal);
        say(fmt::format("the node (pid {}) was ended by signal {} ({}){}", node, signal,
                        name != nullptr ? name : "real-time", killed));
        return 128 + signal;
    }
    if (orphans != 0) say(fmt::format("the node (pid {}) has stopped{}", node, killed));
    return WEXITSTATUS(status);
}

void Guard::watch(pid_t group)
{
    tell(warden_, {GuardNote::Kind::watch, group});
}

void Guard::forget(pid_t group)
{
    tell(warden_, {GuardNote::Kind::forget, group});
}

void Guard::renew(SteadyTime until)
{
    tell(warden_,
         {GuardNote::Kind::renew, std::chrono::nanoseconds(until.time_since_epoch()).count()});
}

asio::awaitable<void> wait_for_warden_death(FileDescriptor warden)
{
    asio::posix::stream_descriptor pipe(co_await asio::this_coro::executor, warden.get());
    warden.release();
    co_await pipe.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
}

std::size_t kill_descendants(const WardenSettings& settings)
{
    become_subreaper();  // or grandchildren would slip away to init as their parents die
    std::set<pid_t> seen;
    const auto begin = Steady::now();
    if (end_children(SIGTERM, begin + settings.orphan_grace, seen, false)) return seen.size();
    if (!end_children(SIGKILL, begin + settings.orphan_limit, seen, true)) {
        say(fmt::format(
            "processes survive SIGKILL for {} s (a dead disk or network file system?)",
            std::chrono::duration_cast<std::chrono::seconds>(settings.orphan_limit).count()));
    }
    return seen.size();
}

}  // namespace peercron
