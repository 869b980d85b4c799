#pragma once

#include "dispatch/dispatch_settings.hpp"
#include "dispatch/node_links.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_lock.hpp"
#include "dispatch/witness.hpp"
#include "model/plan_step.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <optional>

namespace peercron {

/// The steps that earlier dispatchers handed out by copies alone (see StepCopies), and that the
/// store may lack: gathers the nodes' copies, waits until enough nodes have said what they have
/// (see may_lack_steps()), and stores what is missing. So everything that was handed out is in the
/// ledger before this dispatcher plans. Lives on the I/O thread.
class InheritedSteps {
public:
    /// @param registry_complete_from until then the registry, which has forgotten what it knew, may
    ///        lack nodes.
    InheritedSteps(const PlanClock& clock, NodeLinks& links, StorePool& store,
                   const StoreCalls& calls, const TermLock& lock, NodeName self,
                   const DispatchSettings& settings, SteadyTime registry_complete_from);

    /// Before any node is asked. `before`: what the store has. `was_told`: this node has heard an
    /// earlier dispatcher. Throws Deposed when the store has steps of this epoch or a later one.
    void begin(const TermStart& before, bool was_told);

    // What nodes say.

    void take_account(const NodeName& node, const Account& account);
    void take_copy(PlanStep step);

    /// Waits for the accounts, of all nodes for a moment, and, when steps may be missing, for
    /// longer, of enough nodes. Throws Deposed as TermLock does, and when there are copies of this
    /// epoch or a later one.
    asio::awaitable<void> await_accounts();
    /// How far any copy plans; `known` if that is later.
    WallTime reach(WallTime known) const;
    asio::awaitable<void> store_all();
    /// Whether copies of further steps have come since: a node was late.
    bool has_more() const;

private:
    bool may_lack_steps() const;
    bool was_there(const Account& account) const;

    const PlanClock& clock_;
    NodeLinks& links_;
    StorePool& store_;
    const StoreCalls& calls_;
    const TermLock& lock_;
    const NodeName self_;
    const DispatchSettings& settings_;
    const SteadyTime registry_complete_from_;

    StepId last_stored_;
    std::optional<WallTime> planned_before_;  ///< how far the store says that others have planned
    bool was_told_ = false;
    std::map<NodeName, Witness> witnesses_;  ///< that have given their accounts
    std::map<StepId, PlanStep> steps_;
};

}  // namespace peercron
