#include "exec/start_program.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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

// What a child was at when it failed.
constexpr const char* exec_call = "exec";
constexpr const char* chdir_call = "chdir";

/// ProgramSetting as a child can read it, which calls no code of ours.
struct ChildSetting {
    const char* const* folders;  // ends with null
    bool has_umask;
    mode_t umask;
    bool has_nice;
    int nice;
    const ProgramUser* user;
    const gid_t* groups;
    std::size_t group_count;
    int cgroup;
};

struct Child {
    const char* const* paths;  // ends with null
    char* const* arguments;
    char* const* environment;
    int input;
    int output;
    bool shares_descriptors;
    const rlimit* open_files;
    const ChildSetting* setting;
    pid_t parent;
    int error = 0;  // 0 = it became the program
    const char* call = exec_call;
};

// The child has the parent's memory and the parent's thread waits for it. So it calls nothing but
// the kernel: not even what a sanitizer might have put in between.
#define PEERCRON_CHILD [[gnu::no_sanitize("address", "thread", "undefined")]]

PEERCRON_CHILD bool is_absence(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
           error == ETIMEDOUT;
}

/// Notes the error of a call; false: it has none.
PEERCRON_CHILD bool has_failed(Child& child, const char* call, long result)
{
    if (result >= 0) return false;
    child.error = errno;
    child.call = call;
    return true;
}

/// False: a call has failed. In this order: joining a control group and a better niceness need our
/// rights, and the folder has to be one that the user may enter.
PEERCRON_CHILD bool apply_setting(Child& child)
{
    const ChildSetting& setting = *child.setting;
    if (setting.has_umask) ::syscall(SYS_umask, setting.umask);
    if (setting.cgroup >= 0 &&
        has_failed(child, "cgroup.procs", ::syscall(SYS_write, setting.cgroup, "0", 1))) {
        return false;
    }
    if (setting.has_nice && has_failed(child, "setpriority",
                                       ::syscall(SYS_setpriority, PRIO_PROCESS, 0, setting.nice))) {
        return false;
    }
    if (setting.user != nullptr) {
        const gid_t group = setting.user->group;
        const uid_t user = setting.user->user;
        if (has_failed(child, "setgroups",
                       ::syscall(SYS_setgroups, setting.group_count, setting.groups)) ||
            has_failed(child, "setresgid", ::syscall(SYS_setresgid, group, group, group)) ||
            has_failed(child, "setresuid", ::syscall(SYS_setresuid, user, user, user))) {
            return false;
        }
    }
    for (const char* const* folder = setting.folders; *folder != nullptr; ++folder) {
        if (!has_failed(child, chdir_call, ::syscall(SYS_chdir, *folder))) {
            child.error = 0;
            child.call = exec_call;
            break;
        }
    }
    return child.error == 0;
}

PEERCRON_CHILD int run_child(void* argument)
{
    Child& child = *static_cast<Child*>(argument);
    if (child.shares_descriptors) {
        int wanted = child.input > child.output ? child.input : child.output;
        if (child.setting != nullptr && child.setting->cgroup > wanted) {
            wanted = child.setting->cgroup;
        }
        if (::syscall(SYS_close_range, wanted + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
            child.error = errno;
            ::syscall(SYS_exit_group, 127);
        }
    }
    ::syscall(SYS_setsid);
    // Before the signal is asked for: a change of user takes it back.
    if (child.setting != nullptr && !apply_setting(child)) ::syscall(SYS_exit_group, 127);
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

/// Pointers to texts, with null at the end.
std::vector<const char*> pointers_to(const std::vector<std::string>& texts)
{
    std::vector<const char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    pointers.push_back(nullptr);
    return pointers;
}

ChildSetting child_setting(const ProgramSetting& setting, const char* const* folders)
{
    ChildSetting child{};
    child.folders = folders;
    child.has_umask = setting.umask.has_value();
    child.umask = setting.umask.value_or(0);
    child.has_nice = setting.nice != 0;
    if (child.has_nice) {
        child.nice = std::clamp(::getpriority(PRIO_PROCESS, 0) + setting.nice, -20, 19);
    }
    if (setting.user) {
        child.user = &*setting.user;
        child.groups = setting.user->groups.data();
        child.group_count = setting.user->groups.size();
    }
    child.cgroup = setting.cgroup;
    return child;
}

NotStarted not_started(std::string_view call, int error)
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
    const std::vector<const char*> paths = pointers_to(program.paths);
    std::vector<const char*> folders;
    ChildSetting setting{};
    if (program.setting != nullptr) {
        folders = pointers_to(program.setting->folders);
        setting = child_setting(*program.setting, folders.data());
    }
    Child child{.paths = paths.data(),
                .arguments = program.arguments,
                .environment = program.environment,
                .input = program.input,
                .output = program.output,
                .shares_descriptors = can_copy_some_descriptors(),
                .open_files = program.open_files,
                .setting = program.setting == nullptr ? nullptr : &setting,
                .parent = ::getpid()};

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
    std::string call = child.call;
    if (child.call == chdir_call) call += " to " + program.setting->folders.back();
    NotStarted failure = not_started(call, child.error);
    failure.is_of_setting = child.call != exec_call;
    return failure;
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
