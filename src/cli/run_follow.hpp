#pragma once

#include "cli/api_client.hpp"

#include <boost/json/value.hpp>

#include <string>

namespace peercron {

/// Prints the output of a run as it is written, and returns its row when it has ended. Begins with
/// what there is, and waits for a run that has not started. If the connection breaks, it goes on
/// where it was; without an answer it gives up after a minute.
boost::json::value follow_run(ApiClient& client, const std::string& run_id);

}  // namespace peercron
