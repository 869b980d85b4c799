#pragma once

#include <prometheus/metric_family.h>

#include <string_view>
#include <vector>

namespace peercron {

/// What Prometheus' own clients tell of a process, under their names (process_cpu_seconds_total,
/// process_resident_memory_bytes, process_open_fds, process_start_time_seconds), and
/// peercron_build_info with the version as a label. Read from /proc at each call; what cannot be
/// read is left out.
std::vector<prometheus::MetricFamily> process_metrics(std::string_view version);

}  // namespace peercron
