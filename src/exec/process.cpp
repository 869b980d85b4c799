#include "exec/process.hpp"

#include "base/throw_errno.hpp"
#include "exec/command_line.hpp"
#include "exec/start_program.hpp"
#include "model/chain.hpp"

#include <fcntl.h>
#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

std::string words_for(int error)
{
    return std::generic_category().message(error);
}

/// This many threads can spawn at a time and still get a low number each.
constexpr std::size_t low_numbers = 16;

/// Whether a variable of ours is none of a command's business.
bool is_private(std::string_view variable)
{
    const std::string_view name = variable.substr(0, variable.find('='));
    // systemd.exec(5), "Environment Variables in Spawned Processes".
    static constexpr std::array<std::string_view, 23> of_systemd{
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_PID",
        "LISTEN_PIDFDID",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "MAINPID",
        "MANAGERPID",
        "MANAGERPIDFDID",
        "PIDFILE",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "LOG_NAMESPACE",
        "SYSTEMD_EXEC_PID",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
    };
    if (std::ranges::find(of_systemd, name) != of_systemd.end()) return true;
    if (!name.starts_with("PEERCRON_")) return false;
    static constexpr std::array<std::string_view, 3> secrets{"PASSWORD", "SECRET", "TOKEN"};
    const auto is_named = [name](std::string_view secret) {
        return name.find(secret) != std::string_view::npos;
    };
    return std::ranges::any_of(secrets, is_named);
}

/// Set for each run.
bool is_of_a_run(std::string_view variable)
{
    static constexpr std::array<std::string_view, 11> names{
        "PEERCRON_JOB_ID=",  "PEERCRON_SCHEDULED_AT=", "PEERCRON_SCHEDULED_AT_MS=",
        "PEERCRON_ATTEMPT=", "PEERCRON_LAST_ATTEMPT=", "PEERCRON_NODE=",
        "PEERCRON_EPOCH=",   "PEERCRON_PARENT_",       "PEERCRON_REHEARSAL=",
        "PEERCRON_SHARD=",   "PEERCRON_SHARDS=",
    };
    const auto is_name = [variable](std::string_view name) { return variable.starts_with(name); };
    return std::ranges::any_of(names, is_name);
}

std::vector<std::string> inherited_environment()
{
    std::vector<std::string> kept;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!is_private(*variable) && !is_of_a_run(*variable)) kept.emplace_back(*variable);
    }
    return kept;
}

std::vector<std::string> run_environment(const RunOrder& order, const NodeName& node)
{
    const auto scheduled = order.id.scheduled_at;
    const auto whole = std::chrono::floor<std::chrono::seconds>(scheduled);
    const auto utc = fmt::gmtime(std::chrono::system_clock::to_time_t(whole));
    std::vector<std::string> variables{
        fmt::format("PEERCRON_JOB_ID={}", order.id.job),
        fmt::format("PEERCRON_SCHEDULED_AT={:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc,
                    (scheduled - whole).count()),
        fmt::format("PEERCRON_SCHEDULED_AT_MS={}", to_unix_millis(scheduled)),
        fmt::format("PEERCRON_ATTEMPT={}", order.id.attempt),
        fmt::format("PEERCRON_LAST_ATTEMPT={}", std::max(order.last_attempt, order.id.attempt)),
        fmt::format("PEERCRON_NODE={}", node),
        fmt::format("PEERCRON_EPOCH={}", order.epoch),
        fmt::format("PEERCRON_SHARD={}", order.id.part),
        fmt::format("PEERCRON_SHARDS={}", order.id.parts),
    };
    if (order.rehearsal) variables.emplace_back("PEERCRON_REHEARSAL=1");
    if (const auto parent = parse_parent_end(order.parent)) {
        std::ranges::move(parent_variables(*parent, scheduled), std::back_inserter(variables));
    }
    return variables;
}

/// The form in which exec wants strings; valid as long as they are.
class Pointers {
public:
    explicit Pointers(std::size_t size) { pointers_.reserve(size + 1); }
    void add(const std::string& text) { pointers_.push_back(const_cast<char*>(text.c_str())); }
    char* const* get()
    {
        pointers_.push_back(nullptr);
        return pointers_.data();
    }

private:
    std::vector<char*> pointers_;
};

/// One that is above those of standard input, output and error, which are open afterwards.
FileDescriptor open_null()
{
    for (;;) {
        FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
        if (!null) throw_errno("/dev/null");
        if (null.get() > STDERR_FILENO) return null;
        null.release();
    }
}

/// The value of PATH; nullopt: it is not set.
std::optional<std::string> search_path_of(const std::vector<std::string>& environment)
{
    constexpr std::string_view name = "PATH=";
    const auto is_path = [name](std::string_view variable) { return variable.starts_with(name); };
    const auto path = std::ranges::find_if(environment, is_path);
    if (path == environment.end()) return std::nullopt;
    return path->substr(name.size());
}

/// This program's peak resident size in KiB, or an earlier one that is not below `size`: it only
/// grows, and asking for it takes a look at each thread.
long own_peak(long size)
{
    static std::atomic<long> known = 0;
    if (size <= known) return known;
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    known = own.ru_maxrss;
    return known;
}

}  // namespace

void signal_group(const Process& process, int signal)
{
    // Fails only when nobody is left to be signalled.
    ::kill(-process.pid, signal);
}

bool has_exited(const Process& process)
{
    siginfo_t info{};
    const int done =
        ::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT);
    return done == 0 && info.si_pid != 0;
}

