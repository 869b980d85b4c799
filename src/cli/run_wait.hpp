#pragma once

#include "cli/api_client.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace peercron {

/// Asks until the run has ended, however long that takes, and returns its row. A node that does not
/// answer for a while is waited for (a minute), so that its restart does no harm; that is said
/// once.
boost::json::value wait_for_end(ApiClient& client, const std::string& run_id);

}  // namespace peercron
