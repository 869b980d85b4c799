#include "exec/warden.hpp"

#include "base/event.hpp"
#include "base/shared_pause.hpp"
#include "base/throw_errno.hpp"
#include "exec/herald.hpp"
#include "exec/process_table.hpp"

#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/mman.h>
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
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::array<int, 5> forwarded{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

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
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) throw_errno("PR_SET_CHILD_SUBREAPER");
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
    enum class Kind : std::int64_t { watch, forget, renew, listen };
    Kind kind{};
    // A group, nanoseconds of the steady clock, or (with a socket) the bits of an incarnation.
    std::int64_t value = 0;
};

/// A note, and the socket that came with it.
struct Received {
    GuardNote note;
    FileDescriptor socket;
};

/// The next note of a socket; none when there is none, or it makes no sense. `is_over`: the other
/// end is closed.
std::optional<Received> receive_note(int from, bool& is_over)
{
    Received received;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec part{&received.note, sizeof(received.note)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    is_over = size == 0;
    const cmsghdr* const attached = size > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (attached != nullptr && attached->cmsg_type == SCM_RIGHTS) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(attached), sizeof(descriptor));
        received.socket = FileDescriptor(descriptor);
    }
    if (size != sizeof(received.note)) return std::nullopt;
    return received;
}

/// What the node has told: the groups that end with its lease, and its port.
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
        while (node_) {
            bool is_over = false;
            auto received = receive_note(node_.get(), is_over);
            if (is_over) node_.close();  // the node is gone, or about to be
            if (!received) return;
            take(std::move(*received));
        }
    }

    /// The socket with which the node has listened, once; none: it never did.
    FileDescriptor take_listener() { return std::move(listener_); }
    Herald::Deceased deceased(SteadyTime died_at) const
    {
        return {incarnation_, listened_from_, died_at};
    }

    void kill_when_over()
    {
        if (groups_.empty() || Steady::now() < until_) return;
        for (const pid_t group : groups_) ::kill(-group, SIGKILL);
        say(
            fmt::format("the node has not renewed its lease in time (is it stopped?): killed the "
                        "rest of {} runs; another node may start their jobs from now on",
                        groups_.size()));
        groups_.clear();
    }

private:
    void take(Received received)
    {
        const GuardNote& note = received.note;
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
            case GuardNote::Kind::listen:
                listener_ = std::move(received.socket);
                incarnation_ = static_cast<std::uint64_t>(note.value);
                listened_from_ = Steady::now();
                break;
        }
    }

    FileDescriptor node_;
    std::set<pid_t> groups_;
    Steady::time_point until_ = Steady::time_point::max();
    FileDescriptor listener_;
    std::uint64_t incarnation_ = 0;
    Steady::time_point listened_from_{};
};

