#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/policy.hpp"
#include "model/run.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// Chains: jobs that run after others (Job::run_after). The fire of a child has the scheduled time
// of its parents' fires, so that (job, scheduled_at) makes it happen once. It is due when the fires
// of all parents of that time are over, which is when no further attempt of them follows. Then it
// gets a row, whether it runs (Job::run_after_on) or is skipped, with cause `parent`.

/// The longest way from a job with a schedule to one that runs after it, in jobs.
inline constexpr std::size_t deepest_chain = 32;

/// How a fire ended that others run after.
struct ParentEnd {
    std::string name;  ///< of its job
    JobId job = 0;
    std::int32_t attempt = 1;  ///< the last one
    RunState state = RunState::success;
    std::optional<int> exit_code;

    friend bool operator==(const ParentEnd&, const ParentEnd&) = default;
};

/// "after extract (job 12 attempt 2: failed, exit code 3)"; a first attempt is not said.
std::string to_string(const ParentEnd& end);
/// Reads it back; nullopt: the text is none.
std::optional<ParentEnd> parse_parent_end(std::string_view text);

/// "after the success of extract, load": when a job fires that runs after others.
std::string chain_words(const Job& job);

/// What the child's command finds in its environment: PEERCRON_PARENT_JOB, the name; _RUN,
/// "job 12 at 2026-11-21T02:00:00Z"; _STATE; and, when it ended with one, _EXIT_CODE.
/// @param scheduled_at the child's and the parent's.
std::vector<std::string> parent_variables(const ParentEnd& end, WallTime scheduled_at);

/// How a fire ended whose runs all ended like this; `of` is how many parts it has. As
/// outcome_of_fire() says. A part that a change took back need not be among them: it did not run.
RunState state_of_fire(std::span<const RunState> parts, std::int32_t of);

/// Whether a child runs whose parents have ended so:
///  - `success`: all of them succeeded;
///  - `failure`: at least one has run and did not succeed, or nobody knows whether it did;
///  - `end`: at least one has run.
/// A fire that was skipped has not run.
bool runs_after(RunAfterOn on, std::span<const RunState> parents);

}  // namespace peercron
