// What statistics and the states that notices follow cost a fire: the work of a node, without its
// database, for one fire of a job at a time. Where several fires of a job end together it is less.

#include "base/clock.hpp"
#include "notify/job_watch.hpp"
#include "notify/notice_rules.hpp"
#include "parts.hpp"
#include "stopwatch.hpp"
#include "store/ended_fires.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr WallTime first_fire = from_unix_seconds(1'795'000'000);
constexpr std::size_t jobs = 200;
constexpr int runs_before = 1000;  // of each: more than statistics remember

/// Runs as real ones are: most take about as long, some far longer, and one of a hundred fails.
class Runs {
public:
    EndedFire next(JobId job, int number)
    {
        EndedFire fire;
        fire.job = job;
        fire.run_server = "10.0.0.1:9991";
        EndedRun& run = fire.run;
        run.scheduled_at = first_fire + number * 60s;
        run.started_at = run.scheduled_at + std::chrono::milliseconds(random_() % 8);
        run.use_time = std::chrono::milliseconds(static_cast<std::int64_t>(time_(random_)));
        run.output_bytes = static_cast<std::int64_t>(random_() % 5000);
        run.max_rss = std::int64_t{20 << 20U} + static_cast<std::int64_t>(random_() % (8 << 20U));
        run.outcome = random_() % 100 == 0 ? Outcome::failed : Outcome::success;
        return fire;
    }

private:
    std::mt19937 random_{1};
    std::lognormal_distribution<double> time_{8.0, 0.7};  // milliseconds
};

/// The columns of table cron_counter, read as a row of a query is.
struct Row {
    StatisticsColumns columns;

    std::string_view text(int column) const
    {
        if (column == 0) return columns.statistics;
        const auto& other = column == 1 ? columns.goal : columns.oddities;
        return other ? std::string_view(*other) : std::string_view();
    }
};

/// CPU time per fire, in microseconds, and how long the columns are in the end.
std::pair<double, std::size_t> cost_of_statistics(int rounds, std::chrono::milliseconds goal)
{
    Runs runs;
    std::vector<Row> rows(jobs);
    const auto add_one = [&](std::size_t job, int number) {
        std::map<JobId, KeptPast> pasts;
        KeptPast past = read_kept_past(rows[job], 0).value_or(KeptPast());
        past.late_goal = goal;
        EndedFire fire = runs.next(static_cast<JobId>(job), number);
        pasts.emplace(fire.job, std::move(past));
        std::map<TallyKey, RunTally> none;
        add({&fire, 1}, pasts, none);
        rows[job].columns = columns_of(pasts.begin()->second);
    };
    for (int run = 0; run < runs_before; ++run) {
        for (std::size_t job = 0; job < jobs; ++job) add_one(job, run);
    }
    const Stopwatch watch;
    for (int i = 0; i < rounds; ++i) {
        add_one(static_cast<std::size_t>(i) % jobs, runs_before + i / static_cast<int>(jobs));
    }
    const double cost = 1e6 * watch.cpu() / rounds;
    const StatisticsColumns& columns = rows.front().columns;
    return {cost, columns.statistics.size() + columns.goal.value_or("").size()};
}

/// The same of a look at the end of a run, which the dispatcher takes of jobs that want notices.
double cost_of_states(int rounds)
{
    const NoticeRules rules{NoticeDefaults()};
    Job job;
    job.id = 1;
    job.cron_set = "0 * * * * *";
    Runs runs;
    std::string watch = watch_text(read_watch("", first_fire));
    std::size_t notices = 0;
    const Stopwatch stopwatch;
    for (int i = 0; i < rounds; ++i) {
        const EndedFire fire = runs.next(job.id, i);
        LogRow row;
        row.id = i + 1;
        row.run.id = {job.id, fire.run.scheduled_at, 1};
        row.run.state = fire.run.outcome == Outcome::success ? RunState::success : RunState::failed;
        row.run.started_at = fire.run.started_at;
        row.run.ended_at = *fire.run.started_at + fire.run.use_time;
        row.run.use_time = fire.run.use_time;
        WatchedJob watched = read_watch(watch, first_fire);
        notices += rules.ended(job, row, watched).size();
        watch = watch_text(watched);
    }
    const double cost = 1e6 * stopwatch.cpu() / rounds;
    if (notices == 0) throw std::runtime_error("some runs have failed, without a notice");
    return cost;
}

}  // namespace

void measure_insight(const Settings& settings, Figures& figures)
{
    const int rounds = settings.quick ? 20'000 : 400'000;
    const auto note = [&figures](std::string_view what, double cost, std::size_t bytes) {
        boost::json::object row{{"what", std::string(what)}, {"cpu_us_per_fire", rounded(cost)}};
        if (bytes > 0) row["bytes_per_job"] = bytes;
        figures.add("a fire", row);
    };
    const auto [plain, bytes] = cost_of_statistics(rounds, 0ms);
    note("statistics", plain, bytes);
    const auto [with_goal, bytes_with_goal] = cost_of_statistics(rounds, 50ms);
    note("statistics with late_goal", with_goal, bytes_with_goal);
    note("states", cost_of_states(rounds), 0);
}

}  // namespace peercron::bench
