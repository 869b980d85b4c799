#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace peercron {

// Jobs that require others (Job::required). Such a job has a schedule of its own, and a fire of it
// runs only if the last fire of each job that it requires has succeeded. Of those the fires count
// that are due after the job's fire before this one, by its schedule, up to the moment at which is
// asked. So what one fire has built upon is not enough for the next.
//
// It is asked when the fire is to start, and again until Job::requires_wait later; what is not true
// by then skips it, with cause `requires`. The answer follows from rows alone: whichever dispatcher
// asks, and the audit, which asks long afterwards, find the same in the same rows.

/// A row of a required job.
struct RequiredAttempt {
    RunId id;
    RunState state = RunState::planned;
    Cause cause = Cause::none;
    std::optional<int> exit_code;
    std::optional<WallTime> ended_at;
    bool rehearsal = false;
    /// Of a row for several fires that did not run: when the last of them was due.
    std::optional<WallTime> gap_end = {};

    friend bool operator==(const RequiredAttempt&, const RequiredAttempt&) = default;
};

/// The attempt of those rows that says how the job's last fire of `since` < scheduled time <=
/// `until` ended, or that it has not: the newest one of that fire. What was taken back, or is a
/// rehearsal, is no fire. A further attempt that did not run does not count: then the one before
/// says how the fire ended. A row for several fires counts at the last of them, or at `until`, if
/// that is earlier. nullopt: there is none.
/// @param since not set: since ever.
std::optional<RequiredAttempt> last_fire(std::span<const RequiredAttempt> rows,
                                         std::optional<WallTime> since, WallTime until);

/// What is known of one required job.
struct RequiredJob {
    std::string name;
    bool exists = true;
    std::optional<RequiredAttempt> last;  ///< see last_fire()
};

/// When a fire is asked, and until when it may wait.
struct RequiredTimes {
    std::optional<WallTime> since;  ///< the job's fire before this one
    WallTime due{};                 ///< with jitter, when it was to start
    WallTime end{};                 ///< of the wait; the answer at that moment counts
    /// What ends the wait before Job::requires_wait is over; nullptr: nothing does.
    const char* cut_by = nullptr;
};

/// @param before the job's fire before this one, if there is one; `next`: the one after it.
RequiredTimes required_times(const Job& job, WallTime fire, std::optional<WallTime> before,
                             std::optional<WallTime> next);

enum class RequiredAnswer : std::uint8_t { runs, waits, skipped };

struct RequiredVerdict {
    RequiredAnswer answer = RequiredAnswer::waits;
    /// When the last of those fires ended, or `due`, if that is later: from then on it could run.
    WallTime ready{};
    Reason why;  ///< of `skipped`
};

/// @param at when the jobs were looked at: from times.due to times.end. What comes later does not
///        count.
/// @param when says a moment in the words of the job's time zone.
RequiredVerdict judge_required(std::span<const RequiredJob> jobs, const RequiredTimes& times,
                               WallTime at, const std::function<std::string(WallTime)>& when);

/// "extract failed at 08:02, exit code 3": why what is known of it is not enough at that moment;
/// nullopt: it is.
std::optional<std::string> why_not(const RequiredJob& job, const RequiredTimes& times, WallTime at,
                                   const std::function<std::string(WallTime)>& when);

/// What the row of a fire says that has not been let go: "waits for extract, load".
Reason waits_for_required(const Job& job);

/// "if extract, load succeeded since its fire before": on which condition a fire runs of a job that
/// requires these.
std::string required_words(std::span<const std::string> required);

}  // namespace peercron
