#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"

#include <compare>
#include <cstdint>
#include <vector>

namespace peercron {

/// Which step of which term. Steps of a term are numbered from 1, without a gap, and stored in that
/// order.
struct StepId {
    Epoch epoch = 0;
    std::uint64_t number = 0;

    friend auto operator<=>(const StepId&, const StepId&) = default;
};

/// One step of the plan, stored whole or not at all. What ended comes first, then what moved,
/// then the new rows: a fire that is among the ended ones as revoked and among the new ones is
/// opened again.
struct PlanStep {
    Epoch epoch = 0;           ///< of the term that planned it
    std::uint64_t number = 0;  ///< see StepId; 0 = not numbered
    NodeName dispatch_server;
    WallTime planned_through{};  ///< the new value; never smaller than the stored one
    /// New rows. Storing a step again changes nothing (an unknown outcome is tried again), but a
    /// `revoked` row is opened again: a changed job may fire at the same moment. A `skipped` row
    /// that is there with fewer fires goes on: it stands for these then.
    std::vector<PlannedRun> runs;
    /// Rows that end here, without a run or as nodes have told: only while they are not final.
    std::vector<RunReport> ended;
    /// Open rows that are handed to another node.
    std::vector<PlannedRun> moved;

    StepId id() const { return {epoch, number}; }
    friend bool operator==(const PlanStep&, const PlanStep&) = default;
};

}  // namespace peercron
