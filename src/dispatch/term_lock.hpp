#pragma once

#include "cluster/coordinator.hpp"
#include "model/run.hpp"

namespace peercron {

/// Whether a term may go on: it holds the lock, and nobody has heard of a later one. Throws Deposed
/// if not. That is soon, and not safe: safety comes from the epoch in the store.
class TermLock {
public:
    TermLock(const Coordinator& coordinator, Epoch epoch) : coordinator_(coordinator), epoch_(epoch)
    {}

    /// The epoch of the term.
    Epoch epoch() const { return epoch_; }

    bool is_held() const { return coordinator_.epoch() == epoch_; }
    /// To be called after each pause of whatever is tried again and again.
    void check() const;

    /// `used` is the epoch of a step that others have made, or an earlier process of this node.
    void check_unused(Epoch used) const;

    /// A node has heard a dispatcher of that epoch.
    void note_newer(Epoch epoch) { newer_epoch_ = epoch; }
    void check_newest() const;

private:
    const Coordinator& coordinator_;
    const Epoch epoch_;
    Epoch newer_epoch_ = 0;
};

}  // namespace peercron
