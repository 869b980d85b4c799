#pragma once

#include "base/clock.hpp"
#include "model/missed.hpp"
#include "model/plan_step.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace peercron {

/// What is to be in the next step of a term: everything that the ledger must know. Numbers the
/// steps from 1. Plain memory; one thread.
class StepDraft {
public:
    /// `self` dispatches.
    StepDraft(Epoch epoch, NodeName self) : epoch_(epoch), self_(std::move(self)) {}

    /// A run that has no row yet gets one. What becomes of it before the step is taken is in that
    /// row at once, since a step changes the rows that are there before it adds new ones.
    void add(PlannedRun row);
    /// A row for all fires from `first` to `last`, none of which runs.
    void add_gap(const RunId& first, WallTime last, std::int64_t fires, Reason why, WallTime at);
    /// The run has a row, and goes to another node, or to none yet.
    /// @param retry_at see PlannedRun; not set: as the row has it.
    /// @param why what the row says from now on of why it is at none.
    void move(const RunId& id, const NodeName& node, WallTime at,
              std::optional<WallTime> retry_at = {}, Reason why = {});
    /// The dispatcher ends the run, which was at `node` (empty = at none).
    /// @param rehearsal then nothing is told of it.
    void end(const RunId& id, const NodeName& node, RunState state, Reason why, WallTime at,
             bool rehearsal = false);
    /// Something in this step follows from how that run ended, as its node has told.
    void note_told_end(RunReport end);
    /// The run that was ended last has no row yet: it gets one that says so at once.
    void add_ended(PlannedRun row);

    bool is_empty() const { return step_.runs.empty() && step_.ended.empty(); }
    /// The runs that end with the next step.
    const std::unordered_set<RunId>& ended() const { return ended_; }
    std::uint64_t number() const { return number_; }

    /// The step; the next one begins. Its number is left to the writer of steps.
    PlanStep take(WallTime planned_through);
    /// What was ended, and which gaps there were, since the last call.
    std::vector<EndedFires> take_ended() { return std::exchange(told_, {}); }

private:
    PlannedRun* find_added(const RunId& id);

    const Epoch epoch_;
    const NodeName self_;
    PlanStep step_;
    std::unordered_map<RunId, std::size_t> added_;  // where they are in step_.runs
    std::unordered_set<RunId> ended_;               // those of step_.ended
    std::uint64_t number_ = 1;
    std::vector<EndedFires> told_;
};

}  // namespace peercron
