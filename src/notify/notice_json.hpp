#pragma once

#include "model/notice.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <vector>

namespace peercron {

// Notices as JSON: in the outbox, in what a webhook gets, and in what the store keeps of jobs and
// of the cluster. Moments are Unix milliseconds, as everywhere in the API.

boost::json::object to_json(const Notice& notice);
boost::json::object to_json(const Notice::Run& run);
boost::json::value to_json(WallTime time);
boost::json::value to_json(const std::optional<WallTime>& time);  ///< null = none
boost::json::array to_json(const std::vector<WallTime>& times);

/// Throw std::exception for what to_json() did not make.
Notice read_notice(const boost::json::value& value);
Notice::Run read_run(const boost::json::value& value);
WallTime read_time(const boost::json::value& value);
std::optional<WallTime> read_time_or_null(const boost::json::value& value);
std::vector<WallTime> read_times(const boost::json::value& value);
NoticeKind read_kind(const boost::json::value& value);

/// "2026-11-29T02:00:00.000Z".
std::string rfc3339_text(WallTime moment);

}  // namespace peercron
