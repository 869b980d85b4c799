#pragma once

#include "api/api.hpp"
#include "base/clock.hpp"
#include "model/pause.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace peercron {

/// The pause that `until` and `reason` of the call ask for, of all jobs. Without `from` it has no
/// beginning yet.
/// @throws HttpError 400, for a `from` that is past, too.
Pause read_pause(const Call& call, std::optional<WallTime> from, WallTime now);

/// "tag web (deploy)", for the list of accesses.
std::string in_short(const Pause& pause);

/// Adds it; one without a beginning begins now.
Pause add_pause(Store& store, Pause pause, const Clock& clock);

}  // namespace peercron
