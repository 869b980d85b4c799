#pragma once

#include "cli/command.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace peercron {

struct FollowOptions : ApiOptions {
    std::optional<std::string> job;  ///< not set: of all jobs
    std::string since;
    bool failed = false;
};

/// Prints each row when it has ended, until SIGINT or SIGTERM, which end the process with status 0
/// between two rows. If the node stops answering, it waits. Throws Failure when no node answers at
/// the start, or when it refuses.
[[noreturn]] void follow_log(const FollowOptions& options);

}  // namespace peercron
