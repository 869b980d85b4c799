#pragma once

#include "model/job_statistics.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace peercron {

/// From this many successful runs on, something can be said about what is usual.
inline constexpr std::int64_t runs_to_know = 20;

/// What the past of a job lets expect of the time that a run takes.
struct UsualTime {
    /// A run that takes longer is slow: three times as long as 95 of 100 that succeeded, and a
    /// second at least. Not set: fewer than 20 runs are known.
    std::optional<std::chrono::milliseconds> slow_after;
    /// A run that succeeds sooner is fast: in a third of what 95 of 100 exceed. Not set: as above,
    /// or that is less than a second.
    std::optional<std::chrono::milliseconds> fast_before;
};

/// Pure.
UsualTime usual_time_of(const JobStatistics& statistics);

}  // namespace peercron
