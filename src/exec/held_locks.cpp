#include "exec/held_locks.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {

std::int64_t HeldLocks::taken_of(const std::string& name) const
{
    const auto found = locks_.find(name);
    return found == locks_.end() ? 0 : found->second.taken;
}

bool HeldLocks::is_free(const OrderedLock& lock) const
{
    return taken_of(lock.claim.name) + lock.claim.weight <= lock.limit;
}

std::optional<HeldLocks::Obstacle> HeldLocks::find_obstacle(
    const RunOrder& order, const std::function<bool(const RunId&)>& has_room) const
{
    const std::vector<OrderedLock> wanted = locks_of(order);
    for (const OrderedLock& lock : wanted) {
        if (lock.claim.weight <= lock.limit) continue;
        return Obstacle{.lock = lock.claim.name,
                        .taken = lock.claim.weight,
                        .limit = lock.limit,
                        .is_too_large = true};
    }
    for (const OrderedLock& lock : wanted) {
        const auto found = locks_.find(lock.claim.name);
        if (found == locks_.end()) continue;
        const Lock& state = found->second;
        if (!is_free(lock)) {
            return Obstacle{.lock = lock.claim.name,
                            .taken = state.taken,
                            .limit = lock.limit,
                            .holder = state.holders.front().first,
                            .is_held = true};
        }
        const auto is_first = [&](const Place& earlier) {
            const auto is_met = [&](const OrderedLock& other) {
                return other.claim.name == lock.claim.name || is_free(other);
            };
            return std::ranges::all_of(wanted_.at(earlier.second), is_met) &&
                   has_room(earlier.second);
        };
        const auto own = state.waiting.lower_bound({order.start_at, order.id});
        const auto earlier = std::find_if(state.waiting.begin(), own, is_first);
        if (earlier == own) continue;
        return Obstacle{.lock = lock.claim.name,
                        .taken = state.taken,
                        .limit = lock.limit,
                        .holder = earlier->second};
    }
    return std::nullopt;
}

void HeldLocks::take(const RunOrder& order)
{
    std::vector<OrderedLock> all = locks_of(order);
    if (all.empty()) return;
    for (const OrderedLock& lock : all) {
        Lock& state = locks_[lock.claim.name];
        state.taken += lock.claim.weight;
        state.holders.emplace_back(order.id, lock.claim.weight);
    }
    held_.insert_or_assign(order.id, std::move(all));
}

void HeldLocks::release(const RunId& run)
{
    const auto found = held_.find(run);
    if (found == held_.end()) return;
    for (const OrderedLock& lock : found->second) {
        const auto place = locks_.find(lock.claim.name);
        Lock& state = place->second;
        state.taken -= lock.claim.weight;
        std::erase_if(state.holders, [&run](const auto& holder) { return holder.first == run; });
        if (state.holders.empty() && state.waiting.empty()) locks_.erase(place);
    }
    held_.erase(found);
}

void HeldLocks::wait(const RunOrder& order)
{
    std::vector<OrderedLock> all = locks_of(order);
    if (all.empty()) return;
    for (const OrderedLock& lock : all) {
        locks_[lock.claim.name].waiting.emplace(order.start_at, order.id);
    }
    wanted_.insert_or_assign(order.id, std::move(all));
}

void HeldLocks::forget(const RunOrder& order)
{
    const auto found = wanted_.find(order.id);
    if (found == wanted_.end()) return;
    for (const OrderedLock& lock : found->second) {
        const auto place = locks_.find(lock.claim.name);
        place->second.waiting.erase({order.start_at, order.id});
        const bool is_unused = place->second.holders.empty() && place->second.waiting.empty();
        if (is_unused) locks_.erase(place);
    }
    wanted_.erase(found);
}

std::string to_text(const HeldLocks::Obstacle& obstacle)
{
    if (obstacle.is_too_large) {
        return fmt::format("it takes {} of the lock {}, whose limit is {}", obstacle.taken,
                           obstacle.lock, obstacle.limit);
    }
    if (!obstacle.is_held) {
        return fmt::format("{} waits for the lock {}", to_string(obstacle.holder), obstacle.lock);
    }
    if (obstacle.limit == 1) {
        return fmt::format("{} holds the lock {}", to_string(obstacle.holder), obstacle.lock);
    }
    return fmt::format("{} of {} of the lock {} are taken, by {} for the longest time",
                       obstacle.taken, obstacle.limit, obstacle.lock, to_string(obstacle.holder));
}

}  // namespace peercron
