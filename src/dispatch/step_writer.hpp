#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/dispatcher.hpp"
#include "model/plan_step.hpp"
#include "store/store_pool.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

namespace peercron {

/// Stores the steps of a term one after the other, for as long as it takes. Lives on the I/O
/// thread.
class StepWriter {
public:
    /// @param coordinator knows whether there are other nodes, for the log.
    StepWriter(asio::any_io_executor executor, const Clock& clock, StorePool& store,
               Dispatcher::Metrics& metrics, const Coordinator& coordinator);

    /// Numbers the step, and has it stored after those before it. Returns its number.
    std::uint64_t add(PlanStep step);

    /// Ends by cancellation, or with Deposed.
    asio::awaitable<void> run();

    /// The number of the newest step that was added.
    std::uint64_t added() const { return last_number_; }

    /// The number of the newest step that is stored.
    std::uint64_t stored() const { return stored_; }

    /// Waits until all steps that were added before the call are stored: who reads the ledger then
    /// finds what they say. More may be added meanwhile.
    asio::awaitable<void> store_added();

    /// When the request for that was sent.
    SteadyTime stored_at() const { return stored_at_; }

    /// Whether the store failed, or note_late() was said, and it has not caught up since.
    bool is_away() const { return away_; }

    /// To be called when a step has waited for too long.
    void note_late();

    /// The steps that are not stored yet, in order.
    const std::deque<PlanStep>& waiting() const { return waiting_; }

    /// About how much memory they take.
    std::size_t waiting_bytes() const { return waiting_bytes_; }

    /// For how long the oldest of them has waited; 0 = there is none.
    std::chrono::steady_clock::duration behind(SteadyTime now) const;

    /// Notified when any of that changes.
    Event& changed() { return changed_; }

private:
    asio::awaitable<std::string> store_first();
    void note_away(const std::string& why);
    void tell_when_it_lasts();

    const Clock& clock_;
    StorePool& store_;
    const Coordinator& coordinator_;
    Dispatcher::Metrics& metrics_;
    Event added_;
    Event changed_;
    std::deque<PlanStep> waiting_;
    std::deque<SteadyTime> added_at_;  // of waiting_
    std::size_t waiting_bytes_ = 0;
    std::uint64_t last_number_ = 0;
    std::uint64_t stored_ = 0;
    SteadyTime stored_at_{};
    bool away_ = false;
    SteadyTime away_since_{};
    std::string why_away_;
    bool told_ = false;
};

}  // namespace peercron
