#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace peercron {

/// What somebody wants to know of an expression before a job gets it.
struct PreviewRequest {
    std::string expression;
    std::string zone = "UTC";       ///< IANA name
    std::chrono::sys_seconds from;  ///< the fires strictly later than this
    int count = 5;                  ///< how many of them, 1-1000
    std::int64_t job_id = 0;        ///< what H is spread by
};

/// The expression in plain words and its next fires, a line each, for a terminal. The last line
/// says so when there are fewer than asked for.
Result<std::string> preview_text(const PreviewRequest& request);

/// The same as one line of JSON:
/// `{"expression":…,"description":…,"time_zone":…,"next":["2026-11-21T00:00:00+01:00",…]}`.
Result<std::string> preview_json(const PreviewRequest& request);

}  // namespace peercron
