#pragma once

#include "model/job_fields.hpp"

#include <optional>

namespace peercron {

/// Whether the field says something of a job of this kind.
bool is_for(const JobField& field, JobKind kind);

/// A job that has a URL and no command, and of which nobody said what it is, is of kind http.
void imply_kind(JobPatch& patch);

/// What does not fit together in `job`, of which `patch` is already a part: a command in a job that
/// is no command, a request without a URL, a schedule of a daemon. Only what the patch has to do
/// with is judged, and the field named is one that it gives, where there is one.
std::optional<JobProblem> find_contradiction(const Job& job, const JobPatch& patch);

/// The method of the request.
HttpMethod method_of(const Job& job);

}  // namespace peercron
