#pragma once

#include "dispatch/job_table.hpp"
#include "dispatch/open_runs.hpp"
#include "model/reason.hpp"
#include "model/revision.hpp"
#include "store/store.hpp"

#include <optional>
#include <span>
#include <vector>

namespace peercron {

/// What the versions of jobs say about runs: the one that is in the table, and those before it. A
/// fire belongs to the version that was valid when it was due, and a fire that a version took back
/// stays taken back, whatever the newest one says of that moment.
///
/// A version's fires are those after its own `effective_from`, up to that of the next one. Runs
/// that a person has asked for belong to no version. Pure: reads the table and the open runs, and
/// changes neither. One thread.
class JobVersions {
public:
    JobVersions(const JobTable& jobs, const OpenRuns& runs) : jobs_(jobs), runs_(runs) {}

    // Open runs, by the newest version.

    /// Whether a run is to start by its job as that is now; for an open one it also counts whether
    /// an earlier version took it back, or it is a retry by an earlier version.
    bool is_still_due(const RunId& id) const;
    bool is_still_due(const TrackedRun& run) const;
    /// Whether a retry stands: its job is there, is not stopped and has not been changed since the
    /// run before it failed, and its fire was not taken back by that definition.
    bool is_still_due(const WaitingRun& retry) const;
    /// Whether it would be ordered like that again.
    bool is_up_to_date(const TrackedRun& run) const;
    /// Whether its fire is due by the schedule as the job is now, and is not being tried again.
    bool is_of_newest(const TrackedRun& run) const;
    /// Whether the job makes more or fewer parts of such a fire than it did when that was planned,
    /// or parts that belong to nodes, or do not. What was due before a change stays as it is.
    bool is_cut_otherwise(const TrackedRun& run) const;
    /// Why runs of the job are taken back.
    Reason why_taken_back(JobId job) const;

    // Open runs, by earlier versions.

    /// What to read of the past of a job (usually nothing) before the table gets `row`: versions
    /// between the table's and this one may have taken back fires that have not started.
    std::optional<PastQuery> query_before(const Job& row, WallTime planned_through) const;
    /// The open runs that a version of these pasts took back which gave way since: not the first
    /// one, which the table had, and not the newest, which it has.
    std::vector<RunId> unwanted_by(std::span<const JobPast> pasts) const;
    /// The same of the versions that these changes replaced; oldest change first.
    std::vector<RunId> unwanted_by(std::span<const Revision> changes) const;

    // Runs that have ended, and may have to run again.

    /// What to read of the past (usually nothing) for still_wanted().
    std::vector<PastQuery> queries_for(std::span<const RunId> runs) const;
    /// Those of `runs` that no version took back.
    std::vector<RunId> still_wanted(std::vector<RunId> runs, std::span<const JobPast> pasts) const;

    // Fires that nobody has planned.

    /// A version whose fires after `from`, up to `to`, are due.
    struct Unplanned {
        PlannedJob version;
        WallTime from{};
        WallTime to{};
    };
    /// The versions that gave way before anybody could plan them, though no later than at `latest`.
    std::vector<Unplanned> unplanned(std::span<const Revision> changes, WallTime planned_through,
                                     WallTime latest) const;

private:
    bool is_retry_due(const RunId& id, WallTime failed_at, bool is_requested) const;
    void add_unwanted(std::vector<RunId>& unwanted, const Job& version, WallTime since,
                      WallTime until) const;

    const JobTable& jobs_;
    const OpenRuns& runs_;
};

}  // namespace peercron
