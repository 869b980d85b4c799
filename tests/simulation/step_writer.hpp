#pragma once

#include "model/plan_step.hpp"
#include "simulation/database.hpp"
#include "simulation/mutation.hpp"
#include "simulation/world.hpp"

#include <cstdint>
#include <deque>

namespace peercron::simulation {

/// Stores the steps of a term one after the other, as dispatch/step_writer.cpp.
class StepWriter {
public:
    StepWriter(Actor& actor, StoreLine& store, Mutation mutation);

    std::uint64_t add(PlanStep step);
    /// Ends by cancellation, or with Deposed.
    Task<void> run();

    std::uint64_t added() const { return last_number_; }
    std::uint64_t stored() const { return stored_; }
    World::Time stored_at() const { return stored_at_; }
    bool is_away() const { return away_; }
    void is_late();
    const std::deque<PlanStep>& waiting() const { return waiting_; }
    Signal& changed() { return changed_; }

private:
    Task<bool> store_first();

    World& world_;
    Actor& actor_;
    StoreLine& store_;
    const Mutation mutation_;
    Signal added_;
    Signal changed_;
    std::deque<PlanStep> waiting_;
    std::uint64_t last_number_ = 0;
    std::uint64_t stored_ = 0;
    World::Time stored_at_{};
    bool away_ = false;
};

}  // namespace peercron::simulation