ProcessEnd reap(const Process& process)
{
    int status = 0;
    rusage usage{};
    pid_t reaped = 0;
    do {
        reaped = ::wait4(process.pid, &status, 0, &usage);
    } while (reaped < 0 && errno == EINTR);
    if (reaped < 0) throw_errno("wait4");

    ProcessEnd end;
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.term_signal = WTERMSIG(status);
    const auto to_duration = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    end.cpu_time = std::chrono::round<std::chrono::milliseconds>(to_duration(usage.ru_utime) +
                                                                 to_duration(usage.ru_stime));
    if (usage.ru_maxrss > own_peak(usage.ru_maxrss)) {
        end.max_rss = std::int64_t{usage.ru_maxrss} * 1024;
    }
    return end;
}

Spawner::Spawner(NodeName node, std::string shell, CommandRules rules, const Clock& clock,
                 std::optional<rlimit> open_files)
    : node_(std::move(node)),
      shell_(std::move(shell)),
      setups_(std::move(rules)),
      clock_(clock),
      open_files_(open_files),
      null_(open_null()),
      low_numbers_(null_.get(), low_numbers),
      environment_(inherited_environment()),
      search_path_(search_path_of(environment_).value_or("/bin:/usr/bin"))
{
    if (std::signal(SIGCHLD, SIG_DFL) == SIG_ERR) throw_errno("signal");
}

Result<Process, SpawnFailure> Spawner::spawn(const RunOrder& order) const
{
    if (order.command.find('\0') != std::string::npos) {
        return SpawnFailure{"the command contains a NUL character, which no command may"};
    }
    auto made = setups_.make(order);
    if (!made) return made.error();
    auto process = start_command(order, made->get());
    if (process && *made != nullptr) {
        (*made)->input.close();
        if ((*made)->control_group) (*made)->control_group->close();
        process->setup = *std::move(made);
    }
    return process;
}

Result<Process, SpawnFailure> Spawner::spawn_program(const std::string& file,
                                                     const std::vector<std::string>& variables,
                                                     const std::string& input) const
{
    auto text = input_with(input);
    if (!text) return text.error();
    CommandSetup setup;
    setup.input = *std::move(text);
    Pointers environment(environment_.size() + variables.size());
    for (const std::string& variable : environment_) environment.add(variable);
    for (const std::string& variable : variables) environment.add(variable);
    return start({file}, {file}, environment.get(), &setup);
}

Result<Process, SpawnFailure> Spawner::start_command(const RunOrder& order,
                                                     const CommandSetup* setup) const
{
    const auto own = run_environment(order, node_);
    Pointers environment(environment_.size() + own.size() +
                         (setup == nullptr ? 0 : setup->environment.size()));
    for (const std::string& variable : environment_) {
        if (setup == nullptr || !setup->replaces(variable)) environment.add(variable);
    }
    for (const std::string& variable : own) environment.add(variable);
    if (setup != nullptr) {
        for (const std::string& variable : setup->environment) environment.add(variable);
    }
    char* const* const variables = environment.get();

    if (const auto words = plain_words(order.command)) {
        const bool is_fixed = setup != nullptr && !setup->program.empty();
        auto process =
            start(*words, is_fixed ? std::vector{setup->program} : paths_of(words->front(), setup),
                  variables, setup);
        if (process || is_fixed || process.error().is_shortage ||
            process.error().cause != Cause::none) {
            return process;
        }
        // The shell says it in the words that people know, with exit code 126 or 127.
    }
    return start({shell_, "-c", order.command}, program_paths(shell_, search_path_), variables,
                 setup);
}

/// Where the command's program may be, by the PATH that the command gets.
std::vector<std::string> Spawner::paths_of(const std::string& name, const CommandSetup* setup) const
{
    const auto own = setup == nullptr ? std::nullopt : search_path_of(setup->environment);
    return program_paths(name, own.value_or(search_path_));
}

Result<Process, SpawnFailure> Spawner::start(const std::vector<std::string>& words,
                                             const std::vector<std::string>& paths,
                                             char* const* environment,
                                             const CommandSetup* setup) const
{
    const auto refused = [&words](const std::string& why, int error) {
        return SpawnFailure{fmt::format("cannot start {}: {}", words.front(), why),
                            is_shortage(error)};
    };
    const auto call_refused = [&refused](const char* call) {
        const int error = errno;
        return refused(fmt::format("{}: {}", call, words_for(error)), error);
    };
    Pointers arguments(words.size());
    for (const std::string& word : words) arguments.add(word);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return call_refused("pipe");
    Process process;
    process.output = FileDescriptor(ends[0]);
    const FileDescriptor writing(ends[1]);
    if (::fcntl(process.output.get(), F_SETFL, O_NONBLOCK) != 0) {
        return call_refused("fcntl");
    }
    process.started_at = clock_.now();
    process.started = clock_.steady_now();
    const LowNumbers::Loan low(low_numbers_, writing.get());
    Program program{.paths = paths,
                    .arguments = arguments.get(),
                    .environment = environment,
                    .input = null_.get(),
                    .output = low.get(),
                    .open_files = open_files_ ? &*open_files_ : nullptr};
    if (setup != nullptr) {
        program.setting = &setup->setting;
        if (setup->input) program.input = setup->input.get();
    }
    auto started = start_program(program);
    if (!started) {
        const NotStarted& no = started.error();
        SpawnFailure failure = refused(no.message, no.error);
        if (no.is_of_setting) failure.cause = Cause::refused;
        return failure;
    }
    process.pid = started->pid;
    process.pidfd = std::move(started->pidfd);
    return process;
}

}  // namespace peercron
