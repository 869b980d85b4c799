// How many commands per second can be started and waited for, with their output read: by a bare
// posix_spawn loop, and by the Executor. Both keep `at_once` of them going.

#include "exec/executor.hpp"

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t runs = 2000;
constexpr std::size_t at_once = 32;

/// The least that can be done: a pipe, a spawn, a read to the end, a wait.
void run_bare(const char* command)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    std::array<char*, 4> arguments{shell.data(), option.data(), text.data(), nullptr};
    pid_t pid = 0;
    if (::posix_spawn(&pid, "/bin/sh", &actions, nullptr, arguments.data(), environ) != 0) {
        std::abort();
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::array<char, 4096> buffer{};
    while (::read(ends[0], buffer.data(), buffer.size()) > 0) continue;
    ::close(ends[0]);
    ::waitpid(pid, nullptr, 0);
}

void bare_posix_spawn(benchmark::State& state)
{
    for (auto _ : state) {
        std::vector<std::jthread> threads;
        for (std::size_t thread = 0; thread < at_once; ++thread) {
            threads.emplace_back([] {
                for (std::size_t run = 0; run < runs / at_once; ++run) run_bare("exit 0");
            });
        }
    }
    state.SetItemsProcessed(state.iterations() *
                            static_cast<std::int64_t>(runs / at_once * at_once));
}

RunOrders orders(const char* command, WallTime now)
{
    RunOrders message;
    for (std::size_t run = 0; run < runs; ++run) {
        RunOrder order;
        order.id = RunId{static_cast<JobId>(run), now, 1};
        order.command = command;
        order.start_at = now;
        order.start_by = now + std::chrono::minutes(10);
        message.orders.push_back(std::move(order));
    }
    return message;
}

asio::awaitable<void> beat(Executor& executor)
{
    for (;;) {
        executor.dispatcher_heard(1);
        co_await sleep_for(std::chrono::milliseconds(100));
    }
}

void run_all(const char* command)
{
    asio::io_context io(1);
    const SystemClock clock;
    ExecSettings settings;
    settings.node = "127.0.0.1:9991";
    settings.rules.slots = at_once;
    std::size_t ended = 0;
    TaskGroup tasks(io.get_executor());
    const auto on_report = [&](const RunReport& report) {
        if (is_final(report.state) && ++ended == runs) tasks.cancel();
    };
    Executor executor(io.get_executor(), clock, settings, on_report);
    tasks.spawn("executor", executor.run());
    tasks.spawn("beat", beat(executor));
    executor.accept(orders(command, clock.now()));
    asio::co_spawn(io, tasks.join(), asio::detached);
    io.run();
}

void executor_with_shell(benchmark::State& state)
{
    for (auto _ : state) run_all("exit 0");
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(runs));
}

void executor_without_shell(benchmark::State& state)
{
    for (auto _ : state) run_all("true");
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(runs));
}

BENCHMARK(bare_posix_spawn)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(executor_with_shell)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(executor_without_shell)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace peercron
