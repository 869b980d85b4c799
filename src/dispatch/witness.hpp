#pragma once

#include <vector>

namespace peercron {

/// What a new dispatcher knows about a node that may have copies of steps that the store lacks.
struct Witness {
    bool accounted = false;  ///< its account was taken, on this connection or an earlier one
    bool remembers = false;  ///< and told of every step that the node was ever given
    bool is_fresh = false;   ///< it may not have been there when steps were copied
};

struct Witnesses {
    std::vector<Witness> nodes;  ///< that are registered, as far as is known
    bool is_complete = false;    ///< the registry has had time to name all of them
    /// The store's last step is the newest that any of them has reported, and plans into the
    /// future.
    bool ledger_reaches_ahead = false;
};

/// Whether steps that were handed out by copies alone may still be missing, after the copies of all
/// nodes that have given their accounts are known.
///
/// Each of those steps is at more than half of the nodes that were registered then
/// (StepCopies), so any half of them includes a node with the step; a dead node may
/// have it in its journal. A node that has started since may have been one of those nodes, or not:
/// so half of the nodes must have answered, both counted with such nodes and without them.
///
/// A node that was there all the time need not wait for others when the ledger reaches ahead: every
/// node that could be elected then has such a step, and one that could not has hardly been elected
/// so soon. A node that has started since has to wait: a dispatcher that is cut off goes on without
/// having heard of it.
bool may_lack_steps(const Witnesses& witnesses);

}  // namespace peercron
