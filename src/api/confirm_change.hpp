#pragma once

#include "api/api.hpp"
#include "model/job.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What may happen until a dispatcher goes by a change of jobs.
inline constexpr std::string_view old_fires_may_start =
    "a fire that was handed out before may still happen within the lookahead";

/// The store has a change: has the dispatcher go by it before the call is answered.
/// @param jobs those that it is about; none: it is about pauses or backfills.
/// @param what is stored: "job 12 was stopped and this is stored".
/// @param meanwhile what may happen until a dispatcher has heard of it.
/// @throws HttpError 503 when none has confirmed it.
asio::awaitable<void> confirm_change(const ApiContext& context, std::vector<JobId> jobs,
                                     std::string what,
                                     std::string_view meanwhile = old_fires_may_start);

/// What confirm_change() throws.
/// @param why nobody has confirmed it.
[[noreturn]] void throw_unconfirmed(std::string_view what, std::string_view why,
                                    std::string_view meanwhile = old_fires_may_start);

}  // namespace peercron
