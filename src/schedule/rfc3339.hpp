#pragma once

#include "base/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace peercron {

/// A moment written as RFC 3339 has it, "2026-11-21T00:00:00+01:00" or "2026-11-20T23:00:00Z";
/// fractions of a second are dropped.
Result<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);

/// The moment on the clocks of a zone that is `offset` away from UTC, always with a numeric offset.
/// RFC 3339 knows whole minutes only: an odd offset of old is rounded down, the moment kept.
std::string format_rfc3339(std::chrono::sys_seconds time, std::chrono::seconds offset);

}  // namespace peercron
