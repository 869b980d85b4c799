// What a cron expression costs: to understand it, and to find its next moment.

#include "parts.hpp"
#include "schedule/schedule.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono;

constexpr std::array zones{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"};
constexpr std::int64_t seed = 42;

/// Keeps what is computed from being left out.
template <class T>
void use(const T& value)
{
    asm volatile("" : : "g"(&value) : "memory");
}

double ns_since(steady_clock::time_point begun)
{
    return duration<double, std::nano>(steady_clock::now() - begun).count();
}

/// The fastest of some rounds of so many calls, in ns per call: an interrupt makes a round slow,
/// and nothing makes one fast.
template <class Call>
double ns_per_call(std::size_t rounds, std::size_t calls, const Call& call)
{
    double best = std::numeric_limits<double>::max();
    for (std::size_t round = 0; round < rounds; ++round) {
        const auto begun = steady_clock::now();
        for (std::size_t i = 0; i < calls; ++i) call(i);
        best = std::min(best, ns_since(begun) / static_cast<double>(calls));
    }
    return best;
}

std::vector<std::string> read_corpus(const std::filesystem::path& path)
{
    std::ifstream file(path);
    std::vector<std::string> expressions;
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line.front() != '%') expressions.push_back(line);
    }
    if (expressions.empty()) throw std::runtime_error("no expressions in " + path.string());
    return expressions;
}

/// Moments of the coming ten years, with nothing regular about them.
std::vector<sys_seconds> moments()
{
    constexpr sys_seconds first = sys_days(2026y / 11 / 21) + 13h + 37min + 11s;
    std::vector<sys_seconds> moments;
    for (int i = 0; i < 64; ++i) moments.push_back(first + seconds(i * 4'998'877LL));
    return moments;
}

/// The figures of many expressions: the one in the middle, the 99th of a hundred and the last.
struct Spread {
    double median = 0;
    double p99 = 0;
    double worst = 0;
    std::size_t worst_at = 0;
};

Spread spread_of(const std::vector<double>& figures)
{
    std::vector<double> sorted = figures;
    std::sort(sorted.begin(), sorted.end());
    Spread spread;
    spread.median = sorted[sorted.size() / 2];
    spread.p99 = sorted[(sorted.size() - 1) * 99 / 100];
    spread.worst = sorted.back();
    const auto worst = std::max_element(figures.begin(), figures.end());
    spread.worst_at = static_cast<std::size_t>(worst - figures.begin());
    return spread;
}

void add(Figures& figures, const char* what, const char* zone, const Spread& spread,
         const std::vector<std::string>& expressions)
{
    figures.add("expressions", {{"what", what},
                                {"zone", zone},
                                {"median_ns", rounded(spread.median)},
                                {"p99_ns", rounded(spread.p99)},
                                {"worst_ns", rounded(spread.worst)},
                                {"worst_expression", expressions[spread.worst_at]}});
}

/// What every implementation does at least once: a moment into its fields, and back.
double reference_ns()
{
    std::time_t at = 1'795'000'000;
    return ns_per_call(9, 100'000, [&](std::size_t) {
        std::tm fields{};
        ::gmtime_r(&at, &fields);
        ++fields.tm_sec;
        at = ::timegm(&fields);
    });
}

/// The least moment-to-moment time that this clock shows for a call that does nothing.
double clock_ns()
{
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < 10'000; ++i) {
        const auto begun = steady_clock::now();
        least = std::min(least, ns_since(begun));
    }
    return least;
}

/// The worst moment to ask at, of the whole table, some weeks apart.
double worst_moment_ns(const Schedule& schedule, days apart, double overhead)
{
    double worst = 0;
    for (sys_seconds at = sys_days(1970y / 1 / 1); at < sys_days(2200y / 1 / 1); at += apart) {
        double fastest = std::numeric_limits<double>::max();
        for (int i = 0; i < 3; ++i) {
            const auto begun = steady_clock::now();
            use(schedule.next(at));
            fastest = std::min(fastest, ns_since(begun));
        }
        worst = std::max(worst, fastest - overhead);
    }
    return worst;
}

void measure_parse(const Settings& settings, const std::vector<std::string>& expressions,
                   Figures& figures)
{
    const std::size_t rounds = settings.quick ? 3 : 9;
    std::vector<double> taken;
    std::vector<double> refused;
    std::vector<std::string> bad;
    for (const std::string& text : expressions) {
        const double ns = ns_per_call(rounds, settings.quick ? 100 : 1000,
                                      [&](std::size_t) { use(Expression::parse(text, seed)); });
        if (Expression::parse(text, seed)) {
            taken.push_back(ns);
        } else {
            refused.push_back(ns);
            bad.push_back(text);
        }
    }
    std::vector<std::string> good = expressions;
    std::erase_if(good, [](const std::string& text) { return !Expression::parse(text, seed); });
    add(figures, "parse", "", spread_of(taken), good);
    if (!refused.empty()) add(figures, "refuse", "", spread_of(refused), bad);
}

void measure_next(const Settings& settings, const std::vector<std::string>& expressions,
                  const char* zone, Figures& figures)
{
    const std::vector<sys_seconds> asked = moments();
    const std::size_t rounds = settings.quick ? 3 : 25;
    const double overhead = clock_ns();
    std::vector<double> typical;
    std::vector<double> worst;
    std::vector<std::string> measured;
    for (const std::string& text : expressions) {
        const auto schedule = Schedule::make(text, zone, seed);
        if (!schedule) continue;
        measured.push_back(text);
        typical.push_back(ns_per_call(rounds, 16 * asked.size(), [&](std::size_t i) {
            use(schedule->next(asked[i % asked.size()]));
        }));
        worst.push_back(worst_moment_ns(*schedule, days(settings.quick ? 900 : 45), overhead));
    }
    add(figures, "next", zone, spread_of(typical), measured);
    add(figures, "next, worst moment", zone, spread_of(worst), measured);
}

/// Many schedules asked in turn, as a planner with a full heap does: the caches are cold.
double cold_ns(const Settings& settings, const std::vector<std::string>& expressions)
{
    const std::size_t many = settings.quick ? 200'000 : 1'000'000;
    std::vector<Schedule> schedules;
    schedules.reserve(many);
    std::vector<Schedule> distinct;
    for (const std::string& text : expressions) {
        const auto schedule = Schedule::make(text, "Europe/Berlin", seed);
        if (schedule) distinct.push_back(*schedule);
    }
    for (std::size_t i = 0; i < many; ++i) schedules.push_back(distinct[i % distinct.size()]);
    const sys_seconds now = moments().front();
    std::size_t at = 0;
    return ns_per_call(3, many, [&](std::size_t) {
        use(schedules[at].next(now));
        at = (at + 7919) % many;
    });
}

}  // namespace

void measure_cron(const Settings& settings, Figures& figures)
{
    const std::vector<std::string> expressions = read_corpus(settings.corpus);
    measure_parse(settings, expressions, figures);
    for (const char* zone : zones) measure_next(settings, expressions, zone, figures);
    figures.add("reference",
                {{"expressions", expressions.size()},
                 {"next_of_cold_schedules_ns", rounded(cold_ns(settings, expressions))},
                 {"gmtime_timegm_ns", rounded(reference_ns())}});
}

}  // namespace peercron::bench
