// spawn_limit COUNT AT_ONCE WORD...: starts a command COUNT times, as spawn_loop.hpp says. Prints
// a JSON object. The command finds PEERCRON_JOB_ID=0, and the moment of the begin as
// PEERCRON_SCHEDULED_AT_MS.

#include "spawn_loop.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using peercron::bench::Spawned;

std::size_t number(const char* text)
{
    const unsigned long value = std::strtoul(text, nullptr, 10);
    if (value == 0) throw std::invalid_argument(std::string("not a count: ") + text);
    return value;
}

void measure(std::size_t count, std::size_t at_once, const std::vector<std::string>& words)
{
    const auto now =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    ::setenv("PEERCRON_JOB_ID", "0", 1);
    ::setenv("PEERCRON_SCHEDULED_AT_MS", std::to_string(now.time_since_epoch().count()).c_str(), 1);
    const Spawned spawned = peercron::bench::spawn_all(words, count, at_once);
    const double spawns = static_cast<double>(count);
    std::printf("{\"per_s\": %.1f, \"last_start_ms\": %.2f, \"cpu_us_each\": %.1f}\n",
                spawns / spawned.wall_s, 1e3 * spawned.last_started_s,
                1e6 * spawned.cpu_s / spawns);
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        if (argc < 4) throw std::invalid_argument("usage: spawn_limit COUNT AT_ONCE WORD...");
        measure(number(argv[1]), number(argv[2]), {argv + 3, argv + argc});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "spawn_limit: %s\n", error.what());
        return 1;
    }
    return 0;
}
