#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// "90", "90s", "1h30m", "2d": seconds, or numbers with the units d, h, m, s from the largest.
Result<std::chrono::seconds> read_duration(std::string_view text);

/// A time as a person types it: RFC 3339 ("2027-01-01T00:00:00Z"), Unix seconds, "now", or date and
/// time in this machine's zone ("2027-01-01", "2027-01-01 08:00", "2027-01-01 08:00:30"), the
/// beginning of "yesterday", "today" or "tomorrow" or a time of it ("today 08:00"), or the next
/// time that the clock shows "08:00". With `begin` it is the end of what begins then: a time of the
/// clock that would come before is the first one after it, so "22:00" to "23:00" is an hour at
/// 22:30, too.
Result<std::chrono::sys_seconds> read_moment(std::string_view text, std::chrono::sys_seconds now,
                                             std::optional<std::chrono::sys_seconds> begin = {});

/// The same, but "08:00" is the last time that the clock showed it; or a duration, which means that
/// long ago ("90s", "2h ago", "2 hours ago").
Result<std::chrono::sys_seconds> read_past(std::string_view text, std::chrono::sys_seconds now,
                                           std::optional<std::chrono::sys_seconds> begin = {});

/// "2026-11-21 08:00:00" in this machine's zone (TZ); "" for none.
std::string local_time_text(std::optional<WallTime> time);

/// "2026-11-21 08:00:00 +01:00" in a job's own zone; in this machine's zone, without the offset,
/// where the job has none or one that is not known here.
std::string time_text_in(std::string_view zone, std::optional<WallTime> time);

/// "2027-01-01T00:00:00Z".
std::string utc_text(std::chrono::sys_seconds time);

/// How long something took, with three figures or so: "48ms", "1.23s", "2m05s", "1h02m".
std::string elapsed_text(std::chrono::milliseconds time);

/// "1h30m" of whole seconds; read_duration() reads it back.
std::string duration_text(std::chrono::seconds time);

}  // namespace peercron
