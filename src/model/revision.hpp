#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace peercron {

/// Who changed a job, as far as that is known.
struct Author {
    std::string who;   ///< the token's name, or "anonymous" where there are no tokens; empty: not
                       ///< through the API, but in the database itself
    std::string from;  ///< the client's address; empty as above

    friend bool operator==(const Author&, const Author&) = default;
};

/// What a change of jobs says about itself.
struct Edit {
    Edit(WallTime time, Author author = {})  // NOLINT(google-explicit-constructor): mostly no more
        : at(time), by(std::move(author))
    {}

    WallTime at;  ///< when it counts from: fires at or before this moment are of the old version
    Author by;
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
