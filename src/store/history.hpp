#pragma once

#include "model/revision.hpp"
#include "store/store.hpp"

#include <optional>

namespace peercron {

/// The revision that the history of job `id` lacks when `newest` is its last one and `job` is what
/// the database has now; nullopt when they agree. Pure.
/// @param now when a job that is gone is taken to be deleted.
std::optional<Revision> missing_revision(JobId id, const std::optional<Revision>& newest,
                                         const std::optional<Job>& job, WallTime now);

/// From when on a change of `before`, made at `at`, is effective: later than the change before it,
/// even if the clock of its author is behind, or its node was frozen. An earlier change that lies
/// further ahead than clocks should be is not waited for. Pure.
WallTime effective_moment(const Job& before, WallTime at);

/// TermStart::changes are those that are effective later than this. Of `start`, planned_through and
/// open_runs are there already. Pure.
WallTime changes_wanted_after(const TermStart& start);

/// The revision that says so, effective from effective_moment() of a change made at `at`.
Revision make_revision(const std::optional<Job>& before, const std::optional<Job>& after,
                       WallTime at, const Author& by);

}  // namespace peercron
