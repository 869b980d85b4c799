#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/run.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace peercron {

// Retries: which ends of a run are followed by a further attempt of the same fire, and when that is
// due. A function of the job's definition and of the run alone, so that every dispatcher, an audit
// and a person with the row before them find the same.

/// Whether Job::retry_on may have this word: `failed`, `timeout`, an exit code (`75`), a range of
/// them (`100-110`), or either with `!` before it, which excludes them.
bool is_retry_word(std::string_view word);

/// Whether a run that ended so is one of those that Job::retry_on names. When it names none, or
/// only what is left out, all that failed or reached its timeout are. A run whose end nobody knows,
/// or that was ended on purpose (lost, fenced, killed), is never one.
bool is_retried_after(const Job& job, RunState state, std::optional<int> exit_code);

/// The number of the last attempt of a fire that Job::retries allows.
inline std::int32_t last_attempt(const Job& job)
{
    return static_cast<std::int32_t>(job.retries) + 1;
}

/// How long after the end of the attempt before it the attempt `next` is due: Job::retry_delay,
/// doubled with each attempt up to Job::retry_max_delay, and spread by up to 10 % either way by
/// what the run is called, so that jobs that fail together do not try again together.
/// @param next its number is 2 or more.
std::chrono::milliseconds retry_delay(const Job& job, const RunId& next);

}  // namespace peercron
