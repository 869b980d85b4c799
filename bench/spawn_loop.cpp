#include "spawn_loop.hpp"

#include "stopwatch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace peercron::bench {
namespace {

using Time = std::chrono::steady_clock::time_point;

[[noreturn]] void fail(const char* what, int error)
{
    throw std::system_error(error, std::generic_category(), what);
}

/// Keeps children of one command going, in one thread.
class SpawnLoop {
public:
    explicit SpawnLoop(std::vector<std::string> words) : words_(std::move(words))
    {
        for (std::string& word : words_) arguments_.push_back(word.data());
        arguments_.push_back(nullptr);
    }

    /// Returns when the last one was started.
    Time run(std::size_t count, std::size_t at_once)
    {
        std::size_t started = 0;
        Time last{};
        const auto start = [&] {
            spawn();
            last = std::chrono::steady_clock::now();
            ++started;
        };
        while (started < std::min(count, at_once)) start();
        while (!outputs_.empty()) {
            if (::poll(outputs_.data(), outputs_.size(), -1) < 0) fail("poll", errno);
            for (std::size_t i = outputs_.size(); i-- > 0;) {
                if (outputs_[i].revents == 0 || !has_ended(i)) continue;
                if (started < count) start();
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
        const int error =
            ::posix_spawn(&pid, arguments_[0], &actions, nullptr, arguments_.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (error != 0) fail(arguments_[0], error);
        outputs_.push_back({ends[0], POLLIN, 0});
        pids_.push_back(pid);
    }

    /// Reads what is there; at the end of the output it waits for the child and takes it out.
    bool has_ended(std::size_t i)
    {
        std::array<char, 4096> buffer{};
        if (::read(outputs_[i].fd, buffer.data(), buffer.size()) > 0) return false;
        ::close(outputs_[i].fd);
        if (::waitpid(pids_[i], nullptr, 0) < 0) fail("waitpid", errno);
        outputs_[i] = outputs_.back();
        outputs_.pop_back();
        pids_[i] = pids_.back();
        pids_.pop_back();
        return true;
    }

    std::vector<std::string> words_;
    std::vector<char*> arguments_;
    std::vector<pollfd> outputs_;
    std::vector<pid_t> pids_;
};

}  // namespace

Spawned spawn_all(const std::vector<std::string>& words, std::size_t count, std::size_t at_once)
{
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t threads = std::min({cores, at_once, count});
    std::vector<Time> last(threads);
    const Stopwatch watch;
    const Time begun = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> running;
        for (std::size_t thread = 0; thread < threads; ++thread) {
            const std::size_t share = count / threads + (thread < count % threads ? 1 : 0);
            running.emplace_back([&, thread, share] {
                last[thread] = SpawnLoop(words).run(share, at_once / threads);
            });
        }
    }
    Spawned spawned;
    spawned.wall_s = watch.wall();
    spawned.cpu_s = watch.cpu() + watch.children_cpu();
    const std::chrono::duration<double> latest = *std::ranges::max_element(last) - begun;
    spawned.last_started_s = latest.count();
    return spawned;
}

}  // namespace peercron::bench
