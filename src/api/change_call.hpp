#pragma once

#include "api/api.hpp"
#include "model/revision.hpp"

namespace peercron {

/// Who makes the call, and the `reason` that it gives.
/// @throws HttpError 400 when that is too long.
Author author_of(const Call& call);

/// The same for a change that counts from the moment when the store gets it.
Edit edit_by(const ApiContext& context, const Call& call);

}  // namespace peercron
