#include "cluster/campaign.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

void Campaign::session_made(std::string id)
{
    session_lost();
    session_ = std::move(id);
}

void Campaign::session_lost()
{
    end_tenure();
    if (holds(entry_)) {
        entry_.session.clear();
        dispatcher_.clear();
    }
    session_.clear();
}

void Campaign::resign()
{
    resigned_ = true;
    end_tenure();
}

void Campaign::seen(const LockEntry& entry)
{
    seen_ = true;
    entry_ = entry;
    dispatcher_ = entry.session.empty() ? NodeName() : entry.holder;
    const bool mine = holds(entry) && !resigned_;
    if (epoch_ != 0 && (!mine || entry.epoch() != epoch_)) end_tenure();
    if (entry.epoch() > last_epoch) return;
    if (!mine) {
        used_ = std::max(used_, entry.epoch());
    } else if (entry.epoch() > used_) {
        epoch_ = entry.epoch();
    }
}

void Campaign::raise_epoch(Epoch used)
{
    if (used > last_epoch) return;
    used_ = std::max(used_, used);
    if (epoch_ <= used_) epoch_ = 0;
}

std::optional<Campaign::Bid> Campaign::bid() const
{
    if (!seen_ || session_.empty() || resigned_ || epoch_ != 0) return std::nullopt;
    const bool held = holds(entry_);
    if (!held && !entry_.session.empty()) return std::nullopt;
    const std::uint64_t lock_index = held ? entry_.lock_index : entry_.lock_index + 1;
    LockEntry next = entry_;
    next.lock_index = lock_index;
    if (next.epoch() > used_ && next.epoch() <= last_epoch) return Bid{session_, next.flags};
    if (used_ >= last_epoch) return std::nullopt;
    return Bid{session_, std::max(used_ + 1, lock_index) - lock_index};
}

void Campaign::end_tenure()
{
    used_ = std::max(used_, epoch_);
    epoch_ = 0;
}

}  // namespace peercron
