// Rows of the ledger per second: by SQL alone into the same tables, by our Store, and by the whole
// dispatcher with simulated nodes; and what a new dispatcher reads at its take-over. On SQLite, and
// on a MariaDB of its own.

#include "base/clock.hpp"
#include "base/event.hpp"
#include "database.hpp"
#include "integration/servers/database_server.hpp"
#include "parts.hpp"
#include "simulated_cluster.hpp"
#include "stopwatch.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/mysql_image.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "usage.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr WallTime first_second = from_unix_seconds(1'795'000'000);
constexpr std::string_view node = "192.168.100.102:9991";
constexpr std::string_view output = "exported 4711 rows in 1.2 s; nothing was left out\n";

/// A kind of database, with what is measured against it.
class Subject {
public:
    virtual ~Subject() = default;
    virtual const char* name() const = 0;
    /// How many nodes use it in real life.
    virtual std::size_t nodes() const = 0;
    /// CPU seconds of its server so far, if it has one.
    virtual double server_cpu() const { return 0; }
    virtual std::unique_ptr<Store> open() = 0;
    virtual void add(const std::vector<Job>& jobs) = 0;
    /// Rows of these runs, in one transaction of nothing but the statements that it takes.
    virtual void insert(const std::vector<RunId>& runs) = 0;
    /// Their ends, likewise.
    virtual void update(const std::vector<RunId>& runs) = 0;
};

class OnSqlite final : public Subject {
public:
    explicit OnSqlite(const std::filesystem::path& folder)
        : database_(folder),
          connection_(database_.settings()),
          insert_(connection_.prepare(
              "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, run_server,"
              " dispatch_server, dispatch_time, epoch) VALUES (?, ?, 1, ?, 'planned', ?, ?, ?, "
              "1)")),
          update_(connection_.prepare(
              "UPDATE log SET state = 'success', started_at = ?, ended_at = ?, exit_code = 0,"
              " output = ? WHERE cron_id = ? AND scheduled_at = ? AND attempt = 1"))
    {}

    const char* name() const override { return "SQLite"; }
    std::size_t nodes() const override { return 1; }
    std::unique_ptr<Store> open() override { return database_.open(); }
    void add(const std::vector<Job>& jobs) override { database_.add(jobs); }

    void insert(const std::vector<RunId>& runs) override
    {
        connection_.execute("BEGIN IMMEDIATE");
        for (const RunId& run : runs) {
            const std::int64_t second = to_unix_seconds(run.scheduled_at);
            insert_.bind(run.job)
                .bind(second * 1000)
                .bind(second)
                .bind(node)
                .bind(node)
                .bind(second)
                .execute();
        }
        connection_.execute("COMMIT");
    }

    void update(const std::vector<RunId>& runs) override
    {
        connection_.execute("BEGIN IMMEDIATE");
        for (const RunId& run : runs) {
            const std::int64_t at = to_unix_millis(run.scheduled_at);
            update_.bind(at).bind(at).bind(output).bind(run.job).bind(at).execute();
        }
        connection_.execute("COMMIT");
    }

private:
    Database database_;
    SqliteConnection connection_;
    SqliteStatement insert_;
    SqliteStatement update_;
};

class OnMariadb final : public Subject {
public:
    OnMariadb()
    {
        server_.start();
        settings_.host = testing::DatabaseServer::host;
        settings_.port = server_.port();
        settings_.user = testing::DatabaseServer::user;
        settings_.password = testing::DatabaseServer::password;
        settings_.database = "peercron_bench";
        image_ = std::make_unique<MysqlImage>(settings_);
        connection_.emplace(settings_);
    }

    const char* name() const override { return "MariaDB"; }
    std::size_t nodes() const override { return 3; }

    double server_cpu() const override
    {
        const auto folder = std::filesystem::path(server_.socket()).parent_path();
        pid_t pid = 0;
        std::ifstream(folder / "pid") >> pid;
        return cpu_seconds_of(pid);
    }

    std::unique_ptr<Store> open() override { return std::make_unique<MysqlStore>(settings_); }
    void add(const std::vector<Job>& jobs) override { add_jobs(*image_, jobs); }

