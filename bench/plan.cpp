// How the plan grows with the number of jobs, from a thousand to a million: the real Dispatcher on
// a store in SQLite, and nodes that are simulated.

#include "base/clock.hpp"
#include "base/event.hpp"
#include "database.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/term_rules.hpp"
#include "parts.hpp"
#include "simulated_cluster.hpp"
#include "stopwatch.hpp"
#include "usage.hpp"

#include <spdlog/fmt/chrono.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes = 3;

/// So that a million of them fire some 40 times a second.
const char* schedule_of(JobId id)
{
    switch (id % 10) {
        case 0:
            return "H * * * *";
        case 8:
            return "H H * * 1";
        case 9:
            return "H H 1 * *";
        default:
            return "0 H H * * *";
    }
}

Job make_job(JobId id, WallTime changed)
{
    Job job;
    job.id = id;
    job.name = fmt::format("tenant-{}-report", id);
    job.cron_set = schedule_of(id);
    job.command = fmt::format("/opt/reports/bin/nightly --tenant {} --output /var/reports", id);
    job.remark = "asked for by the sales department";
    job.effective_from = changed;
    return job;
}

enum class Kind : std::uint8_t { plain, dressed };

void fill(Database& database, std::size_t count, Kind kind, WallTime changed)
{
    const auto make = [&](JobId id) {
        Job job = make_job(id, changed);
        if (kind == Kind::dressed) dress(job);
        return job;
    };
    if (kind == Kind::dressed) database.add_calendars();
    add_many(count, make, [&](const std::vector<Job>& jobs) { database.add(jobs); });
}

double peak_resident_mib()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Through the store and the dispatcher, as a node's API does it.
asio::awaitable<void> change_job(SimulatedCluster& cluster, JobId id, WallTime now)
{
    JobPatch patch;
    patch.set(&Job::remark, "changed at " + std::to_string(to_unix_millis(now)));
    const auto update = [id, &patch, now](Store& store) {
        return store.update_job(id, patch, Edit(now));
    };
    co_await cluster.api_store().call(update);
    std::vector<JobId> jobs{id};
    co_await cluster.node(1).announce(std::move(jobs));
}

asio::awaitable<void> measure_cluster(SimulatedCluster& cluster, std::size_t jobs, bool quick,
                                      boost::json::object& row)
{
    const auto span = quick ? 4s : 10s;
    const double before_mib = resident_mib();
    cluster.start();
    const Stopwatch reading;
    co_await cluster.jobs_known(jobs);
    row["read_all_ms"] = rounded(1e3 * reading.wall());
    row["read_all_cpu_ms"] = rounded(1e3 * reading.cpu());

    co_await sleep_for(100ms);
    const Stopwatch taking_over;
    cluster.win_lock();
    co_await cluster.committed();
    row["take_over_ms"] = rounded(1e3 * taking_over.wall());
    row["take_over_cpu_ms"] = rounded(1e3 * taking_over.cpu());

    const Stopwatch comparing;
    co_await cluster.history_complete();
    row["history_cpu_ms"] = rounded(1e3 * comparing.cpu());

    const Stopwatch idle;
    co_await sleep_for(span);
    row["idle_core_percent"] = rounded(100 * idle.cpu() / idle.wall());

    const SystemClock clock;
    const int changes = quick ? 20 : 100;
    std::vector<double> took;
    const Stopwatch changing;
    for (int i = 0; i < changes; ++i) {
        const Stopwatch one;
        const JobId id = 1 + i * 7 % static_cast<JobId>(jobs);
        co_await change_job(cluster, id, clock.now());
        took.push_back(one.wall());
    }
    std::sort(took.begin(), took.end());
    row["change_median_ms"] = rounded(1e3 * took[took.size() / 2]);
    row["change_cpu_ms"] = rounded(1e3 * changing.cpu() / changes);
    row["rss_mib"] = rounded(resident_mib());
    row["peak_rss_mib"] = rounded(peak_resident_mib());
    row["rss_bytes_per_job"] =
        rounded((resident_mib() - before_mib) * 1024 * 1024 / static_cast<double>(jobs));
    cluster.stop();
    co_await cluster.join();
}

