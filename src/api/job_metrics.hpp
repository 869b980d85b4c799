#pragma once

#include "model/notice_defaults.hpp"
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
/// @param inherited what jobs inherit.
std::vector<prometheus::MetricFamily> job_metrics(Store& store, const NoticeDefaults& inherited,
                                                  std::size_t most);

}  // namespace peercron
