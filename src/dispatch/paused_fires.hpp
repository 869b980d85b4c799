#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/open_runs.hpp"
#include "model/pause.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace peercron {

/// Which fires do not start because their jobs are paused, or their calendars exclude them, and the
/// rows of those. The rules:
///  - what is due during a pause does not start: a fire, also of a job that runs after others, a
///    retry, and a fire that was due before it and could not start in time;
///  - what a person asks for starts, with what runs after it, and so does what runs again because
///    it was lost;
///  - commands that have begun before a pause go on;
///  - of calendars the moment of the fire alone counts, also for a fire that starts later, and for
///    its retries. Of a fire that is in a pause, too, its row says that;
///  - the fires of one job in one pause, or that are next to each other and excluded for one
///    reason, share a row, which grows with each. A new row begins with another dispatcher, a
///    change of the job, and after a day. Where other jobs run after it each fire has a row of its
///    own, as each of theirs has.
/// Pure. One thread.
class PausedFires {
public:
    explicit PausedFires(const JobTable& jobs) : jobs_(jobs) {}

    /// The pause in which the job's fire of that moment is; nullptr: in none.
    const Pause* find(const Job& job, WallTime fire) const;
    /// Why a run that has not started does not start; nullopt: it may.
    std::optional<Reason> why_not(const TrackedRun& run, WallTime now) const;
    /// Why calendars, which may have changed since it was planned, exclude its fire; nullopt: they
    /// do not.
    std::optional<Reason> why_excluded(const TrackedRun& run) const;

    /// Rows that an earlier dispatcher has written, and how far it has planned.
    void take_over(const std::vector<SkippedSpan>& spans, WallTime planned_through);
    /// Whether the fire is in one of those.
    bool was_skipped_before(JobId job, WallTime fire) const;

    /// The fire, which has no row, is in that pause, or excluded. Fires of a job come in the order
    /// of time.
    void add(const Pause& pause, JobId job, WallTime fire);
    void add_excluded(std::string why, JobId job, WallTime fire);
    /// What is left out of the job's fires from here on is another row.
    void forget(JobId job);

    /// A row for all fires of a job from `first` to `last`.
    struct Row {
        RunId first;
        WallTime last{};
        std::int64_t fires = 0;
        Reason why;
    };
    bool has_rows() const { return !grown_.empty() || !closed_.empty(); }
    /// Those that are new, or have grown, since the last call.
    std::vector<Row> take_rows();

    /// Whether the pauses are others than when saw_pauses() was called: runs that wait at nodes may
    /// be in one.
    bool has_news() const { return seen_ != jobs_.pause_changes(); }
    void saw_pauses() { seen_ = jobs_.pause_changes(); }

private:
    struct Growing {
        std::int64_t pause = 0;  ///< its id; 0: it is not of a pause
        Row row;
    };

    void add(std::int64_t pause, Reason why, JobId job, WallTime fire);

    const JobTable& jobs_;
    std::unordered_map<JobId, std::vector<SkippedSpan>> earlier_;
    std::unordered_map<JobId, Growing> rows_;
    std::unordered_set<JobId> grown_;
    std::vector<Row> closed_;  ///< have grown, and will not any more
    std::optional<std::uint64_t> seen_;
};

}  // namespace peercron
