#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace peercron {

/// Who changed a job, and why, as far as that is known.
struct Author {
    std::string who;   ///< the token's name, or "anonymous" where there are no tokens; empty: not
                       ///< through the API, but in the database itself
    std::string from;  ///< the client's address; empty as above
    std::string why = {};  ///< in the author's words; empty: not said

    friend bool operator==(const Author&, const Author&) = default;
};

/// Time and author of a change of jobs.
struct Edit {
    Edit(WallTime time, Author author = {})  // NOLINT(google-explicit-constructor): mostly no more
        : by(std::move(author)), at_(time)
    {}
    /// Counts from the moment when the database is about to get it; `clock` outlives this.
    Edit(const Clock& clock, Author author) : by(std::move(author)), clock_(&clock) {}

    /// When it counts from: fires at or before this moment are of the old version. A store asks
    /// when only the statement that commits is left: before that a lock or a slow network may have
    /// cost any time, in which dispatchers could know nothing of the change.
    WallTime at() const { return clock_ != nullptr ? clock_->now() : at_; }

    Author by;

private:
    WallTime at_{};
    const Clock* clock_ = nullptr;
};

/// One change of one job. All of them together say which fires were due, whatever the job is now.
struct Revision {
    std::int64_t id = 0;  ///< in the order in which they were made
    JobId job = 0;
    WallTime effective_from{};  ///< fires later than this are of `after`
    Author by;
    std::optional<Job> before;  ///< none: a new job, or one that nobody knew before
    std::optional<Job> after;   ///< none: it was deleted

    friend bool operator==(const Revision&, const Revision&) = default;
};

/// What a person decides about a job: `job` without counters and effective_from.
Job definition_of(Job job);

}  // namespace peercron
