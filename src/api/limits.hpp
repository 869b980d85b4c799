#pragma once

#include "api/api.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace peercron {

// Callers that are limited to the jobs with some tags. Other jobs are not there for them: calls for
// one of those are answered as for a job that does not exist.

/// Whether the job has one of the tags; without tags every job is meant.
bool is_within(const std::vector<std::string>& tags, const Job& job);
/// The same of a job that has these.
bool is_within(const std::vector<std::string>& tags, const std::vector<std::string>& of_job);

/// Router::Limit: looks up the job that the id in the path is about.
asio::awaitable<void> keep_to_jobs(const ApiContext& context, const Route& route,
                                   const Caller& caller, std::string id);

/// 403: the call would be about all jobs, and the caller is limited.
[[noreturn]] void refuse_all_jobs(const Caller& caller);

/// For a job that the caller adds, or as it is after the caller's change.
/// @throws HttpError 403 when the caller could not see it then.
void refuse_out_of_reach(const Caller& caller, const Job& job);

}  // namespace peercron
