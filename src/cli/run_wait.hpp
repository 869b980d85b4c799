#pragma once

#include "cli/api_client.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace peercron {

/// Asks until the run has ended, however long that takes, and returns its row. If the node does not
/// answer, it waits up to a minute, so that a restart does no harm; it says so once.
boost::json::value wait_for_end(ApiClient& client, const std::string& run_id);

/// The rows of all parts of a fire that was just asked for, in their order; of a fire that is one
/// run, its row alone.
/// @param first the row of its first part.
std::vector<boost::json::value> parts_of_fire(ApiClient& client, const boost::json::value& first);

}  // namespace peercron
