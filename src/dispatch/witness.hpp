#pragma once

#include <vector>

namespace peercron {

/// What a new dispatcher knows of a node that may have been given copies of steps which the store
/// lacks.
struct Witness {
    bool accounted = false;  ///< its account was taken, on this connection or an earlier one
    bool remembers = false;  ///< and told of every step that the node was ever given
    bool is_fresh = false;   ///< it may not have been there when steps were copied
};

struct Witnesses {
    std::vector<Witness> nodes;  ///< that are registered, as far as is known
    bool is_complete = false;    ///< the registry has had time to name all of them
    /// The store's last step is the newest that any of them has told of, and plans into the future.
    bool ledger_reaches_ahead = false;
};

/// Whether steps may be missing that were handed out by copies alone, after the copies of all who
/// were accounted for are known.
///
/// Each of those steps is at more than half of the nodes that were registered then
/// (Tenure::lacking_copy()), so that it is at one of any half of them; one that is dead may have it
/// in its journal. Whoever has started since may have been one of those nodes, or none: so it takes
/// a half both with them and without.
///
/// A survivor need not wait for others when the ledger reaches ahead: such a step is at everybody
/// who could be elected then, and who could not has hardly been elected so soon. Who has started
/// since survived nothing: a dispatcher that is cut off goes on without having heard of it.
bool may_lack_steps(const Witnesses& witnesses);

}  // namespace peercron
