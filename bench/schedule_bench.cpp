#include "schedule/schedule.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono;
using peercron::Expression;
using peercron::Schedule;

constexpr sys_seconds now = sys_days(2026y / 11 / 21) + 13h + 37min + 11s;

struct Case {
    const char* name;
    const char* text;
    const char* zone = "Europe/Berlin";
};

/// What crontabs are full of.
constexpr auto typical = std::to_array<Case>({
    {"every second", "* * * * * *"},
    {"every 15 seconds", "*/15 * * * * *"},
    {"every minute", "0 * * * * *"},
    {"every 5 minutes", "0 */5 * * * *"},
    {"hourly", "@hourly"},
    {"daily", "0 30 2 * * *"},
    {"daily in UTC", "0 30 2 * * *", "UTC"},
    {"spread", "0 H H(0-5) * * *"},
    {"office hours", "0 */10 9-17 * * MON-FRI"},
    {"weekly", "0 0 4 * * SUN"},
    {"monthly", "@monthly"},
    {"last workday", "0 0 18 LW * ?"},
    {"second Friday", "0 0 9 ? * 5#2"},
    {"quarterly", "0 0 0 1 1,4,7,10 *"},
    {"yearly", "@yearly"},
    {"interval", "@every 90s"},
});

/// What takes longest: rare dates, years to skip, times that the clocks always skip.
constexpr auto rare = std::to_array<Case>({
    {"29 February", "0 0 0 29 2 ?"},
    {"29 February on a Sunday", "0 0 0 29 2 */7"},
    {"far year", "0 0 0 1 1 ? 2199"},
    {"far year, date that is never", "0 0 0 29 2 */7 1976,2199"},
    {"past years only", "0 0 0 * * * 1999"},
    {"always skipped by the clocks", "0 */5 2 ? 3 7L"},
    {"skipped, with every exotic day", "0 */5 2 L,LW,L-3,15W,31 3,9 */7"},
    {"exotic days", "59 59 23 1W,5W,10W,20W,31W,L-30,L-29 2 5#5,1L"},
});

Schedule make(const Case& c)
{
    return Schedule::make(c.text, c.zone, 42).value();
}

void measure_parse(benchmark::State& state, Case c)
{
    for (auto _ : state) benchmark::DoNotOptimize(Expression::parse(c.text, 42));
}

void measure_next(benchmark::State& state, Case c)
{
    const Schedule schedule = make(c);
    for (auto _ : state) benchmark::DoNotOptimize(schedule.next(now));
}

/// Fire after fire through the years.
void measure_walk(benchmark::State& state, Case c)
{
    const Schedule schedule = make(c);
    sys_seconds after = now;
    for (auto _ : state) after = schedule.next(after).value_or(now);
}

/// The worst moment to ask: a quarter of a year apart over the whole table.
void measure_worst_moment(benchmark::State& state, Case c)
{
    const Schedule schedule = make(c);
    for (auto _ : state) {
        nanoseconds worst{};
        for (sys_seconds at = sys_days(1970y / 1 / 1); at < sys_days(2200y / 1 / 1);
             at += days(91)) {
            nanoseconds fastest =
                nanoseconds::max();  // of three, so that an interrupt does not count
            for (int i = 0; i < 3; ++i) {
                const auto begin = steady_clock::now();
                benchmark::DoNotOptimize(schedule.next(at));
                fastest = std::min<nanoseconds>(fastest, steady_clock::now() - begin);
            }
            worst = std::max(worst, fastest);
        }
        state.counters["worst_ns"] = static_cast<double>(worst.count());
    }
}

/// A million schedules asked in turn, as a planner with a full heap does: the caches are cold.
void measure_a_million(benchmark::State& state)
{
    std::vector<Schedule> schedules;
    for (int i = 0; i < 1'000'000; ++i) {
        const Case& c = typical[static_cast<std::size_t>(i) % typical.size()];
        schedules.push_back(Schedule::make(c.text, c.zone, i).value());
    }
    std::size_t at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(schedules[at].next(now));
        at = (at + 7919) % schedules.size();
    }
}

[[maybe_unused]] const bool registered = [] {
    const auto add = [](const std::string& what, const Case& c, auto measure) {
        return benchmark::RegisterBenchmark((what + '/' + c.name).c_str(), measure, c);
    };
    for (const Case& c : typical) add("parse", c, measure_parse);
    for (const Case& c : rare) add("parse", c, measure_parse);
    for (const Case& c : typical) add("next", c, measure_next);
    for (const Case& c : rare) add("next", c, measure_next);
    for (const Case& c : typical) add("walk", c, measure_walk);
    for (const Case& c : rare) add("worst_moment", c, measure_worst_moment)->Iterations(3);
    benchmark::RegisterBenchmark("next/a million schedules", measure_a_million);
    return true;
}();

}  // namespace
