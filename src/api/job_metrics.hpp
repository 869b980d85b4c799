#pragma once

#include "model/job.hpp"
#include "store/store.hpp"

#include <prometheus/metric_family.h>

#include <cstddef>
#include <vector>

namespace peercron {

/// What Prometheus is told of single jobs: from what the store keeps of each job anyway, so that
/// it takes as long with ten million rows as with ten.
///
/// Reads the `most` jobs with the lowest ids; peercron_jobs_left_out says how many there are
/// besides. Throws StoreError.
std::vector<prometheus::MetricFamily> job_metrics(Store& store, std::size_t most);

}  // namespace peercron
