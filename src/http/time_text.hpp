#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string_view>

namespace peercron {

/// A moment given as Unix seconds ("1763683200", from 1970 to the year 9999) or by RFC 3339
/// ("2026-11-21T08:00:00.5+01:00"; the '+' may have become a space on its way through a query
/// string). Digits past the millisecond are dropped. nullopt for anything else.
std::optional<WallTime> parse_time(std::string_view text);

/// The last second that is accepted where a time is given: 9999-12-31T23:59:59Z.
inline constexpr std::int64_t last_unix_second = 253'402'300'799;

}  // namespace peercron
