#pragma once

#include "dispatch/node_links.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_lock.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <map>
#include <set>

namespace peercron {

/// The copies at the nodes of steps that the store has not taken. Lives on the I/O thread.
///
/// While the store does not answer, a step counts as committed when more than half of the nodes
/// have a copy of it, and every node that could be the next dispatcher as far as this one can tell;
/// a new dispatcher stores them before it plans (see InheritedSteps).
class StepCopies {
public:
    StepCopies(const PlanClock& clock, StepWriter& writer, NodeLinks& links, const TermLock& lock,
               NodeName self);

    /// The node has given its account, and may have lost what it had.
    void add_node(const NodeName& node);
    void remove_node(const NodeName& node) { copies_.erase(node); }
    void note_kept(const NodeName& node, const StepKept& kept);

    /// Sends the step, and those before it, until enough nodes have a copy, or the store has it.
    /// Throws Deposed when the lock is lost meanwhile.
    asio::awaitable<void> copy(std::uint64_t step);

    /// What nodes need not keep, copies of earlier terms included: the store has it.
    StepsStored stored() const;
    void drop_stored();
    /// Does that when the store has all of what was copied since.
    void drop_when_stored();

private:
    struct Copies {
        std::uint64_t sent = 0;
        std::uint64_t kept = 0;
        bool durable = false;
    };

    void send();
    std::set<NodeName> lacking(std::uint64_t step) const;

    const PlanClock& clock_;
    StepWriter& writer_;
    NodeLinks& links_;
    const TermLock& lock_;
    const NodeName self_;
    std::map<NodeName, Copies> copies_;  ///< of connected nodes
    bool have_some_ = false;             ///< of steps that the store may have by now
};

}  // namespace peercron
