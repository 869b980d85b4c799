#include "api/job_metrics.hpp"

#include "model/job_statistics.hpp"
#include "model/outcome.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::size_t jobs_at_once = 500;

/// The families, in the order in which they are shown.
class JobFamilies {
public:
    void add(const Job& job, const RunLimits& limits, const JobInsight& insight)
    {
        const JobStatistics& past = insight.statistics;
        const std::vector<prometheus::ClientMetric::Label> labels{
            {"cron_id", std::to_string(job.id)}, {"name", job.name}};
        const auto put = [&labels](MetricFamily & family, double value) -> auto&
        {
            prometheus::ClientMetric metric;
            metric.label = labels;
            metric.counter.value = value;
            metric.gauge.value = value;
            return family.metric.emplace_back(std::move(metric));
        };
        const auto put_quantile = [&put](MetricFamily& family, const char* quantile,
                                         const Distribution& values, double q) {
            constexpr double millis = 1000;
            const std::optional<std::int64_t> value = values.quantile(q);
            if (!value) return;
            put(family, static_cast<double>(*value) / millis)
                .label.push_back({"quantile", quantile});
        };
        const std::optional<Outcome> last = past.last_outcome();
        put(runs_, static_cast<double>(past.runs()));
        put(successes_, static_cast<double>(past.successes()));
        put(running_, static_cast<double>(insight.running));
        put(stopped_, job.stop ? 1 : 0);
        put(failing_, last && is_failure(*last) ? 1 : 0);
        put(missed_, last && is_missed(*last) ? 1 : 0);
        if (const auto at = past.last_success_at()) {
            put(last_success_, static_cast<double>(to_unix_seconds(*at)));
        }
        put_quantile(duration_, "0.5", past.use_time(), 0.5);
        put_quantile(duration_, "0.95", past.use_time(), 0.95);
        put_quantile(lateness_, "0.5", past.lateness(), 0.5);
        put_quantile(lateness_, "0.99", past.lateness(), 0.99);
        if (limits.late_goal.count() == 0) return;
        constexpr double millis = 1000;
        put(goal_, static_cast<double>(limits.late_goal.count()) / millis);
        // A goal that is new has no fires yet.
        const bool is_counted = insight.goal.goal() == limits.late_goal;
        const GoalCount count = is_counted ? insight.goal.all() : GoalCount();
        put(goal_fires_, static_cast<double>(count.fires));
        put(goal_met_, static_cast<double>(count.met));
    }

    void leave_out(std::size_t jobs)
    {
        left_out_.metric.front().gauge.value = static_cast<double>(jobs);
    }

    std::vector<MetricFamily> take()
    {
        std::vector<MetricFamily> all;
        for (MetricFamily* const family :
             {&runs_, &successes_, &running_, &stopped_, &failing_, &missed_, &last_success_,
              &duration_, &lateness_, &goal_, &goal_fires_, &goal_met_, &left_out_}) {
            if (!family->metric.empty()) all.push_back(std::move(*family));
        }
        return all;
    }

private:
    MetricFamily runs_{
        "peercron_job_runs_total", "Attempts of a job that ran", MetricType::Counter, {}};
    MetricFamily successes_{
        "peercron_job_successes_total", "Those that succeeded", MetricType::Counter, {}};
    MetricFamily running_{
        "peercron_job_running", "Runs of a job that run now", MetricType::Gauge, {}};
    MetricFamily stopped_{"peercron_job_stopped", "1: the job is stopped", MetricType::Gauge, {}};
    MetricFamily failing_{
        "peercron_job_failing", "1: the newest fire of the job failed", MetricType::Gauge, {}};
    MetricFamily missed_{"peercron_job_missed",
                         "1: the newest fire of the job was missed, or lost",
                         MetricType::Gauge,
                         {}};
    MetricFamily last_success_{"peercron_job_last_success_timestamp_seconds",
                               "When the newest fire that succeeded was due, in Unix seconds",
                               MetricType::Gauge,
                               {}};
    MetricFamily duration_{"peercron_job_duration_seconds",
                           "How long runs of the job that succeeded usually take",
                           MetricType::Gauge,
                           {}};
    MetricFamily lateness_{"peercron_job_lateness_seconds",
                           "How much after their time runs of the job usually start",
                           MetricType::Gauge,
                           {}};
    MetricFamily goal_{"peercron_job_late_goal_seconds",
                       "How soon after its time a fire of the job should start",
                       MetricType::Gauge,
                       {}};
    MetricFamily goal_fires_{"peercron_job_goal_fires_total",
                             "Fires of the job since it has this goal, the missed ones too",
                             MetricType::Counter,
                             {}};
    MetricFamily goal_met_{"peercron_job_goal_met_total",
                           "Those of them that started in time",
                           MetricType::Counter,
                           {}};
    MetricFamily left_out_{"peercron_jobs_left_out",
                           "Jobs that are not here, because there are more than [metrics] jobs",
                           MetricType::Gauge,
                           {prometheus::ClientMetric()}};
};

}  // namespace

std::vector<MetricFamily> job_metrics(Store& store, const NoticeDefaults& inherited,
                                      std::size_t most)
{
    JobFamilies families;
    std::size_t shown = 0;
    for (JobId after = 0; shown < most;) {
        const std::vector<Job> jobs = store.jobs_after(after, std::min(jobs_at_once, most - shown));
        if (jobs.empty()) break;
        std::vector<JobId> ids;
        for (const Job& job : jobs) ids.push_back(job.id);
        // A job that was deleted meanwhile has a past without runs.
        const std::vector<JobInsight> insights = store.find_insights(ids);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            families.add(jobs[i], run_limits(inherited, jobs[i]), insights[i]);
        }
        shown += jobs.size();
        after = ids.back();
    }
    const auto total = static_cast<std::size_t>(store.job_counts().total);
    families.leave_out(total - std::min(total, shown));
    return families.take();
}

}  // namespace peercron
