#include "dispatch/dispatcher_metrics.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help)
{
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help)
{
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& seconds(prometheus::Registry& registry, const char* name, const char* help)
{
    const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                         0.1,   0.25,   0.5,   1,    2.5,   10};
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

}  // namespace

Dispatcher::Metrics::Metrics(prometheus::Registry& registry)
    : epoch_(
          gauge(registry, "peercron_epoch", "Epoch in which this node dispatches; 0: it does not")),
      terms_(counter(registry, "peercron_terms_total", "Times this node became the dispatcher")),
      take_over_(gauge(registry, "peercron_take_over_seconds",
                       "From winning the lock to the first plan, in the newest term")),
      commit_(seconds(registry, "peercron_commit_seconds", "Time to commit a step of the plan")),
      commit_errors_(counter(registry, "peercron_commit_errors_total", "Commits that failed")),
      steps_waiting_(gauge(registry, "peercron_steps_waiting",
                           "Steps of the plan that the store does not have yet")),
      behind_seconds_(gauge(registry, "peercron_ledger_behind_seconds",
                            "Age of the oldest step that the store does not have yet")),
      behind_bytes_(gauge(registry, "peercron_ledger_behind_bytes",
                          "Memory of the steps that the store does not have yet")),
      planned_(counter(registry, "peercron_fires_planned_total", "Fires put into the ledger")),
      open_(gauge(registry, "peercron_open_runs", "Runs that are not in a final state")),
      waiting_(gauge(registry, "peercron_retries_waiting",
                     "Further attempts of fires whose runs failed that wait for their time")),
      jobs_(gauge(registry, "peercron_jobs", "Jobs, stopped ones included")),
      daemons_(gauge(registry, "peercron_daemons",
                     "Jobs of kind daemon that are not stopped and whose window is open")),
      daemons_up_(gauge(registry, "peercron_daemons_up", "Daemons that are up")),
      ended_(prometheus::BuildCounter()
                 .Name("peercron_fires_ended_by_dispatcher_total")
                 .Help("Runs that ended without a node's report, by final state and cause")
                 .Register(registry)),
      clock_offset_(prometheus::BuildGauge()
                        .Name("peercron_node_clock_offset_seconds")
                        .Help("A node's clock minus the dispatcher's, as the dispatcher sees it")
                        .Register(registry)),
      audit_findings_(prometheus::BuildGauge()
                          .Name("peercron_audit_findings")
                          .Help("What the newest audit of this node as dispatcher found, by kind")
                          .Register(registry)),
      audit_success_(
          gauge(registry, "peercron_audit_last_success_timestamp_seconds",
                "When the newest completed audit of this node as dispatcher began; 0: none")),
      expired_(counter(registry, "peercron_log_rows_expired_total",
                       "Rows of the ledger that were deleted because of their age")),
      database_offset_(gauge(registry, "peercron_clock_offset_seconds",
                             "This node's clock minus the database server's, as it was compared "
                             "last; 0 without a database server")),
      clock_steps_(counter(registry, "peercron_clock_steps_total",
                           "Times this node set the plan back because a clock had been ahead"))
{
    forget_findings();
}

void Dispatcher::Metrics::term_began(Epoch epoch, std::chrono::milliseconds took)
{
    terms_.Increment();
    epoch_.Set(static_cast<double>(epoch));
    take_over_.Set(std::chrono::duration<double>(took).count());
}

void Dispatcher::Metrics::term_ended()
{
    epoch_.Set(0);
    open_.Set(0);
    waiting_.Set(0);
    counted_daemons(0, 0);
    steps_waiting_.Set(0);
    ledger_behind({}, 0);
    measured({});
    forget_findings();
}

void Dispatcher::Metrics::committed(std::chrono::steady_clock::duration took)
{
    commit_.Observe(std::chrono::duration<double>(took).count());
}

void Dispatcher::Metrics::commit_failed()
{
    commit_errors_.Increment();
}

void Dispatcher::Metrics::steps_waiting(std::size_t steps)
{
    steps_waiting_.Set(static_cast<double>(steps));
}

void Dispatcher::Metrics::ledger_behind(std::chrono::steady_clock::duration time, std::size_t bytes)
{
    behind_seconds_.Set(std::chrono::duration<double>(time).count());
    behind_bytes_.Set(static_cast<double>(bytes));
}

void Dispatcher::Metrics::stepped(std::size_t planned, std::size_t open_runs,
                                  std::size_t waiting_runs, std::size_t jobs)
{
    waiting_.Set(static_cast<double>(waiting_runs));
    planned_.Increment(static_cast<double>(planned));
    open_.Set(static_cast<double>(open_runs));
    jobs_.Set(static_cast<double>(jobs));
}

void Dispatcher::Metrics::counted_daemons(std::size_t all, std::size_t up)
{
    daemons_.Set(static_cast<double>(all));
    daemons_up_.Set(static_cast<double>(up));
}

void Dispatcher::Metrics::measured(const std::vector<NodeLoad>& nodes)
{
    std::map<NodeName, prometheus::Gauge*> gone = std::exchange(clock_offsets_, {});
    for (const NodeLoad& node : nodes) {
        if (!node.connected) continue;
        prometheus::Gauge& gauge = clock_offset_.Add({{"node", node.node}});
        gauge.Set(std::chrono::duration<double>(node.clock_offset).count());
        clock_offsets_[node.node] = &gauge;
        gone.erase(node.node);
    }
    for (const auto& [node, gauge] : gone) clock_offset_.Remove(gauge);
}

void Dispatcher::Metrics::audited(const AuditReport& report, WallTime at)
{
    for (std::size_t kind = 0; kind < finding_names.size(); ++kind) {
        audit_findings_.Add({{"kind", std::string(finding_names[kind])}})
            .Set(static_cast<double>(report.found[kind]));
    }
    audit_success_.Set(static_cast<double>(to_unix_seconds(at)));
}

void Dispatcher::Metrics::expired(std::size_t rows)
{
    expired_.Increment(static_cast<double>(rows));
}

void Dispatcher::Metrics::clock_compared(std::chrono::milliseconds offset)
{
    database_offset_.Set(std::chrono::duration<double>(offset).count());
}

void Dispatcher::Metrics::clock_stepped()
{
    clock_steps_.Increment();
}

/// The next dispatcher has its own.
void Dispatcher::Metrics::forget_findings()
{
    for (const std::string_view kind : finding_names) {
        audit_findings_.Add({{"kind", std::string(kind)}}).Set(0);
    }
}

void Dispatcher::Metrics::ended(RunState state, Cause cause)
{
    ended_.Add({{"state", std::string(to_string(state))}, {"cause", std::string(to_string(cause))}})
        .Increment();
}

}  // namespace peercron
