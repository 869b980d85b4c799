#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/planner.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/reason.hpp"
#include "model/revision.hpp"

#include <optional>
#include <span>

namespace peercron {

/// Gives the fires that are due by schedules their rows: one each for those that run, and one
/// together for those of a job that do not, because they were missed, are in a pause, or its
/// calendars exclude them. Pure; no clock of its own. One thread.
class DueFires {
public:
    DueFires(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// See TermRules::hold_plan(). Nothing is to be planned meanwhile.
    void hold(bool is_held);
    bool is_held() const { return is_held_; }

    /// Plans what is due until the horizon, but for what plan_gaps() has left out. Returns until
    /// when all is planned: the horizon, or an earlier moment, if there were too many for one step.
    WallTime plan(WallTime horizon, Moment now);
    /// The late ones that do not run any more, by the misfire rules of their jobs.
    void plan_gaps(Moment now);
    /// What was due by versions of jobs that gave way, by these changes, before anybody could plan
    /// it.
    void plan_old_versions(std::span<const Revision> changes, Moment now);

private:
    Planner::Next plan_fire(const PlannedJob& planned, const Job& version, WallTime scheduled_at,
                            Moment now);
    void plan_parts_again(const PlannedJob& planned, const Job& version, const RunId& fire,
                          Moment now);
    void plan_part(const PlannedJob& planned, const Job& version, const RunId& id, Moment now);
    void plan_gap(const Job& job, Gap gap, const Reason& why_not, Moment now);
    void skip(const RunId& first, const Gap& gap, Reason why, Moment now);
    void plan_old_version(const PlannedJob& old, WallTime from, WallTime to, Moment now);

    TermBook& book_;
    RunLife& life_;
    bool is_held_ = false;
    /// Fires due after this could not be planned because of that; set until all of them are.
    std::optional<WallTime> held_from_;
};

}  // namespace peercron
