#pragma once

#include "base/clock.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {

/// Retries that wait for their time. They have rows, and are at no node: nothing is known of their
/// work, they have no slot and count for no limit. One takes some 230 bytes, since a million may
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

    std::map<RunId, Wait> waits_;
    std::set<std::pair<WallTime, RunId>> by_time_;
    std::unordered_map<RunId, std::string> requested_by_;  ///< of those that a person asked for
};

}  // namespace peercron
