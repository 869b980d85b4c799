#pragma once

#include "model/notice.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>

namespace peercron {

// Notices as JSON: in the outbox, and in what a webhook gets. Moments are Unix milliseconds, as
// everywhere in the API.

boost::json::object to_json(const Notice& notice);
boost::json::object to_json(const Notice::Run& run);

/// Throw std::exception for what to_json() did not make.
Notice read_notice(const boost::json::value& value);
Notice::Run read_run(const boost::json::value& value);

/// "2026-11-29T02:00:00.000Z".
std::string rfc3339_text(WallTime moment);

}  // namespace peercron
