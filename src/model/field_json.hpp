#pragma once

#include "model/job_fields.hpp"

#include <boost/json/value.hpp>

#include <optional>

namespace peercron {

// Values of fields as JSON: the history, the API's answers and its description have the same form.

boost::json::value to_json(const FieldValue& value);

/// nullopt: no field can have it. Its type may still be another one than the field's; assign()
/// says.
std::optional<FieldValue> from_json(const boost::json::value& value);

}  // namespace peercron
