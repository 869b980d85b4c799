#pragma once

#include "model/job_fields.hpp"
#include "store/store.hpp"

namespace peercron {

/// @throws HttpError 400: `patch` gives `job` more of a lock than the lock has.
void check_locks(Store& store, const Job& job, const JobPatch& patch);

}  // namespace peercron
