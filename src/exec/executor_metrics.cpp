#include "exec/executor_metrics.hpp"

#include <chrono>
#include <string>

namespace peercron {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help)
{
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double seconds(std::chrono::milliseconds time)
{
    return std::chrono::duration<double>(time).count();
}

}  // namespace

ExecutorMetrics::ExecutorMetrics(prometheus::Registry& registry, std::size_t http_slots)
    : lateness_(prometheus::BuildHistogram()
                    .Name("peercron_run_lateness_seconds")
                    .Help("From when a first attempt was due to the start of its command.")
                    .Register(registry)
                    .Add({}, prometheus::Histogram::BucketBoundaries{.001, .002, .005, .01, .025,
                                                                     .05, .1, .25, 1, 3, 10, 60})),
      duration_(
          prometheus::BuildHistogram()
              .Name("peercron_run_duration_seconds")
              .Help("How long commands ran.")
              .Register(registry)
              .Add({}, prometheus::Histogram::BucketBoundaries{.005, .01, .05, .1, .5, 1, 5, 30, 60,
                                                               300, 1800, 3600, 21600})),
      slots_(gauge(registry, "peercron_exec_slots", "Commands that may run at the same time.")),
      running_(gauge(registry, "peercron_exec_running", "Commands that run now.")),
      requests_(gauge(registry, "peercron_exec_http_running", "Requests that are under way now.")),
      held_(gauge(registry, "peercron_exec_held", "Fires handed out to this node, not yet due.")),
      waiting_(gauge(registry, "peercron_exec_waiting", "Due fires that have not started."))
{
    gauge(registry, "peercron_exec_http_slots", "Requests that may be under way at the same time.")
        .Set(static_cast<double>(http_slots));
    auto& runs = prometheus::BuildCounter()
                     .Name("peercron_runs_total")
                     .Help("Fires that ended on this node, by their final state.")
                     .Register(registry);
    for (std::size_t i = 0; i < by_state_.size(); ++i) {
        const auto state = static_cast<RunState>(i);
        if (is_final(state)) by_state_[i] = &runs.Add({{"state", std::string(to_string(state))}});
    }
}

void ExecutorMetrics::count_start(const RunReport& report, WallTime due)
{
    if (report.id.attempt != 1) return;  // further ones start when they may
    lateness_.Observe(seconds(*report.started_at - due));
}

void ExecutorMetrics::count_end(const RunReport& report)
{
    by_state_.at(static_cast<std::size_t>(report.state))->Increment();
    if (report.started_at) duration_.Observe(seconds(report.use_time));
}

void ExecutorMetrics::show(const NodeLoad& load, std::size_t requests)
{
    requests_.Set(static_cast<double>(requests));
    slots_.Set(load.slots);
    running_.Set(load.running);
    held_.Set(load.held);
    waiting_.Set(load.queued);
}

}  // namespace peercron
