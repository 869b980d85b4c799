#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/planner.hpp"
#include "model/reason.hpp"

#include <optional>

namespace peercron {

/// Which fires still run that could not be planned, or placed, in time: what the misfire window and
/// the misfire policy of a job say. Pure; no clock of its own.
class MisfireRules {
public:
    explicit MisfireRules(const DispatchSettings& settings) : settings_(settings) {}

    /// Before this moment a fire of the job does not run any more; the least one: none is too old.
    WallTime oldest_fire(const Job& job, WallTime now) const;

    /// Whether a fire of the job is too old to run.
    /// @param scheduled_at with jitter, when it was to start.
    bool is_too_late(const PlannedJob& job, WallTime scheduled_at, WallTime now) const;

    /// What runs of a gap, and what is dropped. With jitter, what may have been to start lately is
    /// for is_too_late() to judge.
    Planner::LateRule late_rule(const Job& job, WallTime now) const;

    /// Why these fires were dropped. `held_from`: see TermRules::hold_plan(); what was due later
    /// was missed for its sake.
    Reason why_dropped(const Job& job, const Gap& gap, std::optional<WallTime> held_from,
                       WallTime now) const;

private:
    const DispatchSettings& settings_;
};

}  // namespace peercron
