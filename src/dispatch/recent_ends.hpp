#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"

#include <map>
#include <unordered_set>
#include <vector>

namespace peercron {

/// The runs that have ended lately, by their moments: a changed job must not fire a second time at
/// a moment at which it has fired. Plain memory; one thread.
class RecentEnds {
public:
    void add(const RunId& id) { ends_[id.scheduled_at].insert(id); }
    bool contains(const RunId& id) const;
    /// Its moment is free again.
    void forget(const RunId& id);
    /// All before `time`.
    void forget_before(WallTime time) { ends_.erase(ends_.begin(), ends_.lower_bound(time)); }
    /// Those whose moments are after `time`.
    std::vector<RunId> after(WallTime time) const;
    bool has_after(WallTime time) const;

private:
    std::map<WallTime, std::unordered_set<RunId>> ends_;
};

}  // namespace peercron
