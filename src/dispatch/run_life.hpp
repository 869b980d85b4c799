#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/open_runs.hpp"
#include "dispatch/term_book.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <string>

namespace peercron {

/// Who has asked for the run, and what goes with that; `requested_by`: see PlannedRun.
void set_request(TrackedRun& run, std::string requested_by);

/// What happens to one run in a dispatcher's term: it is opened, gets a node, loses it, is taken
/// back, ends; and everything that has to be told of that, so that no part of the book is
/// forgotten. Why it happens is for the callers to know. Pure; no clock of its own. One thread.
class RunLife {
public:
    using Place = OpenRuns::Place;

    explicit RunLife(TermBook& book) : book_(book) {}

    // A run begins.

    /// A further attempt, or one that is to start at a certain moment, is open from now on. It has
    /// a row, or gets one by place_new().
    Place open_again(const RunId& id, const PlannedJob& job, WallTime retry_at, Moment now);
    /// Finds a node for a run that has no row yet, and gives it its row; it may end by that.
    void place_new(Place run, std::string requested_by, Moment now);
    /// The attempt before this one is not the last any more. It may be open yet: its node may have
    /// told the store alone that it is over.
    void note_next_attempt(const RunId& next);
    /// Finds nodes for those that have rows and are at none; they wait where there is none, those
    /// with jitter until their start is near, and those of jobs that require others for these.
    void place_waiting(Moment now);
    /// The node holds it, or is running it: it says so.
    void adopt(const RunOrder& order, const NodeName& node, RunPhase phase, Moment now);

    // A run does not go on where it is.

    /// It has not started at its node and will not: another one gets it, as its job is now. When
    /// the job does not fire then any more, it ends as revoked.
    void release(Place run);
    /// The job may make other parts of its fires than before: of those that are due after `from`,
    /// from where they are planned again, and of which no part is at a node, or was, all are taken
    /// back.
    void take_back_cut(JobId job, WallTime from);
    /// Those of which no fire was planned again end as revoked.
    void end_taken_back(Moment now);

    // A run is over.

    /// The dispatcher ends it: its row says so with the next step.
    void end_here(Place run, RunState state, Reason why, WallTime at);
    /// The same of a retry that waits: its row is open, and says that it waits.
    void end_waiting(const WaitingRun& wait, RunState state, Reason why, WallTime at);
    /// It is open no more. How it ended is for others to note.
    void close(Place run);
    /// It has ended like that; `row_step`: see TrackedRun.
    void note_end(const RunId& id, RunState state, std::uint64_t row_step, bool rehearsal = false);
    /// Something follows from how it ended. If its node may have told that to this dispatcher
    /// alone, the next step has it, too: the store never knows of what follows without that.
    void write_end(const RunId& id);
    /// The same of the newest start of a daemon that is over.
    void write_newest_end(JobId daemon);
    /// Its node may have ended it, and told the store alone.
    void note_hidden_end(const RunId& id);
    /// A run of the job has left its place to another one, if its quota was used up.
    void unpark(JobId job);

private:
    bool is_to_cut_again(const RunId& part) const;
    bool is_delayed(const TrackedRun& run, Moment now) const;
    bool is_to_ask(const TrackedRun& run) const;
    Reason why_waits(const TrackedRun& run) const;
    void place(Place run, Moment now);
    void put_on(Place run, const NodeName& node, Moment now);
    void adopt_work(Place run, const RunOrder& order);
    void put_back(Place run);
    void drop(Place run);

    TermBook& book_;
};

}  // namespace peercron