    void insert(const std::vector<RunId>& runs) override
    {
        std::string sql =
            "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
            " dispatch_server, dispatch_time, epoch, output, use_time) VALUES ";
        for (const RunId& run : runs) {
            const std::int64_t second = to_unix_seconds(run.scheduled_at);
            sql += fmt::format("({},{},1,{},'planned','','{}','{}',{},1,'',0),", run.job,
                               second * 1000, second, node, node, second);
        }
        sql.pop_back();
        connection_->execute(sql);
    }

    /// By far the quickest way to change many rows that it knows.
    void update(const std::vector<RunId>& runs) override
    {
        std::string sql =
            "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, started_at, ended_at,"
            " exit_code, output, use_time) VALUES ";
        for (const RunId& run : runs) {
            const std::int64_t at = to_unix_millis(run.scheduled_at);
            sql += fmt::format("({},{},1,{},'success',{},{},0,{},0),", run.job, at, at / 1000, at,
                               at, connection_->quote(output));
        }
        sql.back() = ' ';
        sql +=
            "ON DUPLICATE KEY UPDATE state = VALUES(state), started_at = VALUES(started_at),"
            " ended_at = VALUES(ended_at), exit_code = VALUES(exit_code), output = VALUES(output)";
        connection_->execute(sql);
    }

private:
    // What a server of production has: each commit is on the disk before it is answered.
    testing::DatabaseServer server_{{"--innodb-flush-log-at-trx-commit=1",
                                     "--innodb-buffer-pool-size=512M",
                                     "--innodb-log-file-size=256M"}};
    MysqlSettings settings_;
    std::unique_ptr<MysqlImage> image_;
    std::optional<MysqlConnection> connection_;
};

/// Runs of `jobs` jobs in each of some seconds, from one that was not used before.
std::vector<std::vector<RunId>> next_seconds(std::size_t seconds, std::size_t jobs)
{
    static WallTime second = first_second;
    std::vector<std::vector<RunId>> all(seconds);
    for (std::vector<RunId>& runs : all) {
        second += 1s;
        for (std::size_t job = 1; job <= jobs; ++job) {
            runs.push_back({static_cast<JobId>(job), second, 1});
        }
    }
    return all;
}

PlanStep plan(const std::vector<RunId>& runs)
{
    PlanStep step;
    step.epoch = 1;
    step.dispatch_server = node;
    step.planned_through = runs.front().scheduled_at;
    for (const RunId& id : runs) {
        PlannedRun run;
        run.id = id;
        run.run_server = node;
        run.dispatched_at = id.scheduled_at;
        step.runs.push_back(std::move(run));
    }
    return step;
}

std::vector<RunReport> ends(const std::vector<RunId>& runs)
{
    std::vector<RunReport> reports;
    for (const RunId& id : runs) {
        RunReport report;
        report.id = id;
        report.state = RunState::success;
        report.run_server = node;
        report.dispatch_server = node;
        report.epoch = 1;
        report.started_at = id.scheduled_at;
        report.ended_at = id.scheduled_at;
        report.exit_code = 0;
        report.output = output;
        report.output_bytes = static_cast<std::int64_t>(output.size());
        reports.push_back(std::move(report));
    }
    return reports;
}

/// As Stopwatch, with the server's CPU time.
class Watch {
public:
    explicit Watch(const Subject& subject) : subject_(subject), server_(subject.server_cpu()) {}

    Elapsed elapsed() const
    {
        Elapsed elapsed = own_.elapsed();
        elapsed.cpu_s += subject_.server_cpu() - server_;
        return elapsed;
    }

private:
    const Subject& subject_;
    double server_;
    Stopwatch own_;
};

/// One session plans and another records what was planned, at the same time, as in a node.
Elapsed plan_and_record(Subject& subject, const std::vector<std::vector<RunId>>& seconds)
{
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<const std::vector<RunId>*> planned;
    const std::unique_ptr<Store> planning = subject.open();
    const std::unique_ptr<Store> recording = subject.open();
    const Watch watch(subject);
    std::jthread recorder([&] {
        for (std::size_t done = 0; done < seconds.size(); ++done) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return !planned.empty(); });
            const std::vector<RunId>& runs = *planned.front();
            planned.pop_front();
            lock.unlock();
            recording->record(ends(runs));
        }
    });
    for (const std::vector<RunId>& runs : seconds) {
        planning->commit(plan(runs));
        const std::lock_guard lock(mutex);
        planned.push_back(&runs);
        changed.notify_one();
    }
    recorder.join();
    return watch.elapsed();
}

