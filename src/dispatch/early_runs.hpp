#pragma once

#include "base/clock.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <map>
#include <span>
#include <vector>

namespace peercron {

/// What a clock left behind that was ahead, which planned, and perhaps ran, fires whose moments are
/// still to come: see Store::step_back(). They get these moments back. Pure; no clock of its own.
/// One thread.
class EarlyRuns {
public:
    EarlyRuns(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// Runs that wait at nodes for moments further ahead than anybody plans, to be asked back.
    std::map<NodeName, std::vector<RunId>> held(Moment now) const;
    /// They end as revoked, and are planned again when their moments come; so do those that are at
    /// no node yet. What was due, and to start later by a clock that was ahead, goes to a node
    /// again.
    void take_back(std::span<const RunId> given_back, Moment now);
    /// Their rows stand elsewhere now: the fires of those moments are others. They are planned,
    /// also if the plan has passed their moments until this was known.
    void moved(std::span<const RunId> runs);
    /// The same of those of `ended` that the store has no longer, when it did not answer which it
    /// has moved.
    void moved_unless_found(std::span<const RunId> ended, const TermStart& found);

private:
    void start_by_clock(const RunId& id, Moment now);

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
