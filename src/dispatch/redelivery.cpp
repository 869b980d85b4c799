#include "dispatch/redelivery.hpp"

#include "model/jitter.hpp"
#include "model/retry.hpp"

#include <algorithm>
#include <cstdint>

namespace peercron {
namespace {

/// A fire that ends its node each time is not given to all of them for ever; but its job may allow
/// more.
constexpr std::int32_t most_attempts = 5;

/// The last moment at which the fire may have been due to start. Where its next fire ends it, what
/// it waits for does not count.
WallTime latest_start(const Job& job, WallTime fire)
{
    if (job.misfire_window == until_next) return fire;
    return delayed_start(job, fire).value_or(fire) + job.requires_wait;
}

}  // namespace

bool Redelivery::is_wanted_after(RunState state, const Reason& why)
{
    return state == RunState::lost || state == RunState::fenced ||
           (state == RunState::killed && why.cause == Cause::node_stopped);
}

void Redelivery::keep(const std::function<bool(const RunId&)>& is_kept)
{
    std::erase_if(runs_, [&](const auto& run) { return !is_kept(run.first); });
}

std::optional<RunId> Redelivery::next_attempt(const RunId& id, WallTime now) const
{
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr || planned->job.stop) return std::nullopt;
    if (planned->job.delivery != Delivery::at_least_once) return std::nullopt;
    if (id.attempt >= std::max(most_attempts, last_attempt(planned->job))) return std::nullopt;
    // After others it may have been due much later than at its scheduled time.
    const bool has_own_time = !planned->is_chained();
    const WallTime due = latest_start(planned->job, id.scheduled_at);
    if (has_own_time && misfires_.is_too_late(*planned, due, now)) return std::nullopt;
    return peercron::next_attempt(id);
}

bool Redelivery::concerns(const std::set<RunId>& runs) const
{
    return std::any_of(runs.begin(), runs.end(), [this](const RunId& id) {
        const PlannedJob* planned = jobs_.find(id.job);
        return planned != nullptr && planned->job.delivery == Delivery::at_least_once;
    });
}

}  // namespace peercron