template <class Work>
Elapsed for_each(const Subject& subject, const std::vector<std::vector<RunId>>& seconds,
                 const Work& work)
{
    const Watch watch(subject);
    for (const std::vector<RunId>& runs : seconds) work(runs);
    return watch.elapsed();
}

void measure_rows(Subject& subject, std::size_t rows_at_once, const Settings& settings,
                  Figures& figures)
{
    const std::size_t rows = settings.quick ? 5'000 : 40'000;
    const std::size_t steps = std::max<std::size_t>(rows / rows_at_once, 1);
    const auto store = subject.open();
    store->begin_term(1, std::string(node));
    const auto raw = next_seconds(steps, rows_at_once);
    const auto ours = next_seconds(steps, rows_at_once);
    const auto both = next_seconds(steps, rows_at_once);
    const Elapsed insert = for_each(subject, raw, [&](const auto& runs) { subject.insert(runs); });
    const Elapsed commit =
        for_each(subject, ours, [&](const auto& runs) { store->commit(plan(runs)); });
    const Elapsed update = for_each(subject, raw, [&](const auto& runs) { subject.update(runs); });
    const Elapsed record =
        for_each(subject, ours, [&](const auto& runs) { store->record(ends(runs)); });
    const Elapsed together = plan_and_record(subject, both);
    const auto total = static_cast<double>(steps * rows_at_once);
    const auto add = [&](const char* what, const Elapsed& limit, const Elapsed& mine) {
        figures.add("rows", {{"store", subject.name()},
                             {"rows_at_once", rows_at_once},
                             {"what", what},
                             {"raw_per_s", rounded(total / limit.wall_s)},
                             {"raw_cpu_us_per_row", rounded(1e6 * limit.cpu_s / total)},
                             {"ours_per_s", rounded(total / mine.wall_s)},
                             {"ours_cpu_us_per_row", rounded(1e6 * mine.cpu_s / total)},
                             {"rate_ratio", rounded(limit.wall_s / mine.wall_s)},
                             {"cpu_ratio", rounded(mine.cpu_s / limit.cpu_s)}});
    };
    add("plan", insert, commit);
    add("record", update, record);
    add("plan and record", {insert.wall_s + update.wall_s, insert.cpu_s + update.cpu_s}, together);
}

asio::awaitable<void> measure_pipeline(Subject& subject, SimulatedCluster& cluster, bool quick,
                                       boost::json::object& row)
{
    const auto span = quick ? 4s : 10s;
    cluster.start();
    cluster.win_lock();
    co_await cluster.committed();
    co_await sleep_for(4s);
    const double planned = cluster.metric("peercron_fires_planned_total");
    const std::size_t ended = cluster.ended() - cluster.waiting();
    const Stopwatch own;
    const Watch all(subject);
    co_await sleep_for(span);
    const Elapsed elapsed = all.elapsed();
    const double own_cpu_s = own.cpu();
    const double seconds = elapsed.wall_s;
    const double fires = cluster.metric("peercron_fires_planned_total") - planned;
    row["planned_per_s"] = rounded(fires / seconds);
    const std::size_t recorded = cluster.ended() - cluster.waiting() - ended;
    row["recorded_per_s"] = rounded(static_cast<double>(recorded) / seconds);
    row["waiting"] = cluster.waiting();
    row["peercron_core_percent"] = rounded(100 * own_cpu_s / seconds);
    row["server_core_percent"] = rounded(100 * (elapsed.cpu_s - own_cpu_s) / seconds);
    row["cpu_us_per_row"] = rounded(1e6 * elapsed.cpu_s / fires);
    cluster.stop();
    co_await cluster.join();
}

