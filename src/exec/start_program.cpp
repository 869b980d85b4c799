#include "exec/start_program.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#ifdef __SANITIZE_THREAD__
// The sanitizer's own clone() takes the child for a fork, and as it shares our memory the parent's
// thread is the one that is not watched any more: neither its locks nor its atomics.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);
#define PEERCRON_CLONE ::__clone
#else
#define PEERCRON_CLONE ::clone
#endif

namespace peercron {
namespace {

/// More than enough for the few calls of the child.
constexpr std::size_t stack_size = 16 * 1024;

/// As the kernel has them; glibc's are other types.
struct KernelSignalAction {
    void (*handler)(int) = nullptr;  // SIG_DFL
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    std::uint64_t mask = 0;
};
constexpr std::uint64_t no_signals = 0;
constexpr int last_signal = 64;

struct Child {
    const char* const* paths;  // ends with null
    char* const* arguments;
    char* const* environment;
    int input;
    int output;
    bool shares_descriptors;
    const rlimit* open_files;
    pid_t parent;
    int error = 0;  // 0 = it became the program
};

// The child has the parent's memory and the parent's thread waits for it. So it calls nothing but
// the kernel: not even what a sanitizer might have put in between.
#define PEERCRON_CHILD [[gnu::no_sanitize("address", "thread", "undefined")]]

PEERCRON_CHILD bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
           error == ETIMEDOUT;
}

PEERCRON_CHILD int run_child(void* argument)
{
    Child& child = *static_cast<Child*>(argument);
    if (child.shares_descriptors) {
        const int wanted = child.input > child.output ? child.input : child.output;
        if (::syscall(SYS_close_range, wanted + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
            child.error = errno;
            ::syscall(SYS_exit_group, 127);
        }
    }
    ::syscall(SYS_setsid);
    ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // It is not told of a parent that had died before.
    if (::syscall(SYS_getppid) != child.parent) ::syscall(SYS_exit_group, 127);
    const KernelSignalAction by_default;
    for (int signal = 1; signal <= last_signal; ++signal) {
        ::syscall(SYS_rt_sigaction, signal, &by_default, nullptr, sizeof(no_signals));
    }
    ::syscall(SYS_dup3, child.input, STDIN_FILENO, 0);
    ::syscall(SYS_dup3, child.output, STDOUT_FILENO, 0);
    ::syscall(SYS_dup3, child.output, STDERR_FILENO, 0);
    ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
    if (child.open_files != nullptr) {
        ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, child.open_files, nullptr);
    }
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof(no_signals));
    int error = ENOENT;
    bool was_refused = false;
    for (const char* const* path = child.paths; *path != nullptr; ++path) {
        ::syscall(SYS_execve, *path, child.arguments, child.environment);
        error = errno;
        if (error == EACCES) {
            was_refused = true;
        } else if (!is_absence(error)) {
            break;
        }
    }
    child.error = was_refused && is_absence(error) ? EACCES : error;
    ::syscall(SYS_exit_group, 127);
    return 0;
}

#undef PEERCRON_CHILD

/// Whether the kernel (Linux 5.9) can give a child a table of descriptors that has only those below
/// some number. It copies all of them otherwise, and the child closes them again.
bool can_copy_some_descriptors()
{
    static const bool can = ::syscall(SYS_close_range, ~0U, ~0U, 0) == 0;
    return can;
}

NotStarted not_started(const char* call, int error)
{
    return {std::string(call) + ": " + std::generic_category().message(error), error};
}

}  // namespace

bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
}

Result<StartedProgram, NotStarted> start_program(const Program& program)
{
    std::vector<const char*> paths;
    paths.reserve(program.paths.size() + 1);
    for (const std::string& path : program.paths) paths.push_back(path.c_str());
    paths.push_back(nullptr);
    Child child{paths.data(),   program.arguments,           program.environment, program.input,
                program.output, can_copy_some_descriptors(), program.open_files,  ::getpid()};

    // A handler of ours must not run in the child, which has our memory. SIGCHLD has none, and is
    // ignored: but a thread that blocks it, and is the parent of a child that ends meanwhile, has
    // the kernel wake up another thread of ours to find that out (signal(7), sig_ignored() in
    // Linux).
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigdelset(&all, SIGCHLD);
    alignas(std::max_align_t) std::array<std::byte, stack_size> stack;
    int pidfd = -1;
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD |
                      (child.shares_descriptors ? CLONE_FILES : 0);
    const pid_t pid =
        PEERCRON_CLONE(&run_child, stack.data() + stack.size(), flags, &child, &pidfd);
    const int clone_error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return not_started("clone", clone_error);

    StartedProgram started{pid, FileDescriptor(pidfd)};
    if (child.error == 0) return started;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return not_started("exec", child.error);
}

std::vector<std::string> program_paths(const std::string& name, const std::string& search_path)
{
    if (name.find('/') != std::string::npos) return {name};
    std::vector<std::string> paths;
    std::string_view rest = search_path;
    for (;;) {
        const std::size_t end = rest.find(':');
        std::string path(rest.substr(0, end));
        if (!path.empty()) path += '/';  // an empty one is the current folder
        paths.push_back(path += name);
        if (end == std::string_view::npos) return paths;
        rest.remove_prefix(end + 1);
    }
}

}  // namespace peercron
