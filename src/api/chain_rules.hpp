#pragma once

#include "model/job_fields.hpp"
#include "store/store.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Checks what only the other jobs can tell of `job`, `patch` already applied: that the jobs that
/// it runs after, or requires, are there, are no daemons, and neither run after it nor require it;
/// that those that it requires have schedules, and those that it runs after fire at the same times;
/// and that those that run after it, or require it, still find it. What the patch does not touch is
/// not judged.
/// @param before the job as it was; nullptr: it is new.
/// @param default_zone the zone of a job without one.
/// @param tags of the caller, see limits.hpp: a job cannot be made to run after one, or to require
///        one, that the caller does not see, and no message names such a job.
/// @throws HttpError 400, or 409 where the other jobs would have to be changed first.
void check_chain(Store& store, const Job& job, const Job* before, const JobPatch& patch,
                 std::string_view default_zone, const std::vector<std::string>& tags);

/// Checks that no other job runs after one of those that are to be deleted, or requires it.
/// @param tags as for check_chain().
/// @throws HttpError 409.
void check_childless(Store& store, std::span<const Job> leaving,
                     const std::vector<std::string>& tags);

}  // namespace peercron
