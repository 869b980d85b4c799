#include "wire/message.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

std::vector<std::string> needs_of(const RunOrder& order)
{
    std::vector<std::string> needs = order.fields.needs();
    if (order.rehearsal) needs.emplace_back(rehearsal_need);
    if (order.id.parts > 1 || !order.id.node.empty()) needs.emplace_back(parts_need);
    return needs;
}

std::vector<OrderedLock> locks_of(const RunOrder& order)
{
    std::vector<OrderedLock> locks;
    if (order.lock_limits.empty()) return locks;
    const std::vector<std::string>& words = order.fields.job().locks;
    const std::vector<LockClaim> claims = read_locks(words);
    const std::size_t known = std::min(claims.size(), order.lock_limits.size());
    for (std::size_t i = 0; i < known; ++i) locks.push_back({claims[i], order.lock_limits[i]});
    return locks;
}

}  // namespace peercron
