#pragma once

#include "base/clock.hpp"
#include "model/calendar.hpp"
#include "model/job_fields.hpp"
#include "schedule/calendars.hpp"
#include "store/store.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace peercron {

/// Whether one of the jobs names any.
bool name_calendars(std::span<const Job> jobs);

/// The calendars that there are, if one of the jobs names any.
Calendars read_calendars(Store& store, std::span<const Job> jobs, WallTime now);

/// What `patch`, already applied to `job`, says of calendars, or of when the job fires.
/// @throws HttpError 400: they are not there, or exclude each of its fires for ten years.
void check_calendar(Store& store, const Job& job, const JobPatch& patch,
                    std::string_view default_zone, WallTime now);
/// The same.
/// @param present those that there are.
void check_calendar(const std::vector<Calendar>& present, const Job& job, const JobPatch& patch,
                    std::string_view default_zone, WallTime now);

}  // namespace peercron