boost::json::object measure_size(const Settings& settings, std::size_t jobs, Kind kind)
{
    Database database(settings.folder);
    boost::json::object row{{"jobs", jobs}};
    const SystemClock clock;
    fill(database, jobs, kind, clock.now() - 24h);
    database.set_planned_through(clock.now());
    asio::io_context io(1);
    ClusterSettings cluster_settings;
    cluster_settings.nodes = nodes;
    cluster_settings.open = [&] { return database.open(); };
    SimulatedCluster cluster(io, cluster_settings);
    auto done =
        asio::co_spawn(io, measure_cluster(cluster, jobs, settings.quick, row), asio::use_future);
    io.run();
    done.get();
    return row;
}

/// All at the same second, step by step.
boost::json::object measure_same_second(const Settings& settings, std::size_t jobs)
{
    const Database database(settings.folder);
    const std::unique_ptr<Store> store = database.open();
    const SystemClock clock;
    const DispatchSettings rules;
    JobTable table("UTC");
    const WallTime due = std::chrono::ceil<std::chrono::seconds>(clock.now()) + 10s;
    const auto at = std::chrono::system_clock::to_time_t(due);
    const std::string schedule = fmt::format("@at {:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(at));
    for (std::size_t i = 1; i <= jobs; ++i) {
        Job job = make_job(static_cast<JobId>(i), due - 24h);
        job.cron_set = schedule;
        table.put(std::move(job), due - 24h);
    }
    Moment now{due - 9s, clock.steady_now()};
    TermRules term(1, "node-0", rules, table, now);
    for (std::size_t i = 0; i < nodes; ++i) {
        Account account;
        account.node = "node-" + std::to_string(i);
        account.incarnation = 1;
        account.slots = 1000;
        term.connected(account.node, account, now);
    }
    TermStart found = store->begin_term(1, "node-0");
    found.planned_through = now.wall;
    term.begin(found, now);
    now.wall = due - rules.lookahead;

    const Stopwatch planning;
    PlanStep step = term.step(now);
    step.number = 1;
    const double step_s = planning.cpu();
    const Stopwatch committing;
    store->commit(step);
    const double commit_s = committing.cpu();
    const double commit_wall_s = committing.wall();
    const Stopwatch sending;
    const std::vector<Outgoing> messages = term.messages(now);
    const double messages_s = sending.cpu();
    const Stopwatch hearing;
    for (const Outgoing& outgoing : messages) {
        for (const RunOrder& order : std::get<RunOrders>(outgoing.message).orders) {
            RunReport report;
            report.id = order.id;
            term.report(outgoing.node, report, now);
            report.state = RunState::success;
            term.report(outgoing.node, report, now);
        }
    }
    const double reports_s = hearing.cpu();
    if (step.runs.size() != jobs || term.open_runs() != 0) {
        throw std::runtime_error("not all of the same second were planned and ended");
    }
    const auto each_us = [&](double seconds) {
        return rounded(1e6 * seconds / static_cast<double>(jobs));
    };
    return {{"jobs", jobs},
            {"step_cpu_ms", rounded(1e3 * step_s)},
            {"commit_cpu_ms", rounded(1e3 * commit_s)},
            {"commit_wall_ms", rounded(1e3 * commit_wall_s)},
            {"messages_cpu_ms", rounded(1e3 * messages_s)},
            {"reports_cpu_ms", rounded(1e3 * reports_s)},
            {"planner_cpu_us_each", each_us(step_s + messages_s + reports_s)},
            {"all_cpu_us_each", each_us(step_s + commit_s + messages_s + reports_s)}};
}

/// Retries that wait: what they take to be read and kept, and what a quiet second of them costs.
boost::json::object measure_waiting(std::size_t waiting)
{
    const SystemClock clock;
    const DispatchSettings rules;
    JobTable table("UTC");
    const WallTime failed = std::chrono::floor<std::chrono::seconds>(clock.now());
    for (std::size_t i = 1; i <= waiting; ++i) {
        // Changed since their fires were due, which does not take those back.
        Job job = make_job(static_cast<JobId>(i), failed - 1h);
        job.cron_set = "@at 2199-01-01T00:00:00Z";
        job.retries = 3;
        table.put(std::move(job), failed - 1h);
    }
    Moment now{failed, clock.steady_now()};
    TermRules term(1, "node-0", rules, table, now);
    const double before_mib = resident_mib();
    TermStart found;
    found.planned_through = now.wall;
    for (std::size_t i = 1; i <= waiting; ++i) {
        const auto id = static_cast<JobId>(i);
        found.waiting.push_back(
            {RunId{id, failed - 1h, 2}, failed + 1h + std::chrono::milliseconds(id), failed, ""});
    }
    const Stopwatch beginning;
    term.begin(found, now);
    const double begin_s = beginning.cpu();
    const double peak_mib = resident_mib();
    found = TermStart();
    term.step(now);
    constexpr int rounds = 1000;
    const Stopwatch idle;
    for (int i = 0; i < rounds; ++i) {
        now.wall += 1ms;
        if (term.has_news(now)) term.step(now);
    }
    if (term.waiting_runs() != waiting) throw std::runtime_error("not all of them wait");
    return {{"waiting", waiting},
            {"begin_cpu_ms", rounded(1e3 * begin_s)},
            {"taking_over_mib", rounded(peak_mib - before_mib)},
            {"kept_mib", rounded(resident_mib() - before_mib)},
            {"limit_mib", 300},
            {"idle_round_cpu_us", rounded(1e6 * idle.cpu() / rounds)}};
}

/// In a process of its own, so that its memory is its own.
boost::json::object in_child(const Settings& settings,
                             const std::function<boost::json::object()>& measure)
{
    const auto file = settings.folder / ("row-" + std::to_string(::getpid()));
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        int status = 1;
        try {
            std::ofstream(file) << boost::json::serialize(measure());
            status = 0;
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
        }
        ::_exit(status);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    std::filesystem::remove(file);
    if (status != 0) throw std::runtime_error("the measuring process failed");
    return boost::json::parse(text.str()).as_object();
}

/// Throws where this many jobs do not fit in memory: swapping would spoil all figures.
void require_memory(std::size_t jobs, Kind kind)
{
    const double mib_per_job = (kind == Kind::dressed ? 4.1 : 2.7) / 1024;  // at the peak
    constexpr double mib_for_others = 1024;  // SQLite's pages, and the system
    std::ifstream meminfo("/proc/meminfo");
    double available = 0;
    for (std::string word; available == 0 && meminfo >> word;) {
        if (word == "MemAvailable:") meminfo >> available;
    }
    const double needed = static_cast<double>(jobs) * mib_per_job + mib_for_others;
    if (available / 1024 < needed) {
        throw std::runtime_error(fmt::format(
            "{} jobs take some {:.0f} MiB of memory, and this machine has {:.0f} MiB free", jobs,
            needed, available / 1024));
    }
}

}  // namespace

