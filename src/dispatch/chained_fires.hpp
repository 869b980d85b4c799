#pragma once

#include "base/clock.hpp"
#include "dispatch/chains.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"

namespace peercron {

class FurtherAttempts;

/// Gives the fires of jobs that run after others their rows, when Chains says that they are due:
/// they run, or are skipped because of how their parents ended. Pure; no clock of its own. One
/// thread.
class ChainedFires {
public:
    ChainedFires(TermBook& book, RunLife& life, const FurtherAttempts& attempts)
        : book_(book), life_(life), attempts_(attempts)
    {}

    /// What is due after others; also what is due after that because it is skipped.
    void plan(Moment now);

private:
    void plan_child(const Chains::Due& due, Moment now);
    void skip_child(const Chains::Due& due, PlannedRun row, Reason why, Moment now);

    TermBook& book_;
    RunLife& life_;
    const FurtherAttempts& attempts_;
};

}  // namespace peercron
