#pragma once

#include "audit/finding.hpp"
#include "dispatch/dispatcher.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <vector>

namespace peercron {

/// The metrics of a dispatcher; /metrics explains each.
struct Dispatcher::Metrics {
    explicit Metrics(prometheus::Registry& registry);

    void term_began(Epoch epoch, std::chrono::milliseconds took);
    void term_ended();
    void committed(std::chrono::steady_clock::duration took);
    void commit_failed();
    void steps_waiting(std::size_t steps);
    void ledger_behind(std::chrono::steady_clock::duration time, std::size_t bytes);
    void stepped(std::size_t planned, std::size_t open_runs, std::size_t waiting_runs,
                 std::size_t jobs);
    void counted_daemons(std::size_t all, std::size_t up);
    void ended(RunState state, Cause cause);
    void measured(const std::vector<NodeLoad>& nodes);
    void audited(const AuditReport& report, WallTime at);
    void expired(std::size_t rows);
    void clock_compared(std::chrono::milliseconds offset);
    void clock_stepped();

private:
    void forget_findings();

    prometheus::Gauge& epoch_;
    prometheus::Counter& terms_;
    prometheus::Gauge& take_over_;
    prometheus::Histogram& commit_;
    prometheus::Counter& commit_errors_;
    prometheus::Gauge& steps_waiting_;
    prometheus::Gauge& behind_seconds_;
    prometheus::Gauge& behind_bytes_;
    prometheus::Counter& planned_;
    prometheus::Gauge& open_;
    prometheus::Gauge& waiting_;
    prometheus::Gauge& jobs_;
    prometheus::Gauge& daemons_;
    prometheus::Gauge& daemons_up_;
    prometheus::Family<prometheus::Counter>& ended_;
    prometheus::Family<prometheus::Gauge>& clock_offset_;
    std::map<NodeName, prometheus::Gauge*> clock_offsets_;
    prometheus::Family<prometheus::Gauge>& audit_findings_;
    prometheus::Gauge& audit_success_;
    prometheus::Counter& expired_;
    prometheus::Gauge& database_offset_;
    prometheus::Counter& clock_steps_;
};

}  // namespace peercron
