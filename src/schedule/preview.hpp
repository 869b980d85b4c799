#pragma once

#include "base/result.hpp"
#include "schedule/time_zone.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace peercron {

/// What somebody wants to know of an expression before a job gets it.
struct PreviewRequest {
    std::string expression;
    std::string zone = "UTC";  ///< IANA name; an expression may name it itself, see split_zone()
    std::chrono::sys_seconds from;  ///< the fires strictly later than this
    int count = 5;                  ///< how many of them, 1-1000
    std::int64_t job_id = 0;        ///< what H is spread by
};

struct Preview {
    std::string expression;
    std::string description;  ///< in plain words
    const TimeZone* zone = nullptr;
    std::vector<std::chrono::sys_seconds> fires;
    bool is_whole = false;            ///< as many fires as requested were found
    std::vector<std::string> advice;  ///< see schedule/advice.hpp
};

/// Refuses a bad expression, zone or count.
Result<Preview> preview(const PreviewRequest& request);

/// The expression in plain words and its next fires, a line each, for a terminal. The last line
/// says so when there are fewer than asked for.
std::string preview_text(const Preview& preview);

/// The same as one line of JSON:
/// `{"expression":…,"description":…,"time_zone":…,"next":["2026-11-21T00:00:00+01:00",…]}`.
std::string preview_json(const Preview& preview);

}  // namespace peercron
