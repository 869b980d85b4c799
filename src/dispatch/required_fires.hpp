#pragma once

#include "base/clock.hpp"
#include "dispatch/requirements.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"

namespace peercron {

/// Lets the fires go whose jobs require others, once those have succeeded, and ends those that have
/// waited long enough. See Requirements. Pure; no clock of its own. One thread.
class RequiredFires {
public:
    RequiredFires(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// What has been decided since the last call. Those that run are to be placed.
    void plan(Moment now);

private:
    void let_go(RunLife::Place run, const Requirements::Decided& decided, Moment now);

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
