#pragma once

#include "model/node_load.hpp"
#include "model/run.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstddef>

namespace peercron {

/// The metrics about the runs of this node; times in seconds, as usual in Prometheus.
class ExecutorMetrics {
public:
    ExecutorMetrics(prometheus::Registry& registry, std::size_t http_slots);

    /// A run has started that was due at that moment.
    void count_start(const RunReport& report, WallTime due);
    void count_end(const RunReport& report);
    void show(const NodeLoad& load, std::size_t requests);

private:
    std::array<prometheus::Counter*, 10> by_state_{};
    prometheus::Histogram& lateness_;
    prometheus::Histogram& duration_;
    prometheus::Gauge& slots_;
    prometheus::Gauge& running_;
    prometheus::Gauge& requests_;
    prometheus::Gauge& held_;
    prometheus::Gauge& waiting_;
};

}  // namespace peercron
