#include "dispatch/misfire_rules.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// A fire that is planned later than this after its time is a misfire: a change of dispatchers is
/// over by then.
constexpr auto on_time = 3s;

}  // namespace

WallTime MisfireRules::oldest_fire(const Job& job, WallTime now) const
{
    std::chrono::milliseconds window = settings_.misfire_window;
    if (job.misfire_window) window = *job.misfire_window;
    if (window == until_next) return {};
    return window == 0ms ? WallTime() : now - window;
}

bool MisfireRules::is_too_late(const PlannedJob& job, WallTime scheduled_at, WallTime now) const
{
    if (job.job.misfire_window == until_next) {
        const auto next = job.next(scheduled_at);
        return scheduled_at < now - on_time && next && *next <= now;
    }
    return scheduled_at < oldest_fire(job.job, now);
}

Planner::LateRule MisfireRules::late_rule(const Job& job, WallTime now) const
{
    // With jitter a fire is late when it could have started by then, whatever its own time is.
    const WallTime from_due = now - on_time - job.jitter;
    WallTime oldest = oldest_fire(job, now);
    if (oldest != WallTime()) oldest -= job.jitter;
    switch (job.misfire_policy) {
        case Misfire::run_all:
            // Of those that are late, only the newest is not followed by another one.
            if (job.misfire_window == until_next) return {from_due, true, {}};
            break;
        case Misfire::run_latest:
            return {from_due, true, oldest};
        case Misfire::skip:
            return {from_due, false, {}};
    }
    return {oldest, false, {}};
}

Reason MisfireRules::why_dropped(const Job& job, const Gap& gap, std::optional<WallTime> held_from,
                                 WallTime now) const
{
    const bool by_policy = job.misfire_policy == Misfire::skip ||
                           (job.misfire_policy == Misfire::run_latest && gap.another_runs);
    if (by_policy) {
        return {Cause::misfire_policy,
                fmt::format("the job's misfire policy is {}", policy_name(job.misfire_policy))};
    }
    const std::string too_late = job.misfire_window == until_next
                                     ? std::string("a later fire of the job was due by then")
                                     : fmt::format("longer ago than the misfire window of {} s",
                                                   (now - oldest_fire(job, now)) / 1s);
    if (held_from && gap.last > *held_from) {
        return {Cause::overload, "the ledger was too far behind; " + too_late};
    }
    return {Cause::misfire, too_late};
}

}  // namespace peercron
