#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {

/// Which runs of this node hold which locks, and which fires wait for some. All runs with a lock
/// are at one node, so what is free here is free.
///
/// A run takes all its locks at once, at its start, and keeps them to its end: so no two wait for
/// each other. Fires that wait get a lock in the order of their times, whatever they take of it; a
/// fire for which other locks are missing as well keeps nothing from others meanwhile.
///
/// Plain bookkeeping without a clock. Thread safety: none.
class HeldLocks {
public:
    /// Why a fire cannot have a lock.
    struct Obstacle {
        std::string lock;
        std::int64_t taken = 0;
        std::int64_t limit = 0;
        RunId holder{};             ///< the oldest one, or the fire that waits for longer
        bool is_held = false;       ///< otherwise it is a fire that waits
        bool is_too_large = false;  ///< it takes more than there is: waiting is of no use
    };
    /// The first lock of `order` that it cannot have now; nullopt: it may start.
    /// @param has_room says of another fire that waits whether all but locks lets it start.
    std::optional<Obstacle> find_obstacle(const RunOrder& order,
                                          const std::function<bool(const RunId&)>& has_room) const;

    /// The run starts, and holds its locks.
    void take(const RunOrder& order);
    void release(const RunId& run);

    /// The fire waits. May be called again.
    void wait(const RunOrder& order);
    void forget(const RunOrder& order);

private:
    using Place = std::pair<WallTime, RunId>;  // by start_at

    struct Lock {
        std::int64_t taken = 0;
        std::vector<std::pair<RunId, std::int64_t>> holders;  // oldest first
        std::set<Place> waiting;
    };

    std::int64_t taken_of(const std::string& name) const;
    bool is_free(const OrderedLock& lock) const;

    std::map<std::string, Lock> locks_;
    std::unordered_map<RunId, std::vector<OrderedLock>> held_;
    std::unordered_map<RunId, std::vector<OrderedLock>> wanted_;  // by those that wait
};

/// For the row of a fire that did not get it.
std::string to_text(const HeldLocks::Obstacle& obstacle);

}  // namespace peercron
