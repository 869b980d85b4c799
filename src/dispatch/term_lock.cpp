#include "dispatch/term_lock.hpp"

#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

void TermLock::check() const
{
    if (!is_held()) throw Deposed("the lock was lost");
}

void TermLock::check_unused(Epoch used) const
{
    if (used >= epoch_) throw Deposed(fmt::format("epoch {} has been used before", epoch_), used);
}

void TermLock::check_newest() const
{
    if (newer_epoch_ == 0) return;
    throw Deposed(fmt::format("a node has heard a dispatcher of epoch {}", newer_epoch_),
                  newer_epoch_);
}

}  // namespace peercron
