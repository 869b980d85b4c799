#pragma once

#include "base/clock.hpp"
#include "http/params.hpp"
#include "model/job_fields.hpp"
#include "model/pause.hpp"
#include "schedule/calendars.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What /cron/add and /cron/update take; the latter also id.
std::span<const Param> add_params();
std::span<const Param> update_params();
/// What /cron/preview takes: as the latter, but nothing is required.
std::span<const Param> preview_params();

/// A time as "90s" or "1h30m", or in seconds: from a second to a year.
/// @throws HttpError 400, which names the parameter.
std::chrono::seconds read_duration(std::string_view name, const std::string& text);

/// The fields of a job that were given, each checked by itself. `at`, `after` (counted from `now`)
/// and `every` become the expression that means the same.
/// @throws HttpError 400.
JobPatch read_job_patch(const Params& params, WallTime now);

/// Checks what only `job` as a whole can tell, `patch` already applied: the expression in its time
/// zone, and that the window has an inside. What the patch does not touch is not judged, so that a
/// row that somebody broke by hand can be mended piece by piece.
/// @param default_zone the zone of a job without one.
/// @throws HttpError 400.
void check_whole(const Job& job, const JobPatch& patch, std::string_view default_zone);

/// The next moments at which a job is due, not paused and not excluded by calendars, as RFC 3339 in
/// the job's zone.
struct NextFires {
    std::vector<std::string> times;      ///< empty when it is stopped or will never fire again
    std::optional<std::string> problem;  ///< why the row's expression or zone makes no sense
};
NextFires next_fires(const Job& job, std::string_view default_zone, WallTime now, std::size_t count,
                     const Pauses& pauses, const Calendars& calendars);

/// What a row of a job says about its schedule.
struct ScheduleFacts {
    std::string words;             ///< in plain English; empty when it makes no sense
    std::string zone;              ///< the zone that it is in, as far as it can be told
    std::optional<WallTime> next;  ///< the next fire that is in no pause, nor excluded
    /// It will not start by itself any more, whatever pauses end. One whose expression makes no
    /// sense is not over: it waits for somebody to mend it.
    bool is_over = false;
};
ScheduleFacts schedule_facts(const Job& job, std::string_view default_zone, WallTime now,
                             const Pauses& pauses, const Calendars& calendars);

}  // namespace peercron
