#pragma once

#include "model/revision.hpp"

#include <optional>

namespace peercron {

/// The revision that the history of job `id` lacks when `newest` is its last one and `job` is what
/// the database has now; nullopt when they agree. Pure.
/// @param now when a job that is gone is taken to be deleted.
std::optional<Revision> missing_revision(JobId id, const std::optional<Revision>& newest,
                                         const std::optional<Job>& job, WallTime now);

/// The revision that says so.
Revision make_revision(const std::optional<Job>& before, const std::optional<Job>& after,
                       const Edit& edit);

}  // namespace peercron
