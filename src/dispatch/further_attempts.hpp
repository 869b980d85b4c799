#pragma once

#include "base/clock.hpp"
#include "dispatch/chains.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <string>

namespace peercron {

/// Why an attempt does not start any more.
Reason next_fire_came();

/// The attempts after the first one of a fire: those of runs that may not have done their work
/// (Redelivery), and of runs that failed (RetryRules), which wait for their time. Gives them their
/// rows, and nodes when their time is near. Pure; no clock of its own. One thread.
class FurtherAttempts {
public:
    FurtherAttempts(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// The run ended by itself, and is its fire's last attempt so far.
    void note_failure(const RunReport& end, std::string requested_by, WallTime now);
    /// What waits by the store, at the start of the term.
    void take_over_waiting(const TermStart& found, Moment now);
    /// Whether one will be planned, as soon as the store has said that there is none yet.
    bool is_followed(const FireEnd& end, WallTime now) const;

    /// Plans those of all runs that ended since the last call.
    void plan(Moment now);
    /// Those whose time is near go to nodes. Says whether there were too many for one step.
    bool start_waiting(Moment now);

private:
    void plan_next_attempt(const RunId& id, std::string requested_by, Moment now);
    void plan_retry(const FailedRun& failed, Moment now);
    void open_retry(WaitingRun wait, Moment now);

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
