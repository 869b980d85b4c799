#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/node_choice.hpp"
#include "dispatch/open_runs.hpp"
#include "model/daemon.hpp"
#include "model/reason.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peercron {

/// The daemons among the jobs: how their starts ended, and what follows (model/daemon.hpp): which
/// are to be started, and which of those that are up are to be ended.
///
/// How starts have ended, nodes say, and the store. Where a node may have told the store alone, or
/// where nothing is known yet, the store is asked before the next start. Decides; what it says is
/// carried out elsewhere. Pure; no clock of its own. One thread.
class Daemons {
public:
    Daemons(const JobTable& jobs, const OpenRuns& runs, const NodeChoice& choice)
        : jobs_(jobs), runs_(runs), choice_(choice)
    {}

    // What happens.

    /// The job is in the table, as new or changed, or is not there any more; or an open run of it
    /// is a start of a daemon.
    void follow(JobId job);
    /// A start is over; of other jobs it is ignored. What really happened replaces `lost`.
    /// @param now an end that was told by a clock that is ahead counts as now.
    void ended(DaemonStart start, WallTime now);
    /// The row of a start that is over stands elsewhere now.
    void moved(const RunId& id);
    /// The row of a start says that it was lost, though its node may have told how it ended: that
    /// node is dead, and every other dispatcher goes by the row.
    void given_up(const RunId& id, WallTime now);

    // What only the store knows.

    /// How a start of the job ended may be in the store alone: it does not start again before the
    /// store has answered, though it waits no longer than some seconds for that.
    void ask(JobId job);
    /// Nothing is known of the job's starts: nothing starts before the store has answered.
    void ask_first(JobId job);
    bool has_questions() const;
    /// The jobs to be read, no more than `most`: Store::daemon_starts() is asked when all steps are
    /// stored that were made before, and then found() is called.
    std::vector<JobId> take_questions(std::size_t most);
    void found(std::span<const JobId> jobs, std::vector<DaemonStart> starts, WallTime now);

    // What follows.

    struct Due {
        JobId job = 0;
        DaemonNext next;  ///< `start` or `give_up`
    };
    /// The daemons without an open run that are to be started by then, or given up.
    std::vector<Due> due(WallTime until, Moment now);
    /// The next row of the job is for this moment or later: rows are in the order of the starts,
    /// and one that was taken back may have been for a moment still to come.
    WallTime earliest(JobId job) const;
    /// The newest of its starts that are over, from which the next one follows; nullopt: none is.
    std::optional<RunId> newest_end(JobId job) const;
    /// Why a person cannot start the daemon now; nullopt: it can be.
    std::optional<std::string> why_not_now(const PlannedJob& job, WallTime now) const;

    struct End {
        RunId run;
        NodeName node;
        Reason why;
    };
    /// The starts that are up and should not be, each again after some seconds: what was said to a
    /// node may not have reached it.
    std::vector<End> to_end(Moment now);

    // For the display.
    /// How many are not stopped, nor paused, and have an open window.
    std::size_t wanted(WallTime now) const;
    std::size_t up() const;

private:
    struct Daemon {
        std::vector<DaemonStart> ended;  ///< by scheduled time; the newest most_daemon_starts
        DaemonNext next;                 ///< that follows from them
        bool is_asked = false;
        bool is_being_read = false;
        bool is_known = true;                ///< whether it may start without an answer
        std::optional<SteadyTime> patience;  ///< for the answer, where it may
        std::optional<RunId> told_to_end;
        SteadyTime told_at{};
    };

    void add(Daemon& daemon, DaemonStart start, WallTime now);
    void look_again(JobId job, Daemon& daemon);
    bool waits_for_answer(Daemon& daemon, SteadyTime now) const;
    std::optional<Reason> why_to_end(const TrackedRun& run, WallTime now) const;

    const JobTable& jobs_;
    const OpenRuns& runs_;
    const NodeChoice& choice_;
    std::map<JobId, Daemon> daemons_;
};

}  // namespace peercron
