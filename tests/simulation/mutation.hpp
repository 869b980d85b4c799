#pragma once

#include <cstdint>

namespace peercron::simulation {

/// A bug planted on purpose, to see that the judge finds it. Each sits in the surroundings: the
/// program runs as it is, and what it says to others, or hears from them, is as if it had the bug.
enum class Mutation : std::uint8_t {
    none,
    // The store.
    no_epoch_guard,        ///< steps of a deposed dispatcher are committed
    loses_a_row,           ///< a step is committed without one of its rows
    final_is_overwritten,  ///< whoever writes last is right
    repeats_reset,         ///< a step committed again makes its rows new again
    plan_goes_back,        ///< planned_through is now and then a second less than it was to be
    counts_nothing,        ///< run_num stays as it is
    steps_back_late,       ///< what was a moment to come when the call was sent counts as one
    keeps_rows_short,      ///< a row of skipped fires does not go on
    forgets_told_ends,  ///< a step that follows from the end of a run does not say how that ended
    plans_one_part,     ///< of a fire with several parts there is the first alone
    // The dispatcher.
    hands_out_uncommitted,   ///< messages leave before the commit
    goes_on_deposed,         ///< "deposed" is taken for "committed"
    reads_rows_first,        ///< the open rows are read before the nodes give their accounts
    silence_is_death,        ///< a node that cannot be reached is taken for dead
    refusal_is_death,        ///< one that refuses a connection is
    answers_early,           ///< a change is confirmed before it is applied
    asks_nobody,             ///< runs of changed jobs count as given back without being asked back
    waits_for_accounts,      ///< of nodes that are down, and for 20 s
    needs_no_copies,         ///< what the store does not take is handed out all the same
    plans_without_most,      ///< a take-over does not wait until most nodes have given accounts
    inherits_nothing,        ///< copies of steps that are at the nodes are not stored
    repeats_successes,       ///< now and then a run that has succeeded is taken for a lost one
    forgets_runs_to_repeat,  ///< a take-over does not ask the store what has to run again
    forgets_failed,          ///< nor what failed and was not tried again
    forgets_waiting,         ///< it does not read what waits to be tried again
    forgets_starts,          ///< nor when fires with jitter start
    hurries_retries,         ///< ends count as if they had been 20 s earlier
    retries_twice,           ///< what failed before a take-over is tried again once more
    retries_successes,       ///< now and then a run that has succeeded is taken for one that failed
    ignores_superseded,      ///< a retry waits for a time after the job's next fire
    forgets_daemon_ends,     ///< a take-over does not read how starts of daemons have ended
    gives_lost_daemons_up,   ///< what was lost with its node is taken for given up
    forgets_chains,          ///< a take-over does not read which jobs have to run after others
    places_anywhere,         ///< each node is taken for one that has all labels
    trusts_its_clock,        ///< the database's clock is not asked
    keeps_the_plan,          ///< it goes on from where a clock had come that was ahead
    forgets_pauses,          ///< it does not read them
    knows_no_end_of_pauses,  ///< nor when they end
    forgets_calendars,       ///< it does not read them
    knows_old_calendars,     ///< nor their changes
    forgets_skipped,         ///< a take-over does not read which fires were skipped together
    forgets_required,        ///< nor which fires wait for what their jobs require
    takes_for_success,       ///< each run of a job that others require counts as one that succeeded
    sees_nothing_required,   ///< a job that others require counts as one that has not fired
    forgets_parts,           ///< nor any part of a fire but the first
    forgets_nodes,           ///< nor to which nodes parts of fires belong
    // The nodes.
    omits_held,            ///< accounts leave out what is held
    omits_ended,           ///< accounts leave out what is not in the store yet
    omits_running,         ///< accounts leave out what runs
    omits_daemons,         ///< accounts do not say which definition daemons were started by
    omits_holders,         ///< nor which locks other runs hold
    revokes_in_words,      ///< "given back", and held all the same
    forgets_what_ran,      ///< now and then, and starts it again
    obeys_anybody,         ///< orders of older epochs are taken
    knows_no_parts,        ///< each part of a fire is taken for the first
    starts_early,          ///< 200 ms
    does_not_fence,        ///< when isolated
    has_no_guard,          ///< runs with a limit live on while their node is stopped
    survives_its_warden,   ///< commands live on when their node dies
    drops_failed_reports,  ///< what the store did not take at once
    is_silent_about_ends,  ///< the dispatcher is not told that runs ended
};

}  // namespace peercron::simulation
