#pragma once

#include "base/clock.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace peercron {

/// Retries that wait for their time. They have rows, and are at no node: nothing is known of their
/// work, they have no slot and count for no limit. One takes some 180 bytes, since a million may
/// wait. Plain memory; one thread.
class WaitingRuns {
public:
    /// Ignored when it waits already.
    void add(WaitingRun run);

    std::size_t size() const { return waits_.size(); }
    bool contains(const RunId& id) const { return waits_.contains(id); }
    /// An attempt of this fire that waits, whichever of its runs `id` is; …
    std::optional<RunId> of_fire(const RunId& id) const;
    /// … of the same part of it.
    std::optional<RunId> of_part(const RunId& id) const;
    std::vector<WaitingRun> of_job(JobId job) const;
    std::optional<WallTime> next_due() const;

    /// Takes it out; nullopt: it is not there.
    std::optional<WaitingRun> take(const RunId& id);
    /// Takes out those that are due by then, the earliest first, and not more than `most`.
    std::vector<WaitingRun> take_due(WallTime until, std::size_t most);

private:
    struct Wait {
        WallTime retry_at{};
        WallTime failed_at{};
    };

    using Waits = std::map<RunId, Wait>;

    struct Earlier {
        bool operator()(const Waits::value_type* a, const Waits::value_type* b) const
        {
            return std::tie(a->second.retry_at, a->first) < std::tie(b->second.retry_at, b->first);
        }
    };

    WaitingRun take(Waits::iterator place);

    Waits waits_;
    std::set<const Waits::value_type*, Earlier> by_time_;  ///< of waits_
    std::unordered_map<RunId, std::string> requested_by_;  ///< of those that a person asked for
};

}  // namespace peercron
