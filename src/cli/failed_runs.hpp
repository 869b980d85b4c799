#pragma once

#include "cli/api_client.hpp"

#include <boost/json/object.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace peercron {

/// The states of runs that did not end well: these, and missed fires, are what --failed shows.
inline constexpr std::array<std::string_view, 5> failed_states{"failed", "timeout", "killed",
                                                               "lost", "fenced"};

/// Whether the row of the API is one of those.
bool has_failed(const boost::json::value& row);

/// Whether its fire is missed: it was due and did not run, for a reason that nobody asked for.
/// Judged by this row alone; a lost run may have run again since.
bool is_missed(const boost::json::value& row);

/// The newest `limit` of these rows as a page, {"list": […], "total": n}; `query` may narrow them
/// down further.
boost::json::object newest_failed_or_missed(ApiClient& client, const Query& query,
                                            std::size_t limit);
/// Those that are not lost: whether a lost one is missed depends on whether it ran again.
boost::json::object newest_failed(ApiClient& client, const Query& query, std::size_t limit);
boost::json::object newest_missed(ApiClient& client, const Query& query, std::size_t limit);

}  // namespace peercron
