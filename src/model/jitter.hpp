#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"

#include <chrono>
#include <optional>

namespace peercron {

// Jitter: a fire starts some time after it is due, so that jobs of the same time do not start
// together. What a fire is called, (job, scheduled time), does not change by that.

/// How long after its time a fire of the job starts: from 0 to Job::jitter, in milliseconds. A
/// function of the three alone, so that every dispatcher, an audit and a forecast find the same;
/// it may never change.
std::chrono::milliseconds start_offset(JobId job, std::chrono::seconds jitter, WallTime fire);

/// When a fire by the job's schedule starts that does so after its time; nullopt: at its time.
std::optional<WallTime> delayed_start(const Job& job, WallTime fire);

}  // namespace peercron
