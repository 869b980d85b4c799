#pragma once

#include "model/job_fields.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace peercron {

/// @throws HttpError 400: `patch` gives `job` more of a lock than the lock has.
void check_locks(Store& store, const Job& job, const JobPatch& patch);

/// What a person who saves `job` should know: that a lock has not room for all parts of a fire, and
/// those that find it taken do not wait. nullopt: nothing.
std::optional<std::string> lock_warning(Store& store, const Job& job);

}  // namespace peercron