/// Sends a request without ever waiting.
class Telegram {
public:
    explicit Telegram(const DeathReport& report)
        : socket_(::socket(report.server.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
          request_(report.request)
    {
        if (!socket_) return;
        sockaddr_storage server = report.server;
        const auto* const address = reinterpret_cast<const sockaddr*>(&server);
        const int failed = ::connect(socket_.get(), address, report.server_size);
        if (failed != 0 && errno != EINPROGRESS) socket_.close();
    }

    /// What can be done now; to be called again.
    void go_on()
    {
        if (!socket_) return;
        if (!is_sent_) {
            const ssize_t sent =
                ::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
            if (sent < 0 && is_later(errno)) return;
            is_sent_ = sent == static_cast<ssize_t>(request_.size());
            if (!is_sent_) return socket_.close();
        }
        // Closed before the answer is there, the server might take it back.
        char answer = 0;
        const ssize_t size = ::recv(socket_.get(), &answer, 1, 0);
        if (size >= 0 || !is_later(errno)) socket_.close();
    }

    bool is_over() const { return !socket_; }

private:
    static bool is_later(int error)
    {
        return error == EAGAIN || error == EWOULDBLOCK || error == ENOTCONN || error == EINTR;
    }

    FileDescriptor socket_;
    std::string request_;
    bool is_sent_ = false;
};

/// Whether this process was told to end while it was busy.
bool is_told_to_stop()
{
    sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

/// Ends what the node has left behind, and tells of its death.
std::size_t wind_up(Guarded& guarded, bool has_crashed, const WardenSettings& settings)
{
    constexpr milliseconds turn{20};
    const auto died_at = Steady::now();
    guarded.read_notes();
    std::optional<Herald> herald;
    FileDescriptor listener = guarded.take_listener();
    if (listener && settings.greeting) {
        herald.emplace(std::move(listener), *settings.greeting, guarded.deceased(died_at));
    }
    std::optional<Telegram> telegram;
    if (has_crashed && settings.report) telegram.emplace(*settings.report);
    const auto tell = [&](milliseconds time) {
        if (telegram) telegram->go_on();
        if (herald) {
            herald->serve(time);
        } else {
            ::poll(nullptr, 0, static_cast<int>(time.count()));
        }
    };
    const std::size_t orphans = kill_descendants(settings, tell);
    const auto until = died_at + (has_crashed ? settings.last_word : settings.farewell);
    const auto is_known = [&] {
        return (!herald || herald->was_heard()) && (!telegram || telegram->is_over());
    };
    while (!is_known() && Steady::now() < until && !is_told_to_stop()) tell(turn);
    return orphans;
}

/// Waits for the node to end, handing signals on to it.
int attend(pid_t node, const sigset_t& signals, Guarded& guarded)
{
    FileDescriptor arrived(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (arrived.get() < 0) throw_errno("signalfd");
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

/// Reaps until no child is left (true) or `deadline` has passed, and signals those that turn up
/// meanwhile.
bool end_children(int signal, Steady::time_point deadline, std::set<pid_t>& seen, bool is_repeated,
                  const std::function<void(milliseconds)>& meanwhile)
{
    constexpr milliseconds turn{5};
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
        meanwhile(turn);
    }
}

void tell(const FileDescriptor& warden, const GuardNote& note)
{
    // It holds hundreds of notes. When it is full or closed the warden is stopped or gone, and then
    // there is nobody to tell.
    ::send(warden.get(), &note, sizeof(note), MSG_NOSIGNAL | MSG_DONTWAIT);
}

using Range = std::span<std::byte>;

/// Adds the pages of an object that are as in its file: code and constants.
int add_clean_pages(dl_phdr_info* object, std::size_t /*size*/, void* to)
{
    const auto page = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
    for (const ElfW(Phdr) & segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
        // What can be written, or could until it was relocated, is not.
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
        const ElfW(Addr) begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
        const ElfW(Addr) end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
        static_cast<std::vector<Range>*>(to)->emplace_back(reinterpret_cast<std::byte*>(begin),
                                                           end - begin);
    }
    return 0;
}

/// Gives back the memory that this program and its libraries take. What is used again comes back
/// from their files: a tenth, for a warden.
void give_back_code()
{
    std::vector<Range> pages;  // all of them first: the tables that name them are among them
    ::dl_iterate_phdr(&add_clean_pages, &pages);
    for (const Range range : pages) ::madvise(range.data(), range.size(), MADV_DONTNEED);
}

[[noreturn]] void be_node(const std::function<int(Lifeline)>& node_main, Lifeline lifeline)
{
    int code = 1;
    try {
        become_subreaper();
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
    if (::sigprocmask(SIG_BLOCK, &signals, &before) != 0) throw_errno("sigprocmask");
    ::signal(SIGCHLD, SIG_DFL);  // an inherited SIG_IGN would take the exit codes away
    std::array<int, 2> life{};
    std::array<int, 2> guard{};
    if (::pipe2(life.data(), O_CLOEXEC) != 0) throw_errno("pipe");
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guard.data()) != 0) {
        throw_errno("socketpair");
    }
    Lifeline lifeline{FileDescriptor(life[0]), FileDescriptor(guard[1])};
    FileDescriptor own_end(life[1]);
    FileDescriptor notes(guard[0]);

    std::fflush(nullptr);
    const pid_t node = ::fork();
    if (node < 0) throw_errno("fork");
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
    give_back_code();

    Guarded guarded(std::move(notes));
    const int status = attend(node, signals, guarded);
    const bool has_crashed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const std::size_t orphans = wind_up(guarded, has_crashed, settings);
    const std::string killed =
        orphans == 0 ? std::string()
                     : fmt::format("; killed {} processes that it left behind", orphans);
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

void Guard::hand_over(int listener, std::uint64_t incarnation)
{
    GuardNote note{GuardNote::Kind::listen, static_cast<std::int64_t>(incarnation)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec part{&note, sizeof(note)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const attached = CMSG_FIRSTHDR(&message);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(attached), &listener, sizeof(listener));
    ::sendmsg(warden_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

asio::awaitable<void> reap_orphans(const Clock& clock, std::chrono::milliseconds interval)
{
    for (;;) {
        pid_t reaped = 0;
        do {
            reaped = ::waitpid(-1, nullptr, WNOHANG | __WNOTHREAD);
        } while (reaped > 0);
        co_await sleep_for(shared_pause(interval, clock.exact_now()));
    }
}

asio::awaitable<void> wait_for_warden_death(FileDescriptor warden)
{
    asio::posix::stream_descriptor pipe(co_await asio::this_coro::executor, warden.get());
    warden.release();
    co_await pipe.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
}

std::size_t kill_descendants(const WardenSettings& settings,
                             const std::function<void(milliseconds)>& meanwhile)
{
    const auto idle = [](milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); };
    const std::function<void(milliseconds)> wait = meanwhile ? meanwhile : idle;
    std::set<pid_t> seen;
    const auto begin = Steady::now();
    if (end_children(SIGTERM, begin + settings.orphan_grace, seen, false, wait)) return seen.size();
    if (!end_children(SIGKILL, begin + settings.orphan_limit, seen, true, wait)) {
        say(fmt::format(
            "processes survive SIGKILL for {} s (a dead disk or network file system?)",
            std::chrono::duration_cast<std::chrono::seconds>(settings.orphan_limit).count()));
    }
    return seen.size();
}

}  // namespace peercron
