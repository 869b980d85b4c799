#pragma once

#include "model/job.hpp"

#include <string_view>

namespace peercron {

/// The name of the time zone that the job's schedule and calendars are meant in: its own, or else
/// the default. Refers to the two.
inline std::string_view zone_name(const Job& job, std::string_view default_zone)
{
    return job.time_zone.empty() ? default_zone : std::string_view(job.time_zone);
}

}  // namespace peercron
