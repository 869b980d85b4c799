// What it costs a fire that its job says on which nodes it runs: the rules of a dispatcher with 300
// nodes, called directly, in turn with those of one whose jobs do not say it.

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/term_rules.hpp"
#include "model/node_fields.hpp"
#include "parts.hpp"
#include "stopwatch.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes = 300;
constexpr int seconds_of_round = 60;  // in which each job fires once
constexpr WallTime begin_of_term = from_unix_seconds(1'795'219'200);
constexpr double limit_us = 5;

/// Job::run_on of the job.
using RunOn = std::function<std::vector<std::string>(JobId)>;

NodeName node_name(std::size_t node)
{
    return fmt::format("10.0.{}.{}:9991", node / 100, node % 100 + 1);
}

std::vector<std::string> labels_of_node(std::size_t node)
{
    return {fmt::format("zone=z{}", node % 10), fmt::format("host=db{}", node),
            fmt::format("rack=r{}", node % 25), "arch=x86", "disk=ssd"};
}

/// A sixtieth of the jobs is due at each second.
JobTable table_of(std::size_t jobs, const RunOn& run_on)
{
    JobTable table("UTC");
    for (JobId id = 1; id <= static_cast<JobId>(jobs); ++id) {
        Job job;
        job.id = id;
        job.cron_set = fmt::format("{} * * * * *", id % seconds_of_round);
        job.command = "/opt/reports/bin/nightly --output /var/reports";
        job.run_on = run_on(id);
        job.effective_from = begin_of_term - 24h;
        table.put(std::move(job), begin_of_term - 24h);
    }
    return table;
}

/// The rules of one dispatcher, to which all nodes are connected.
class Term {
public:
    Term(std::size_t jobs, const RunOn& run_on)
        : table_(table_of(jobs, run_on)), rules_(1, node_name(0), settings_, table_, now_)
    {
        for (std::size_t node = 0; node < nodes; ++node) {
            Account account;
            account.node = node_name(node);
            account.incarnation = 1;
            account.uptime = 1h;
            account.slots = 1000;
            account.labels = labels_of_node(node);
            account.known_fields = names_of_needs(fields_for_nodes());
            rules_.connected(account.node, account, now_);
        }
        TermStart found;
        found.planned_through = now_.wall;
        rules_.begin(found, now_);
    }

    /// Plans what is due at another second: microseconds of CPU for each fire.
    double plan_second()
    {
        now_.wall += 1s;
        now_.steady += 1s;
        hear_all();
        const Stopwatch planning;
        const PlanStep step = rules_.step(now_);
        const double cpu_us = 1e6 * planning.cpu();
        const auto is_placed = [](const PlannedRun& run) { return !run.run_server.empty(); };
        if (step.runs.empty() || !std::ranges::all_of(step.runs, is_placed)) {
            throw std::runtime_error("not each fire got a node");
        }
        end_all();
        return cpu_us / static_cast<double>(step.runs.size());
    }

private:
    void hear_all()
    {
        NodeBeat beat;
        beat.echo = beat.sent_at = now_.wall;
        beat.load.slots = 1000;
        for (std::size_t node = 0; node < nodes; ++node) rules_.beat(node_name(node), beat, now_);
    }

    void end_all()
    {
        for (const Outgoing& outgoing : rules_.messages(now_)) {
            for (const RunOrder& order : std::get<RunOrders>(outgoing.message).orders) {
                RunReport report;
                report.id = order.id;
                rules_.report(outgoing.node, report, now_);
                report.state = RunState::success;
                rules_.report(outgoing.node, report, now_);
            }
        }
    }

    const DispatchSettings settings_;
    Moment now_{begin_of_term, SteadyTime(1h)};
    JobTable table_;
    TermRules rules_;
};

struct Case {
    const char* example;
    std::size_t different;  ///< among all jobs
    std::size_t fitting;    ///< nodes, for each job
    RunOn run_on;
};

double median(std::vector<double> values)
{
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

/// In turn, so that a machine that becomes slower harms both alike.
boost::json::object compare(const Case& labels, std::size_t jobs, int rounds)
{
    Term plain(jobs, [](JobId) { return std::vector<std::string>(); });
    Term labelled(jobs, labels.run_on);
    for (int second = 0; second < seconds_of_round; ++second) {
        plain.plan_second();
        labelled.plan_second();
    }
    std::vector<double> without;
    std::vector<double> with;
    for (int pair = 0; pair < rounds * seconds_of_round / 2; ++pair) {
        without.push_back(plain.plan_second());
        with.push_back(labelled.plan_second());
        with.push_back(labelled.plan_second());
        without.push_back(plain.plan_second());
    }
    return {{"run_on", labels.example},
            {"different", labels.different},
            {"nodes_that_fit", labels.fitting},
            {"cpu_us_per_fire", rounded(median(with))},
            {"without_us", rounded(median(without))},
            {"more_us", rounded(median(with) - median(without))},
            {"limit_us", limit_us}};
}

}  // namespace

void measure_where(const Settings& settings, Figures& figures)
{
    using Words = std::vector<std::string>;
    const std::size_t jobs = settings.quick ? 20'000 : 100'000;
    const std::vector<Case> all{
        {"!spare", 1, nodes, [](JobId) { return Words{"!spare"}; }},
        {"zone=z7, !spare", 10, nodes / 10,
         [](JobId id) {
             return Words{fmt::format("zone=z{}", id % 10), "!spare"};
         }},
        {"host=db17", nodes, 1,
         [](JobId id) {
             return Words{fmt::format("host=db{}", static_cast<std::size_t>(id) % nodes)};
         }},
        {"zone=z7, !tenant-4717", 5000, nodes / 10,
         [](JobId id) {
             return Words{fmt::format("zone=z{}", id % 10), fmt::format("!tenant-{}", id % 5000)};
         }},
        {"!job-4717", jobs, nodes, [](JobId id) { return Words{fmt::format("!job-{}", id)}; }},
    };
    for (const Case& labels : all) {
        figures.add("a fire", compare(labels, jobs, settings.quick ? 1 : 2));
    }
}

}  // namespace peercron::bench
