#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// What `job add` and `job update` were told about a job, as it was typed.
struct JobArguments {
    std::optional<std::string> cron;
    std::optional<std::string> every;
    std::optional<std::string> at;
    std::optional<std::string> after;
    std::optional<std::string> command;
    std::vector<std::string> words;  ///< the command word by word, from behind "--"
    std::optional<std::string> name;
    std::optional<std::string> remark;
    std::optional<std::string> limit;
    std::optional<std::string> timeout;
    std::optional<std::string> time_zone;
    std::optional<std::string> start;
    std::optional<std::string> end;
    std::optional<std::string> misfire_window;
    std::optional<std::string> delivery;
    std::optional<std::string> misfire_policy;
    std::optional<std::string> overlap;
    std::optional<std::string> max_concurrent;
    std::optional<bool> mutex;
    std::optional<bool> stop;
};

/// The parameters of /cron/add or /cron/update, as far as something was given: times as Unix
/// seconds, durations as text in seconds, the words as one command line for a shell. What only the
/// node can judge (the expression, the zone, the name) goes to it as it is. The Error names the
/// option.
Result<boost::json::object> job_fields(const JobArguments& given, std::chrono::sys_seconds now);

/// The same for a new job: exactly one of --cron, --every, --at and --after, and a command.
Result<boost::json::object> new_job_fields(const JobArguments& given, std::chrono::sys_seconds now);

}  // namespace peercron
