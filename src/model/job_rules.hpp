#pragma once

#include "model/job.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace peercron {

/// How much the columns of table cron take. A job with more is refused with a StoreError; whoever
/// takes jobs from people checks first.
struct JobLimits {
    static constexpr std::size_t name_characters = 128;
    static constexpr std::size_t cron_set_characters = 255;
    static constexpr std::size_t command_bytes = 65'535;
    static constexpr std::size_t remark_characters = 1024;
    static constexpr std::size_t time_zone_characters = 64;
    static constexpr std::int64_t latest_second = 253'402'300'799;  ///< 9999-12-31, Unix seconds
    static constexpr std::int64_t longest_time = 2'147'483'647;     ///< timeout and window, seconds
    static constexpr std::int64_t most_concurrent = 10'000;         ///< runs at a time
};

/// What is wrong with one member of a job: the member's name as a parameter of the API, what was
/// given and what is allowed. The schedule is judged elsewhere.
struct JobProblem {
    std::string member;
    std::string what;

    friend bool operator==(const JobProblem&, const JobProblem&) = default;
};

/// The first problem of the members that `patch` gives; nullopt when there is none.
std::optional<JobProblem> find_problem(const JobPatch& patch);

}  // namespace peercron
