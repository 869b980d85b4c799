#pragma once

#include "model/job_fields.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace peercron {

// The value of a field of a job (model/job_fields.hpp), for people and for the API.

/// "1h30m", "2027-01-01T00:00:00Z", "true", "queue", "default" or "none" where nothing is set.
std::string field_text(const JobField& field, const Job& job);

/// The command, or the request: "POST https://example.com/hook".
std::string what_it_does(const Job& job);

/// As a parameter of /cron/add and /cron/update.
boost::json::value parameter_value(const JobField& field, const Job& job);

/// Sets the field to what a row of the API has; what this program does not understand is left.
void read_row_value(const JobField& field, Job& job, const boost::json::value& value);

}  // namespace peercron
