// spawn_limit COUNT AT_ONCE WORD...: starts a command so many times, at most so many at once, with
// its output read to the end, and waits for each: the least that any scheduler has to do. One
// thread per core. Prints a JSON object. The command finds PEERCRON_JOB_ID=0, and the moment of the
// begin as PEERCRON_SCHEDULED_AT_MS.

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Time = std::chrono::steady_clock::time_point;

[[noreturn]] void fail(const char* what, int error)
{
    throw std::system_error(error, std::generic_category(), what);
}

/// Keeps children of one command going, in one thread.
class Spawner {
public:
    explicit Spawner(char** words) : words_(words) {}

    /// Returns when the last one was started.
    Time run(std::size_t count, std::size_t at_once)
    {
        std::size_t started = 0;
        Time last{};
        while (started < count || !outputs_.empty()) {
            while (started < count && outputs_.size() < at_once) {
                spawn();
                last = std::chrono::steady_clock::now();
                ++started;
            }
            if (::poll(outputs_.data(), outputs_.size(), -1) < 0) fail("poll", errno);
            for (std::size_t i = outputs_.size(); i-- > 0;) {
                if (outputs_[i].revents != 0) read(i);
            }
        }
        return last;
    }

private:
    void spawn()
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2", errno);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
        pid_t pid = 0;
        const int error = ::posix_spawn(&pid, words_[0], &actions, nullptr, words_, environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (error != 0) fail(words_[0], error);
        outputs_.push_back({ends[0], POLLIN, 0});
        pids_.push_back(pid);
    }

    /// At the end of the output it waits for the child and takes it out.
    void read(std::size_t i)
    {
        std::array<char, 4096> buffer{};
        if (::read(outputs_[i].fd, buffer.data(), buffer.size()) > 0) return;
        ::close(outputs_[i].fd);
        if (::waitpid(pids_[i], nullptr, 0) < 0) fail("waitpid", errno);
        outputs_[i] = outputs_.back();
        outputs_.pop_back();
        pids_[i] = pids_.back();
        pids_.pop_back();
    }

    char** words_;
    std::vector<pollfd> outputs_;
    std::vector<pid_t> pids_;
};

double cpu_seconds(int whose)
{
    rusage used{};
    ::getrusage(whose, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::size_t number(const char* text)
{
    const unsigned long value = std::strtoul(text, nullptr, 10);
    if (value == 0) throw std::invalid_argument(std::string("not a count: ") + text);
    return value;
}

void measure(std::size_t count, std::size_t at_once, char** words)
{
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t threads = std::min({cores, at_once, count});
    std::vector<Time> last(threads);
    const auto now =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    ::setenv("PEERCRON_JOB_ID", "0", 1);
    ::setenv("PEERCRON_SCHEDULED_AT_MS", std::to_string(now.time_since_epoch().count()).c_str(), 1);
    const Time begun = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> running;
        for (std::size_t thread = 0; thread < threads; ++thread) {
            const std::size_t share = count / threads + (thread < count % threads ? 1 : 0);
            running.emplace_back([&last, words, thread, share, each = at_once / threads] {
                last[thread] = Spawner(words).run(share, each);
            });
        }
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
    const std::chrono::duration<double> last_start = *std::ranges::max_element(last) - begun;
    const double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    const double spawns = static_cast<double>(count);
    std::printf("{\"per_s\": %.1f, \"last_start_ms\": %.2f, \"cpu_us_each\": %.1f}\n",
                spawns / wall.count(), 1e3 * last_start.count(), 1e6 * cpu / spawns);
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        if (argc < 4) throw std::invalid_argument("usage: spawn_limit COUNT AT_ONCE WORD...");
        measure(number(argv[1]), number(argv[2]), argv + 3);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "spawn_limit: %s\n", error.what());
        return 1;
    }
    return 0;
}
