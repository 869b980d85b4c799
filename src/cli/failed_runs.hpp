#pragma once

#include "cli/api_client.hpp"

#include <boost/json/object.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace peercron {

/// The states that --failed means: the command ran, or should have, and did not end well.
inline constexpr std::array<std::string_view, 5> failed_states{"failed", "timeout", "killed",
                                                               "lost", "fenced"};

/// The newest `limit` rows in one of these states as a page, {"list": […], "total": n}; `query` may
/// narrow them down further.
boost::json::object newest_failed(ApiClient& client, const Query& query, std::size_t limit);

}  // namespace peercron