void measure_plan(const Settings& settings, Figures& figures)
{
    using Sizes = std::vector<std::size_t>;
    const Sizes sizes = settings.large   ? Sizes{1'000'000, 3'000'000, 6'000'000}
                        : settings.quick ? Sizes{1'000, 10'000, 100'000}
                                         : Sizes{1'000, 10'000, 100'000, 1'000'000};
    const Sizes dressed = settings.large   ? Sizes{}
                          : settings.quick ? Sizes{100'000}
                                           : Sizes{100'000, 1'000'000};
    // Before minutes of measuring that would be lost.
    require_memory(sizes.back(), Kind::plain);
    if (!dressed.empty()) require_memory(dressed.back(), Kind::dressed);
    for (const std::size_t jobs : settings.large ? Sizes{20'000, 100'000} : Sizes{1'000, 10'000}) {
        const auto measure = [&] { return measure_same_second(settings, jobs); };
        figures.add("same_second", in_child(settings, measure));
    }
    if (!settings.large) {
        const std::size_t most_waiting = settings.quick ? 100'000 : 1'000'000;
        figures.add("retries", in_child(settings, [&] { return measure_waiting(most_waiting); }));
    }
    for (const std::size_t jobs : sizes) {
        const auto measure = [&] { return measure_size(settings, jobs, Kind::plain); };
        figures.add("jobs", in_child(settings, measure));
    }
    for (const std::size_t jobs : dressed) {
        const auto measure = [&] { return measure_size(settings, jobs, Kind::dressed); };
        boost::json::object row = in_child(settings, measure);
        if (jobs == 100'000) row["take_over_limit_ms"] = 1000;
        if (jobs == 1'000'000) row["rss_limit_mib"] = 1024;
        figures.add("jobs with tags, calendars and jitter", row);
    }
}

}  // namespace peercron::bench
