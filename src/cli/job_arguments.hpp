#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What `job add` and `job update` were told about a job, as it was typed.
struct JobArguments {
    /// By JobField::name; a flag is "true" or "false".
    std::map<std::string_view, std::string> fields;

    // Instead of cron_set.
    std::optional<std::string> every;
    std::optional<std::string> at;
    std::optional<std::string> after;

    std::vector<std::string> words;  ///< the command word by word, from behind "--"
};

/// The parameters of /cron/add or /cron/update, as far as something was given: times as Unix
/// seconds, durations as text in seconds, the words as one command line for a shell. What only the
/// node can judge (the expression, the zone, the name) goes to it as it is. The Error names the
/// option.
Result<boost::json::object> job_parameters(const JobArguments& given, std::chrono::sys_seconds now);

/// The same for a new job: exactly one of --cron, --every, --at and --after, and a command.
Result<boost::json::object> new_job_parameters(const JobArguments& given,
                                               std::chrono::sys_seconds now);

}  // namespace peercron
