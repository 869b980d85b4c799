#pragma once

#include "store/store.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

/// What a store has found for Store::step_back(), and the time when it had found it: asked for
/// last, so that nothing of this is younger.
struct StepBackFacts {
    std::optional<WallTime> planned_through;
    struct Row {
        std::int64_t id = 0;  ///< of the table
        RunId run;
    };
    /// Rows that are final and not revoked, or further attempts, and of whose fire no other attempt
    /// is open; those that are due first, at most StepBack::limit.
    std::vector<Row> early;
    std::optional<WallTime> newest;  ///< of all such rows
    WallTime now{};                  ///< the later of the node's clock and the database's
};

/// What is to be done.
struct StepBackPlan {
    std::optional<ClockStep> step;  ///< none: no clock was ahead
    bool sets_plan = false;         ///< planned-through goes back to step->at
    struct Move {
        StepBackFacts::Row row;
        WallTime to{};
    };
    std::vector<Move> moves;
    std::chrono::milliseconds ahead{0};  ///< by which the other times of the moved rows go back
};

/// The rule of Store::step_back(). Pure.
StepBackPlan plan_step_back(const StepBack& order, const StepBackFacts& facts);

}  // namespace peercron