/// All that a dispatcher and a node do, besides starting commands.
void measure_dispatcher(Subject& subject, std::size_t nodes, std::size_t per_second,
                        const Settings& settings, Figures& figures)
{
    const SystemClock clock;
    subject.add(every_second(per_second, clock.now()));
    boost::json::object row{{"store", subject.name()}, {"nodes", nodes}, {"due_per_s", per_second}};
    asio::io_context io(1);
    ClusterSettings cluster_settings;
    cluster_settings.nodes = nodes;
    cluster_settings.recording = true;
    cluster_settings.open = [&] { return subject.open(); };
    {
        SimulatedCluster cluster(io, cluster_settings);
        auto done = asio::co_spawn(io, measure_pipeline(subject, cluster, settings.quick, row),
                                   asio::use_future);
        io.run();
        done.get();
    }
    figures.add("pipeline", row);
}

/// Jobs with calendars, of each of which a take-over looks at the newest row: it may be of fires
/// that are planned again. Each has one, of an hour ago.
void measure_take_over(Subject& subject, std::size_t jobs, Figures& figures)
{
    const SystemClock clock;
    const WallTime now = std::chrono::floor<std::chrono::seconds>(clock.now());
    const auto make = [&](JobId id) {
        Job job;
        job.id = id;
        job.cron_set = "0 H H * * *";
        job.command = "/opt/reports/bin/nightly --output /var/reports";
        job.effective_from = now - 24h;
        dress(job);
        return job;
    };
    add_many(jobs, make, [&](const std::vector<Job>& some) { subject.add(some); });
    constexpr std::size_t rows_at_once = 10'000;
    for (std::size_t done = 0; done < jobs;) {
        std::vector<RunId> runs;
        const std::size_t end = std::min(done + rows_at_once, jobs);
        for (; done < end; ++done) runs.push_back({static_cast<JobId>(done + 1), now - 1h, 1});
        subject.insert(runs);
        subject.update(runs);
    }
    const auto store = subject.open();
    const std::string dispatcher(node);
    store->begin_term(1, dispatcher);
    PlanStep step;
    step.epoch = 1;
    step.dispatch_server = dispatcher;
    step.planned_through = now;
    store->commit(step);
    std::vector<Elapsed> takes;
    for (int i = 0; i < 5; ++i) {
        const Watch watch(subject);
        store->begin_term(1, dispatcher);
        takes.push_back(watch.elapsed());
    }
    std::ranges::sort(takes, {}, &Elapsed::wall_s);
    const Elapsed& median = takes[takes.size() / 2];
    figures.add("take-over", {{"store", subject.name()},
                              {"jobs_with_calendars", jobs},
                              {"read_ms", rounded(1e3 * median.wall_s)},
                              {"read_cpu_ms", rounded(1e3 * median.cpu_s)}});
}

void measure_on(const std::function<std::unique_ptr<Subject>()>& make, const Settings& settings,
                Figures& figures)
{
    {
        const auto subject = make();
        for (const std::size_t at_once : {10U, 100U, 1000U}) {
            measure_rows(*subject, at_once, settings, figures);
        }
    }
    for (const std::size_t per_second : {1000U, 5000U, 20'000U}) {
        const auto subject = make();
        measure_dispatcher(*subject, subject->nodes(), per_second, settings, figures);
    }
    using Sizes = std::vector<std::size_t>;
    for (const std::size_t jobs : settings.quick ? Sizes{10'000} : Sizes{10'000, 100'000}) {
        const auto subject = make();
        measure_take_over(*subject, jobs, figures);
    }
}

/// Until the database, or the dispatcher, does not keep up: then less is planned than is due.
void measure_large(const Settings& settings, Figures& figures)
{
    struct Load {
        std::size_t nodes;
        std::size_t per_second;
    };
    for (const Load load : {Load{3, 20'000}, Load{30, 20'000}, Load{3, 40'000}, Load{3, 80'000}}) {
        measure_dispatcher(*std::make_unique<OnMariadb>(), load.nodes, load.per_second, settings,
                           figures);
    }
}

}  // namespace

void measure_store(const Settings& settings, Figures& figures)
{
    ::setenv("PEERCRON_BUILD_DIR", std::filesystem::absolute(settings.folder).c_str(), 1);
    if (settings.large) {
        measure_large(settings, figures);
        return;
    }
    measure_on([&] { return std::make_unique<OnSqlite>(settings.folder); }, settings, figures);
    measure_on([] { return std::make_unique<OnMariadb>(); }, settings, figures);
}

}  // namespace peercron::bench
