#pragma once

#include "cli/api_client.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace peercron {

/// Asks until the run has ended, however long that takes, and returns its row. If the node does not
/// answer, it waits up to a minute, so that a restart does no harm; it says so once.
boost::json::value wait_for_end(ApiClient& client, const std::string& run_id);

}  // namespace peercron
