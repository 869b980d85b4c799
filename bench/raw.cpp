// How many commands per second can be started, read to the end of their output, and waited for: by
// the least that does it, and by the Executor.

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "exec/executor.hpp"
#include "parts.hpp"
#include "spawn_loop.hpp"
#include "stopwatch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace peercron::bench {
namespace {

struct Command {
    const char* name;
    const char* text;  ///< what the Executor is given
    std::vector<std::string> words;
};

std::vector<Command> commands()
{
    return {{"direct", "/bin/true", {"/bin/true"}},
            // The semicolon keeps the Executor from running the program without the shell.
            {"shell", "true;", {"/bin/sh", "-c", "true;"}}};
}

RunOrders orders(const Command& command, std::size_t count, WallTime now)
{
    RunOrders message;
    for (std::size_t run = 0; run < count; ++run) {
        RunOrder order;
        order.id = RunId{static_cast<JobId>(run), now, 1};
        order.command = command.text;
        order.start_at = now;
        order.start_by = now + std::chrono::minutes(10);
        order.epoch = 1;
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

Spawned run_executor(const Command& command, std::size_t count, std::size_t at_once)
{
    asio::io_context io(1);
    const SystemClock clock;
    ExecSettings settings;
    settings.node = "127.0.0.1:9991";
    settings.rules.slots = at_once;
    std::size_t started = 0;
    std::size_t ended = 0;
    Spawned took;
    const Stopwatch watch;
    TaskGroup tasks(io.get_executor());
    const auto on_report = [&](const RunReport& report) {
        if (report.state == RunState::running && ++started == count) {
            took.last_started_s = watch.wall();
        }
        if (!is_final(report.state)) return;
        if (report.state != RunState::success) {
            throw std::runtime_error("a run ended otherwise: " + to_string(report.reason));
        }
        if (++ended < count) return;
        took.wall_s = watch.wall();
        took.cpu_s = watch.cpu() + watch.children_cpu();
        tasks.cancel();
    };
    Executor executor(io.get_executor(), clock, settings, on_report);
    tasks.spawn("executor", executor.run());
    tasks.spawn("beat", beat(executor));
    executor.accept(orders(command, count, clock.now()));
    asio::co_spawn(io, tasks.join(), asio::detached);
    io.run();
    return took;
}

double per_second(const Spawned& took, std::size_t count)
{
    return static_cast<double>(count) / took.wall_s;
}

/// The one in the middle, by wall time.
template <class Run>
Spawned median_of(std::size_t rounds, const Run& run)
{
    std::vector<Spawned> all;
    for (std::size_t round = 0; round < rounds; ++round) all.push_back(run());
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(rounds / 2);
    std::nth_element(all.begin(), middle, all.end(),
                     [](const Spawned& a, const Spawned& b) { return a.wall_s < b.wall_s; });
    return *middle;
}

void measure(const Command& command, std::size_t at_once, const Settings& settings,
             Figures& figures)
{
    const std::size_t count = settings.quick ? 1000 : 4000;
    const std::size_t rounds = settings.quick ? 1 : 3;
    const auto per_run = [&](const Spawned& took) {
        return rounded(1e6 * took.cpu_s / static_cast<double>(count));
    };
    const Spawned bare =
        median_of(rounds, [&] { return spawn_all(command.words, count, at_once); });
    const Spawned ours = median_of(rounds, [&] { return run_executor(command, count, at_once); });
    figures.add(std::string("spawn_") + command.name,
                {{"at_once", at_once},
                 {"raw_per_s", rounded(per_second(bare, count))},
                 {"raw_cpu_us_each", per_run(bare)},
                 {"executor_per_s", rounded(per_second(ours, count))},
                 {"executor_cpu_us_each", per_run(ours)},
                 {"rate_ratio", rounded(bare.wall_s / ours.wall_s)},
                 {"cpu_ratio", rounded(ours.cpu_s / bare.cpu_s)}});
}

/// As soon as possible: what many jobs at the same second are compared with.
void measure_burst(const Command& command, std::size_t at_once, const Settings& settings,
                   Figures& figures)
{
    constexpr std::size_t count = 1000;
    const std::size_t rounds = settings.quick ? 1 : 5;
    const Spawned bare =
        median_of(rounds, [&] { return spawn_all(command.words, count, at_once); });
    const Spawned ours = median_of(rounds, [&] { return run_executor(command, count, at_once); });
    figures.add(std::string("burst_of_1000_") + command.name,
                {{"at_once", at_once},
                 {"raw_last_start_ms", rounded(1e3 * bare.last_started_s)},
                 {"raw_all_ended_ms", rounded(1e3 * bare.wall_s)},
                 {"executor_last_start_ms", rounded(1e3 * ours.last_started_s)},
                 {"executor_all_ended_ms", rounded(1e3 * ours.wall_s)},
                 {"last_start_ratio", rounded(ours.last_started_s / bare.last_started_s)}});
}

}  // namespace

void measure_raw(const Settings& settings, Figures& figures)
{
    for (const Command& command : commands()) {
        for (const std::size_t at_once : {1U, 4U, 16U, 64U}) {
            measure(command, at_once, settings, figures);
        }
        for (const std::size_t at_once : {16U, 64U, 1000U}) {
            measure_burst(command, at_once, settings, figures);
        }
    }
}

}  // namespace peercron::bench
